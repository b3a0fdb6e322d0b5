//! What identifies an image, whatever its name and label.

use crate::base::hash::Digest;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Text of [`ImageId::Unreadable`].
const UNREADABLE: &str = "cannot be read";

/// The identity of an image; its order is that of the texts.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImageId {
    /// Digest of its file.
    Digest(Digest),
    /// Its number among the images of its part, if it has no file of its own.
    Number(u32),
    /// Its file cannot be read.
    Unreadable,
}

impl Ord for ImageId {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Digest(a), Self::Digest(b)) => a.cmp(b),
            _ => self.to_string().cmp(&other.to_string()),
        }
    }
}

impl PartialOrd for ImageId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest(digest) => digest.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Unreadable => f.write_str(UNREADABLE),
        }
    }
}

impl fmt::Debug for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ImageId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            UNREADABLE => Ok(Self::Unreadable),
            _ => text.parse().map(Self::Digest).or_else(|problem| text.parse().map(Self::Number).map_err(|_| problem)),
        }
    }
}

impl Serialize for ImageId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ImageId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_survive_as_texts_and_are_in_their_order() {
        let mut ids = vec![ImageId::Unreadable, ImageId::Number(7), ImageId::Number(12)];
        ids.extend((0..300_u32).map(|number| ImageId::Digest(Digest::of(&number.to_le_bytes()))));
        let texts: Vec<String> = ids.iter().map(ToString::to_string).collect();
        assert_eq!(texts[3].len(), 32);
        assert_eq!(texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<ImageId>>(), ids);
        let (mut by_id, mut by_text) = (ids, texts);
        by_id.sort_unstable();
        by_text.sort_unstable();
        assert_eq!(by_id.iter().map(ToString::to_string).collect::<Vec<_>>(), by_text);
        for wrong in ["", "-1", "cannot", "ABCDEF0123456789ABCDEF0123456789", "4294967296"] {
            assert!(wrong.parse::<ImageId>().is_err(), "{wrong}");
        }
    }
}
