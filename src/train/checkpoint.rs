//! The state of a training run after a step, and its file.
//!
//! A safetensors file: the tensors of the network, of the optimizer and of the best weights, and the metrics as CSV in
//! the metadata, since JSON has no NaN or infinity. Its last tensor is the BLAKE3 digest of all bytes before it, so
//! that damage anywhere is detected.

use crate::base::{Error, Result, files, rows};
use crate::nn::NamedTensor;
use crate::train::{EpochMeans, EpochRecord};
use safetensors::tensor::{Metadata, TensorInfo, TensorView};
use safetensors::{Dtype, SafeTensors};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

/// Format version, increased when checkpoints of earlier versions can no longer be resumed.
const FORMAT: &str = "1";

/// Prefixes of tensor names.
const NETWORK: &str = "network/";
const OPTIMIZER: &str = "optimizer/";
const BEST: &str = "best/";
/// Name of the last tensor of the file.
const DIGEST: &str = "digest";
/// The header of a safetensors file is padded to a multiple of this many bytes.
const ALIGNMENT: usize = 8;

/// Everything that a training run needs to resume with the same result as without a stop.
#[derive(Clone, Debug)]
pub struct Checkpoint<'a> {
    /// Number of steps taken.
    pub step: u64,
    /// Sums over the steps of the unfinished epoch.
    pub means: EpochMeans,
    /// Records of the finished epochs.
    pub records: Cow<'a, [EpochRecord]>,
    /// Parameters and running statistics.
    pub network: Cow<'a, [NamedTensor]>,
    /// State vectors of the optimizer, such as momentum.
    pub optimizer: Cow<'a, [Vec<f32>]>,
    /// The network after its best epoch so far, if early stopping keeps the best.
    pub best: Option<Cow<'a, [NamedTensor]>>,
}

impl Checkpoint<'_> {
    /// Writes the file.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let parts = self.parts()?;
        files::write_atomic_with(path, |file| parts.write(file))
    }

    /// Returns the bytes of the file.
    ///
    /// # Errors
    /// They cannot be serialized, which is a bug.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.parts()?.write(&mut bytes).map_err(|error| Error::bug(error.to_string()))?;
        Ok(bytes)
    }

    /// Returns the digest of the step and of all tensors, which is the same for two ranks of the same run.
    pub(crate) fn digest(&self) -> [u8; blake3::OUT_LEN] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.step.to_le_bytes());
        self.tensors().iter().for_each(|tensor| {
            hasher.update(bytemuck::cast_slice(tensor.values));
        });
        *hasher.finalize().as_bytes()
    }

    fn parts(&self) -> Result<Parts<'_>> {
        let tensors = self.tensors();
        Ok(Parts { header: self.header(&tensors)?, tensors })
    }

    /// Returns every tensor but the digest, in the order of the file.
    fn tensors(&self) -> Vec<StoredTensor<'_>> {
        let named = |prefix: &'static str| move |tensor| StoredTensor::named(prefix, tensor);
        let network = self.network.iter().map(named(NETWORK));
        let optimizer = self.optimizer.iter().enumerate().map(|(i, values)| StoredTensor {
            name: format!("{OPTIMIZER}{i}"),
            shape: vec![values.len()],
            values,
        });
        network.chain(optimizer).chain(self.best.iter().flat_map(|best| best.iter().map(named(BEST)))).collect()
    }

    /// Returns the header: metadata, and the offsets of each tensor.
    fn header(&self, tensors: &[StoredTensor<'_>]) -> Result<Vec<u8>> {
        let (mut infos, mut start) = (Vec::with_capacity(tensors.len() + 1), 0);
        for StoredTensor { name, shape, values } in tensors {
            let data_offsets = (start, start + size_of_val(*values));
            infos.push((name.clone(), TensorInfo { dtype: Dtype::F32, shape: shape.clone(), data_offsets }));
            start = data_offsets.1;
        }
        let data_offsets = (start, start + blake3::OUT_LEN);
        infos.push((DIGEST.into(), TensorInfo { dtype: Dtype::U8, shape: vec![blake3::OUT_LEN], data_offsets }));
        let failed = |error: &dyn std::fmt::Display| Error::bug(format!("cannot serialize a checkpoint: {error}"));
        let metadata = Metadata::new(Some(self.metadata()?), infos).map_err(|error| failed(&error))?;
        let mut header = serde_json::to_vec(&metadata).map_err(|error| failed(&error))?;
        header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
        Ok(header)
    }

    fn metadata(&self) -> Result<HashMap<String, String>> {
        let text = |csv: Vec<u8>| String::from_utf8_lossy(&csv).into_owned();
        Ok(HashMap::from([
            ("format".into(), FORMAT.into()),
            ("step".into(), self.step.to_string()),
            ("means".into(), text(rows::to_csv([&self.means])?)),
            ("records".into(), text(rows::to_csv(self.records.iter())?)),
        ]))
    }
}

