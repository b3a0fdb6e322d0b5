//! What an augmentation operator is: one implementation of [`Operator`] per operator.

use crate::augment::Scratch;
use crate::base::rng::Rng;
use crate::imaging::{Flip, ImageRef, Region};

/// An augmentation operator: its parameters in a pipeline file, and what it does to an image.
///
/// An operator is the type of its parameters, in a file named as its key in a pipeline file, and one line in the list
/// of [`augment`](crate::augment). Its documentation and schema are those of the pipeline file:
/// `docs/configuration.md` and `docs/pipeline.schema.json` are made from it.
pub trait Operator {
    /// Returns what it does in a sentence, for the list of operators in the documentation.
    fn summary() -> &'static str
    where
        Self: Sized;

    /// Returns the probability of being applied; none for an operator that is not random and always applied.
    fn probability(&self) -> Option<f64>;

    /// Whether it requires values in [0, 1].
    fn needs_unit_range(&self) -> bool;

    /// Whether values in [0, 1] are still in [0, 1] when it has been applied.
    fn keeps_unit_range(&self) -> bool {
        true
    }

    /// Whether it is also applied in evaluation.
    fn is_for_evaluation(&self) -> bool {
        false
    }

    /// Whether it crops a random region.
    fn crops_at_random(&self) -> bool {
        false
    }

    /// Returns what is wrong with its parameters beyond single values.
    fn problem(&self) -> Option<OperatorProblem> {
        None
    }

    /// Samples the region of the original image that a policy beginning with this operator resizes to the image size,
    /// instead of applying the operator; none for an operator that does not select a region.
    fn region(&self, _image: ImageRef<'_>, _rng: &mut Rng) -> Option<Region> {
        None
    }

    /// Samples what becomes of `flip`, the flips that are part of the initial resizing, where the operator follows
    /// directly, instead of applying it; none for an operator that is not a flip.
    fn flip(&self, _flip: Flip, _rng: &mut Rng) -> Option<Flip> {
        None
    }

    /// Samples its other parameters and changes the intermediate image; called only if it is to be applied.
    fn apply(&self, scratch: &mut Scratch, rng: &mut Rng);
}

/// What is wrong with an operator of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorProblem {
    /// Keys of the operator that can be the cause, the first of them in the file being the place of the problem; empty
    /// where the operator as a whole is.
    pub keys: &'static [&'static str],
    /// A sentence without a period.
    pub message: String,
}

/// Defines `OperatorConfig`, an enum with one variant per operator, from the `module::Type` of each; the module is
/// named as the key of the operator in a pipeline file.
macro_rules! operators {
    ($($name:ident::$Operator:ident),+ $(,)?) => {
        $(pub use $name::$Operator;)+

        /// One operator with its parameters.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum OperatorConfig {
            $(
                #[doc = concat!("`", stringify!($name), "`")]
                #[schemars(description = <$name::$Operator as $crate::augment::Operator>::summary())]
                $Operator($name::$Operator),
            )+
        }

        impl OperatorConfig {
            /// Names of all operators in a pipeline file.
            #[cfg(test)]
            const NAMES: &[&str] = &[$(stringify!($name)),+];

            /// Returns the name in a pipeline file.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$Operator(_) => stringify!($name),)+
                }
            }

            /// Returns the operator of whatever type.
            pub fn operator(&self) -> &dyn $crate::augment::Operator {
                match self {
                    $(Self::$Operator(operator) => operator,)+
                }
            }
        }
    };
}

pub(super) use operators;

/// Default of many probabilities.
pub(super) fn half() -> f64 {
    0.5
}

/// Default of factors and of probabilities of operators that are applied by default.
pub(super) fn one() -> f64 {
    1.0
}
