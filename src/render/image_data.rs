//! Images of a report: thumbnails of test images, and what refers to them.

use base64::prelude::{BASE64_STANDARD, Engine};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An encoded image file, serialized as Base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
pub struct EncodedImage(pub Vec<u8>);

impl From<Vec<u8>> for EncodedImage {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl EncodedImage {
    /// Returns the bytes as Base64.
    pub(crate) fn base64(&self) -> String {
        BASE64_STANDARD.encode(&self.0)
    }
}

impl Serialize for EncodedImage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.base64())
    }
}

impl<'de> Deserialize<'de> for EncodedImage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Small versions of test images, or of training images if there are no test images, in one JPEG.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Thumbnails {
    /// Name of the data set; empty for `[dataset]`.
    pub dataset: String,
    /// Number of images that they were sampled from, evenly.
    pub total: usize,
    /// Whether they are test images.
    pub are_test: bool,
    /// Side of a thumbnail in pixels.
    pub side: usize,
    /// Thumbnails per row of the JPEG.
    pub columns: usize,
    /// The JPEG, row by row.
    pub jpeg: EncodedImage,
    /// The images, in the order of their thumbnails.
    pub images: Vec<Thumbnail>,
}

/// An image with a thumbnail.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Thumbnail {
    /// Position among the images of its part, from 0.
    pub position: usize,
    /// Name inside the source.
    pub name: String,
    /// Name of its class; empty without labels.
    pub class: String,
}

/// A test image with a thumbnail that an evaluation classified wrongly.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Mistake {
    /// Name of the image inside the source.
    pub image: String,
    /// Its class.
    pub class: String,
    /// The predicted class.
    pub predicted: String,
    /// Probability of the predicted class; for kNN, its fraction of the votes.
    pub confidence: f32,
}

/// Similarities between the representations of images at one depth: of two views of an image (positive pairs), of views
/// of different images (negative pairs), and of images without augmentation (nearest neighbors).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct SimilarityRow {
    /// Name of the pretraining run.
    pub run: String,
    /// Whether the encoder is untrained.
    pub is_untrained: bool,
    /// Name of the data set; empty for `[dataset]`.
    pub dataset: String,
    /// Swept settings of this row.
    pub variant: String,
    /// Name of the depth.
    pub depth_label: String,
    /// Number of positive pairs by cosine similarity, in equal bins from −1 to 1.
    pub positives: Vec<usize>,
    /// The same of the negative pairs.
    pub negatives: Vec<usize>,
    /// Nearest neighbors of a few images.
    pub neighbors: Vec<Neighbors>,
    /// Cosine similarities of the pairs that are shown as images.
    pub examples: Vec<PairCosines>,
    /// Key of the artifact with these images.
    pub pairs: String,
}

/// Cosine similarities of views that are shown as images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct PairCosines {
    /// Of both views of the image.
    pub positive: f32,
    /// Of its first view and the first view of the next image; of the last image, that of the first.
    pub negative: f32,
}

/// The nearest neighbors of an image by cosine similarity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Neighbors {
    /// Position of the image, see [`Thumbnail::position`].
    pub image: usize,
    /// Position and cosine similarity of each neighbor, the nearest first.
    pub nearest: Vec<(usize, f32)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_image_round_trips_through_json() {
        let image = EncodedImage(vec![0, 255, 7]);
        let text = serde_json::to_string(&image).unwrap();
        assert_eq!(text, "\"AP8H\"");
        assert_eq!(serde_json::from_str::<EncodedImage>(&text).unwrap(), image);
        assert!(serde_json::from_str::<EncodedImage>("\"?\"").is_err());
    }
}