/// The parts of a file before its digest.
struct Parts<'a> {
    header: Vec<u8>,
    tensors: Vec<StoredTensor<'a>>,
}

impl Parts<'_> {
    fn each(&self, mut part: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        part(&(self.header.len() as u64).to_le_bytes())?;
        part(&self.header)?;
        self.tensors.iter().try_for_each(|tensor| part(bytemuck::cast_slice(tensor.values)))
    }

    fn write(&self, file: &mut (impl Write + ?Sized)) -> io::Result<()> {
        let mut hasher = blake3::Hasher::new();
        self.each(|bytes| {
            hasher.update(bytes);
            file.write_all(bytes)
        })?;
        file.write_all(hasher.finalize().as_bytes())
    }
}

impl Checkpoint<'static> {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, or has another format; the error says which.
    pub fn read(path: &Path) -> Result<Self> {
        Self::from_bytes(&files::read(path)?)
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// As for [`Checkpoint::read`].
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        check_digest(bytes)?;
        let unreadable = |error| Error::stage(format!("it is not a safetensors file: {error}"));
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(unreadable)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(unreadable)?;
        let mut checkpoint = Self::from_metadata(header.metadata().as_ref())?;
        let mut best = Vec::new();
        for name in header.offset_keys() {
            let view = tensors.tensor(&name).map_err(unreadable)?;
            checkpoint.add_tensor(&name, &view, &mut best)?;
        }
        checkpoint.best = (!best.is_empty()).then_some(Cow::Owned(best));
        Ok(checkpoint)
    }

    /// Returns a checkpoint without tensors.
    fn from_metadata(metadata: Option<&HashMap<String, String>>) -> Result<Self> {
        let text = |name: &str| {
            let text = metadata.and_then(|metadata| metadata.get(name));
            text.ok_or_else(|| Error::stage(format!("it is not a checkpoint of a training run: it has no `{name}`")))
        };
        let format = text("format")?;
        if format != FORMAT {
            return Err(Error::stage(format!("it has format {format}, but this version reads format {FORMAT}")));
        }
        let not_a_number = |_| Error::stage("its step is not a number");
        let means = rows::from_csv(text("means")?.as_bytes())?.pop();
        Ok(Self {
            step: text("step")?.parse().map_err(not_a_number)?,
            means: means.ok_or_else(|| Error::stage("the metrics of its unfinished epoch are missing"))?,
            records: rows::from_csv(text("records")?.as_bytes())?.into(),
            network: Cow::default(),
            optimizer: Cow::default(),
            best: None,
        })
    }

    /// Adds the next tensor of the file.
    fn add_tensor(&mut self, name: &str, view: &TensorView<'_>, best: &mut Vec<NamedTensor>) -> Result<()> {
        if let Some(name) = name.strip_prefix(NETWORK) {
            self.network.to_mut().push(NamedTensor::from_view(name, view)?);
        } else if let Some(name) = name.strip_prefix(OPTIMIZER) {
            self.optimizer.to_mut().push(NamedTensor::from_view(name, view)?.values);
        } else if let Some(name) = name.strip_prefix(BEST) {
            best.push(NamedTensor::from_view(name, view)?);
        }
        Ok(())
    }
}

/// A tensor in the file.
struct StoredTensor<'a> {
    name: String,
    shape: Vec<usize>,
    values: &'a [f32],
}

impl<'a> StoredTensor<'a> {
    fn named(prefix: &str, tensor: &'a NamedTensor) -> Self {
        Self { name: format!("{prefix}{}", tensor.name), shape: tensor.shape.clone(), values: &tensor.values }
    }
}

