//! The macro behind the list of sources.

/// Declares the module of each source, [`SourceConfig`](super::SourceConfig) with a variant for each, and the dispatch.
///
/// An entry is `module::Type`: the name of the module is the key in the pipeline file, the name of the type that of the
/// variant, and the first paragraph of the type's documentation that of the key. Attributes of the variant may precede.
macro_rules! sources {
    ($($(#[$attribute:meta])* $module:ident::$Source:ident,)+) => {
        $(
            mod $module;
            pub use $module::$Source;
        )+

        /// Where the images come from. Relative paths are relative to the pipeline file.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum SourceConfig {
            $(
                #[doc = concat!("[`", stringify!($Source), "`].")]
                #[schemars(description = summary::<self::$module::$Source>())]
                $(#[$attribute])*
                $Source(self::$module::$Source),
            )+
        }

        impl SourceConfig {
            /// Returns the key of the source in the pipeline file.
            pub fn key(&self) -> &'static str {
                match self {
                    $(Self::$Source(_) => stringify!($module),)+
                }
            }

            /// Returns the source.
            pub(crate) fn source(&self) -> &dyn Source {
                match self {
                    $(Self::$Source(source) => source,)+
                }
            }
        }
    };
}
