//! The samples of a tar file: members that are next to each other and have the same name before the first period.

use super::container::{ClassNames, invalid};
use super::entries::is_image;
use super::tar_index::{Member, members};
use crate::base::text::visible;
use crate::base::{Result, human};
use crate::dataset::passed_over::PassedOver;
use serde_json::Value;
use std::collections::HashSet;
use std::io::{self, Read};
use std::mem;
use std::path::Path;

/// Maximum bytes of the member with a label, which is read when the tar file is opened.
const MAX_LABEL_MEMBER: u64 = 1 << 20;

/// Which members of a sample are used.
pub(super) struct SampleKeys<'a> {
    /// Extension of the image; `None` for the only image.
    pub(super) image: Option<&'a str>,
    /// Extension of the label; `None` if images have no labels.
    pub(super) label: Option<&'a str>,
    /// Key of the label in a JSON object.
    pub(super) label_key: &'a str,
    pub(super) class_names: &'a ClassNames,
}

/// An image of a tar file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) image: Member,
    /// The name of its class.
    pub(super) label: Option<String>,
}

/// Returns the samples of a tar file, in their order, and the names that have neither image nor label.
///
/// # Errors
/// The file is damaged, has no images, or samples lack an image or a label, or have several.
pub(super) fn samples(path: &Path, keys: &SampleKeys<'_>) -> Result<(Vec<Sample>, PassedOver)> {
    let mut found = Found {
        keys,
        samples: Vec::new(),
        passed_over: PassedOver::default(),
        problems: Vec::new(),
        seen: HashSet::new(),
    };
    let mut current = Draft::default();
    members(path, |member, content| found.add(member, content, &mut current))?;
    found.finish(current);
    let help = "an image and its label have the same name before the first period, such as `0001.jpg` and `0001.cls`, \
                and are next to each other";
    match found.problems.as_slice() {
        [] if found.samples.is_empty() => {
            Err(invalid(path, &[("all members".to_owned(), "there are no images".to_owned())], help))
        }
        [] => Ok((found.samples, found.passed_over)),
        problems => Err(invalid(path, problems, help)),
    }
}

/// Samples and problems so far.
struct Found<'a> {
    keys: &'a SampleKeys<'a>,
    samples: Vec<Sample>,
    passed_over: PassedOver,
    /// Problems with the names of their samples.
    problems: Vec<(String, String)>,
    seen: HashSet<String>,
}

/// A sample whose members are being read.
#[derive(Default)]
struct Draft {
    name: String,
    image: Option<Member>,
    label: Option<String>,
    problem: Option<String>,
}

impl Found<'_> {
    /// Adds a member to the current sample, or to the next one if its name is another.
    fn add(&mut self, member: Member, content: &mut dyn Read, current: &mut Draft) -> io::Result<()> {
        let Some((name, extension)) = split_name(&member.name) else {
            self.passed_over.add("without extension", &member.name);
            return Ok(());
        };
        if name != current.name {
            let next = Draft { name: name.to_owned(), ..Draft::default() };
            self.finish(mem::replace(current, next));
        }
        let is = |key: &str| key.eq_ignore_ascii_case(extension);
        if self.keys.label.is_some_and(is) {
            let label = self.label(extension, member.length, content)?;
            let second = current.label.is_some().then(|| format!("there are two labels `{extension}`"));
            current.problem = current.problem.take().or(second).or(label.as_ref().err().cloned());
            current.label = Some(label.unwrap_or_default());
        } else if self.keys.image.map_or_else(|| is_image(&member.name), is) {
            if let Some(first) = &current.image {
                let names = format!("`{}` and `{}`", visible(&first.name), visible(&member.name));
                let problem = format!("there are two images, {names}: set `image` to the extension of one");
                current.problem.get_or_insert(problem);
            }
            current.image = Some(member);
        }
        Ok(())
    }

    /// Reads a label; the inner error is what is wrong with it.
    fn label(&self, extension: &str, length: u64, content: &mut dyn Read) -> io::Result<Result<String, String>> {
        if length > MAX_LABEL_MEMBER {
            return Ok(Err(format!("the label has {}", human::bytes(length))));
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        let text = if is_json(extension) {
            label_of_json(&bytes, self.keys.label_key)
        } else {
            String::from_utf8(bytes).map_err(|_| "the label is not UTF-8".to_owned())
        };
        Ok(text.and_then(|text| self.keys.class_names.class(text.trim())))
    }

    fn finish(&mut self, draft: Draft) {
        let Draft { name, image, label, problem } = draft;
        let missing = match (&image, &label) {
            (None, None) => {
                if !name.is_empty() {
                    self.passed_over.add("without image and label", &name);
                }
                return;
            }
            (None, Some(_)) => Some("there is a label, but no image".to_owned()),
            (Some(_), None) => self.keys.label.map(|label| format!("there is an image, but no label `{label}`")),
            _ => None,
        };
        let twice = (!self.seen.insert(name.clone())).then(|| "the name occurs twice".to_owned());
        match (problem.or(missing).or(twice), image) {
            (Some(problem), _) => self.problems.push((name, problem)),
            (None, Some(image)) => self.samples.push(Sample { image, label }),
            (None, None) => {}
        }
    }
}

/// Divides a path at the first period of its last part; `None` for names that are hidden or have no extension.
pub(super) fn split_name(path: &str) -> Option<(&str, &str)> {
    let start = path.rfind('/').map_or(0, |slash| slash + 1);
    let period = start + path[start..].find('.')?;
    (period > start).then(|| (&path[..period], &path[period + 1..]))
}

/// Returns whether members with this extension are JSON.
pub(super) fn is_json(extension: &str) -> bool {
    extension.to_ascii_lowercase().ends_with("json")
}

fn label_of_json(bytes: &[u8], key: &str) -> Result<String, String> {
    let json: Value = serde_json::from_slice(bytes).map_err(|error| format!("the label is not JSON: {error}"))?;
    match json.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) if !number.is_f64() => Ok(number.to_string()),
        Some(Value::Bool(truth)) => Ok(truth.to_string()),
        Some(_) => Err(format!("`{}` in the JSON is not a text or a whole number", visible(key))),
        None => Err(format!("the JSON has no key `{}`: set `label_key` to the key of the label", visible(key))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_end_at_the_first_period_of_the_last_part() {
        for (path, expected) in [
            ("0001.jpg", Some(("0001", "jpg"))),
            ("a.b/0001.left.jpg", Some(("a.b/0001", "left.jpg"))),
            ("a/.hidden.jpg", None),
            ("a/README", None),
            ("é.jpg", Some(("é", "jpg"))),
            ("", None),
        ] {
            assert_eq!(split_name(path), expected, "{path}");
        }
    }

    #[test]
    fn labels_of_json_are_texts_or_whole_numbers() {
        let label = |json: &str| label_of_json(json.as_bytes(), "label");
        assert_eq!(label(r#"{"label": 3, "other": 1}"#), Ok("3".to_owned()));
        assert_eq!(label(r#"{"label": "cat"}"#), Ok("cat".to_owned()));
        for json in ["", "3", "{}", "[[[", r#"{"label": 1.5}"#, r#"{"label": ["cat"]}"#, &"[".repeat(100_000)] {
            assert!(label(json).is_err(), "{json}");
        }
    }
}
