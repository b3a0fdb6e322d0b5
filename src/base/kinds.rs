//! Enums of a pipeline file whose variants come from a list.
//!
//! A family (optimizers, schedules, losses) has a trait, a file per member and one list, a macro that passes its lines
//! to one of the macros below or to one of the caller. A line is `module: Variant(Config),` where the module is the
//! file of the member and, at the same time, the key of a pipeline file.

/// Declares the modules of a list and re-exports their configurations.
macro_rules! declare_modules {
    ([$($module:ident: $variant:ident($config:ident),)*]) => {
        $(
            mod $module;
            pub use $module::$config;
        )*
    };
}

/// Declares the enum of a list. Each configuration has a constant `SUMMARY`, the description of its variant.
macro_rules! declare_enum {
    ([$($module:ident: $variant:ident($config:ident),)*] $(#[$meta:meta])* pub enum $name:ident;) => {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        $(#[$meta])*
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $(
                #[doc = concat!("`", stringify!($module), "`.")]
                #[schemars(description = $config::SUMMARY)]
                $variant($config),
            )*
        }

        impl $name {
            /// Returns the key of a pipeline file.
            pub fn key(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => stringify!($module),)*
                }
            }
        }
    };
}

/// Defines the examples of the enum of a list: those of every configuration, for checks.
macro_rules! declare_examples {
    ([$($module:ident: $variant:ident($config:ident),)*] $name:ident) => {
        impl $name {
            /// Returns examples of every member, for checks.
            pub(crate) fn examples() -> Vec<Self> {
                let mut examples = Vec::new();
                $(examples.extend($config::examples().into_iter().map(Self::$variant));)*
                examples
            }
        }
    };
}

/// Matches on a value of the enum of a list, with the same expression for every member.
macro_rules! match_member {
    ([$($module:ident: $variant:ident($config:ident),)*] $name:ident, $value:expr, $member:ident => $result:expr) => {
        match $value {
            $($name::$variant($member) => $result,)*
        }
    };
}

pub(crate) use {declare_enum, declare_examples, declare_modules, match_member};
