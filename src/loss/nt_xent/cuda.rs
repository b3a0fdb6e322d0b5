//! NT-Xent on an NVIDIA GPU.

use crate::base::Result;
use crate::loss::tape::device_error;
use crate::loss::{ContrastiveOutput, NtXentConfig, NtXentKernel, Similarity};
use crate::nn::Taped;
use crate::nn::cuda::{self, NtXentResult};
use dfdx::prelude::*;

impl NtXentKernel for Cuda {
    fn nt_xent(z: Taped<Self>, config: &NtXentConfig) -> Result<ContrastiveOutput<Self>> {
        let rows = z.shape().0;
        let (z, mut history) = z.split_tape();
        let device = z.device().clone();
        let cosine = config.similarity == Similarity::Cosine;
        let NtXentResult { loss, accuracy, positive_similarity, gradient } =
            cuda::nt_xent(cuda::from_tensor(&z)?, rows, config.temperature, cosine)?;
        let gradient = cuda::to_storage(&device, &gradient)?;
        let loss = device.try_tensor_from_vec(vec![loss], ()).map_err(device_error)?;
        let (z, result) = (z.ghost(), loss.ghost());
        history.add_backward_op(move |gradients| {
            let upstream = gradients.get(&result).as_vec()[0];
            add(&device, gradients.get_or_alloc_mut(&z)?, upstream, &gradient)
        });
        Ok(ContrastiveOutput { loss: loss.put_tape(history), accuracy, positive_similarity })
    }
}

/// Adds `factor * values` to `into` with the SGD kernel, whose update is `parameter -= rate * gradient`. Generic,
/// because dfdx exposes the kernel only through its trait.
fn add<D: Device<f32>>(
    device: &D,
    into: &mut <D as Storage<f32>>::Vec,
    factor: f32,
    values: &<D as Storage<f32>>::Vec,
) -> std::result::Result<(), D::Err> {
    let rule = SgdConfig { lr: -f64::from(factor), momentum: None, weight_decay: None };
    let mut unused = Storage::<f32>::try_alloc_len(device, Storage::<f32>::len(device, values))?;
    device.sgd_kernel(&rule, into, &mut unused, values)
}