fn check_digest(bytes: &[u8]) -> Result<()> {
    match bytes.split_last_chunk::<{ blake3::OUT_LEN }>() {
        Some((content, digest)) if blake3::hash(content) == *digest => Ok(()),
        _ => Err(Error::stage("its content does not match its digest")),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::fs;

    fn tensor(name: &str, shape: &[usize], values: &[f32]) -> NamedTensor {
        NamedTensor { name: name.into(), shape: shape.to_vec(), values: values.to_vec() }
    }

    /// Returns a checkpoint with NaN, infinities, subnormal numbers and negative zero.
    pub(crate) fn sample(step: u64) -> Checkpoint<'static> {
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 5e-324, -0.0, 0.1 + 0.2, f64::MAX, 1.0 / 3.0];
        let record = |(epoch, &number): (usize, &f64)| EpochRecord {
            loss: number,
            selection_loss: Some(number),
            gradient_norm: (epoch != 1).then_some(number),
            ..EpochMeans::default().record(epoch + 1)
        };
        let network = vec![
            tensor("b.weight", &[2, 1], &[f32::NAN, f32::MIN_POSITIVE / 4.0]),
            tensor("a.running_mean", &[3], &[-0.0, f32::INFINITY, 0.1]),
        ];
        Checkpoint {
            step,
            means: rows::from_csv(b"steps,loss,accuracy,gradient_norm,learning_rate\n3,NaN,0.1,5e-324,inf\n")
                .unwrap()
                .remove(0),
            records: odd.iter().enumerate().map(record).collect(),
            best: Some(network.iter().rev().cloned().collect()),
            network: network.into(),
            optimizer: (0..12).map(|i| vec![i as f32; i]).collect(),
        }
    }

    /// Distinguishes every value but the payloads of NaN, unlike `==`.
    fn text(checkpoint: &Checkpoint<'_>) -> String {
        format!("{checkpoint:?}")
    }

    #[test]
    fn every_value_survives_a_round_trip() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.safetensors");
        let without_best = Checkpoint { best: None, records: Cow::default(), optimizer: Cow::default(), ..sample(0) };
        for checkpoint in [sample(u64::MAX), without_best] {
            checkpoint.write(&path).unwrap();
            assert_eq!(text(&Checkpoint::read(&path).unwrap()), text(&checkpoint));
        }
    }

    #[test]
    fn the_file_is_a_safetensors_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.safetensors");
        sample(7).write(&path).unwrap();
        let bytes = fs::read(&path).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(tensors.tensor("network/b.weight").unwrap().shape(), [2, 1]);
        assert_eq!(tensors.tensor("digest").unwrap().data(), &bytes[bytes.len() - 32..]);
    }

    #[test]
    fn a_changed_byte_or_a_truncation_is_detected_anywhere() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.safetensors");
        sample(7).write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            assert!(Checkpoint::from_bytes(&damaged).is_err(), "byte {at} of {}", whole.len());
            assert!(Checkpoint::from_bytes(&whole[..at]).is_err(), "cut to {at} bytes of {}", whole.len());
        }
    }

    /// Returns the file with `from` replaced by `to` and its digest recomputed.
    fn rewritten(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let content = &bytes[..bytes.len() - blake3::OUT_LEN];
        let at = content.windows(from.len()).position(|window| window == from.as_bytes()).unwrap();
        let content = [&content[..at], to.as_bytes(), &content[at + to.len()..]].concat();
        [content.as_slice(), blake3::hash(&content).as_bytes()].concat()
    }

    #[test]
    fn a_file_of_another_version_or_program_is_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.safetensors");
        sample(7).write(&path).unwrap();
        let whole = fs::read(&path).unwrap();
        for (from, to, why) in [
            ("\"format\":\"1\"", "\"format\":\"2\"", "format 2"),
            ("\"format\"", "\"farmat\"", "no `format`"),
            ("\"step\":\"7\"", "\"step\":\"x\"", "not a number"),
            ("accuracy", "accurate", "CSV"),
            ("\"F32\"", "\"I32\"", "I32"),
        ] {
            let error = Checkpoint::from_bytes(&rewritten(&whole, from, to)).unwrap_err();
            assert!(error.what().contains(why), "{from} -> {to}: {error}");
        }
    }
}
