//! Layers of encoders. Each owns its forward pass, its backward pass, its parameters and its rows of the summary; a new
//! kind of layer is a file here and a line in [`layers!`].

mod builder;
mod encoder;
mod global_average;
mod max_pool;
mod pass;
mod residual;
mod unit;

pub(super) use builder::{BlockKind, EncoderBuilder, ResidualOptions};
pub(super) use encoder::{Encoder, IMAGE_CHANNELS, NormConstants};
pub(super) use max_pool::MaxPoolLayer;
pub(super) use pass::{BackwardPass, ForwardPass, NormStatistics, SavedActivations};
pub(super) use residual::Residual;
pub(super) use unit::{Unit, UnitOutput};

use crate::base::Result;
use crate::nn::Backend;

/// A layer between feature maps, one for each shard of the batch. Its parameters, running statistics and rows of the summary are registered when it is
/// created ([`Registry`](super::registry::Registry)).
pub(super) trait MapLayer {
    /// Returns the output; what the backward pass needs beside input and output is saved in the pass.
    fn forward<D: Backend>(&self, pass: &mut ForwardPass<'_, D>, input: &[D::Map]) -> Result<Vec<D::Map>>;

    /// Writes the gradients of the parameters and returns that of the input, given that of the output. Takes back what
    /// the forward pass saved; all buffers are released to the pool as soon as they are not needed.
    fn backward<D: Backend>(
        &self,
        pass: &mut BackwardPass<'_, D>,
        input: &[D::Map],
        output: Vec<D::Map>,
        gradient: Vec<D::Map>,
    ) -> Result<Vec<D::Map>>;
}

/// Declares [`Layer`] with a variant per kind of layer.
macro_rules! layers {
    ($($kind:ident($layer:ty)),* $(,)?) => {
        /// A layer of an encoder after its stem.
        #[derive(Clone, Debug)]
        #[expect(clippy::large_enum_variant, reason = "an encoder has a few dozen layers")]
        pub(super) enum Layer {
            $($kind($layer),)*
        }

        impl MapLayer for Layer {
            fn forward<D: Backend>(&self, pass: &mut ForwardPass<'_, D>, input: &[D::Map]) -> Result<Vec<D::Map>> {
                match self {
                    $(Self::$kind(layer) => layer.forward(pass, input),)*
                }
            }

            fn backward<D: Backend>(
                &self,
                pass: &mut BackwardPass<'_, D>,
                input: &[D::Map],
                output: Vec<D::Map>,
                gradient: Vec<D::Map>,
            ) -> Result<Vec<D::Map>> {
                match self {
                    $(Self::$kind(layer) => layer.backward(pass, input, output, gradient),)*
                }
            }
        }
    };
}

layers! {
    MaxPool(MaxPoolLayer),
    Residual(Residual),
}
