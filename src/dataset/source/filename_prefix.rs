//! A single directory of images whose names contain their class: `cat_0012.jpg`.

use super::directories::{Directories, DirectoryListing};
use super::entries::Root;
use super::pattern::Pattern;
use super::problem::{SourceProblem, check_group, default_test_fraction};
use super::{Listing, MAX_NAMED, Source};
use crate::base::text::visible;
use crate::base::{Error, Result};
use crate::dataset::store::StoreForm;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// The class is the beginning of the file name, as in `cat_0012.jpg`.
///
/// Subdirectories are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FilenamePrefix {
    /// Directory of the training images. If it has instead the directories `train` and `test`, and perhaps `val` and
    /// `unlabeled`, these are used, and others are not; without `test`, `val` is the test set.
    #[schemars(extend("format" = "path", "x-formerly" = ["path"]))]
    pub train: PathBuf,
    /// Directory of validation images, which are used instead of `validation_fraction`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub validation: Option<PathBuf>,
    /// Directory of the test images; without it, `test_fraction` of the training images is held out.
    #[schemars(extend("format" = "path"))]
    pub test: Option<PathBuf>,
    /// Directory of images without labels, at any depth, that pretraining uses in addition to the training images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub unlabeled: Option<PathBuf>,
    /// Text between the class and the rest of the name. Default: `"_"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub separator: Option<String>,
    /// Which separator ends the class: `"last"` takes `american_bulldog` from `american_bulldog_12.jpg`. Default:
    /// `"first"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub separator_at: Option<SeparatorAt>,
    /// Regular expression with a group named `class` that is searched in each file name, such as
    /// `"^\\d+-(?<class>.+)\\.jpg$"`, instead of a separator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// Regular expression with a group named `group`, such as `"(?<group>patient\\d+)"`, that is searched in each file
    /// name. No group has images on both sides of a split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_pattern: Option<Pattern>,
    /// Fraction of the images held out for testing if there is no test directory, stratified by class.
    #[serde(default = "default_test_fraction")]
    #[schemars(range(max = 1), extend("exclusiveMinimum" = 0))]
    pub test_fraction: f64,
}

/// Which of several separators ends the class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SeparatorAt {
    /// The first one in the file name.
    #[default]
    First,
    /// The last one.
    Last,
}

impl FilenamePrefix {
    fn directories(&self) -> Directories<'_> {
        Directories {
            train: &self.train,
            validation: self.validation.as_deref(),
            test: self.test.as_deref(),
            unlabeled: self.unlabeled.as_deref(),
            group_pattern: self.group_pattern.as_ref(),
            test_fraction: self.test_fraction,
        }
    }

    fn separator(&self) -> &str {
        self.separator.as_deref().unwrap_or("_")
    }

    /// Returns the class in a file name, if there is one.
    fn class<'a>(&self, name: &'a str) -> Option<&'a str> {
        if let Some(pattern) = &self.pattern {
            return pattern.group("class", name);
        }
        let parts = match self.separator_at.unwrap_or_default() {
            SeparatorAt::First => name.split_once(self.separator()),
            SeparatorAt::Last => name.rsplit_once(self.separator()),
        };
        parts.map(|(class, _)| class).filter(|class| !class.is_empty())
    }

    /// Returns the rule, as a clause.
    fn rule(&self) -> String {
        match (&self.pattern, self.separator_at.unwrap_or_default()) {
            (Some(pattern), _) => format!("the class is what {} finds in the file name", visible(pattern.as_str())),
            (None, at) => {
                let at = if at == SeparatorAt::First { "first" } else { "last" };
                format!("the class is the file name before the {at} `{}`", visible(self.separator()))
            }
        }
    }

    /// Returns a note on the first name that has more than a number after its class, since that may belong to the class.
    fn note(&self, found: &DirectoryListing) -> Option<String> {
        if self.pattern.is_some() || self.separator_at.is_some() {
            return None;
        }
        let separator = self.separator();
        let has_more_words = |class: &str, name: &str| {
            let rest = name.get(class.len() + separator.len()..).and_then(|rest| rest.rsplit_once(separator));
            rest.is_some_and(|(middle, _)| middle.contains(char::is_alphabetic))
        };
        let (class, name, _) = found.images.iter().find(|(class, name, _)| has_more_words(class, name))?;
        let (class, name) = (visible(class), visible(&name));
        Some(format!(
            "`{name}` is of the class `{class}`, the part before the first `{}`; if the class is longer, set \
             `separator_at = \"last\"` or a `pattern`, else `separator_at = \"first\"`",
            visible(separator)
        ))
    }

    /// Lists a directory of images; subdirectories are ignored.
    fn list_directory(&self, Root { path: root, entries, passed_over }: Root) -> Result<DirectoryListing> {
        let mut found = DirectoryListing { passed_over, ..DirectoryListing::default() };
        let mut without_class = Vec::new();
        let mut directories = 0;
        for entry in entries {
            if entry.is_directory {
                found.passed_over.add("subdirectory", &entry.name);
                directories += 1;
                continue;
            }
            match self.class(&entry.name) {
                Some(class) => found.images.push(class, &entry.name, &entry.path),
                None => without_class.push(entry.name),
            }
        }
        if !without_class.is_empty() {
            let named = without_class.iter().take(MAX_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            return Err(Error::stage(format!("{} images have no class in their name: {named}", without_class.len()))
                .at(root.display().to_string())
                .help(format!("{}; for other names, set `separator` or `pattern`", self.rule())));
        }
        if found.images.len() == 0 && directories > 0 {
            return Err(Error::stage("there are no images, only directories")
                .at(root.display().to_string())
                .help("for one directory per class, use `image_folder` instead of `filename_prefix`"));
        }
        found.classes = found.images.classes();
        found.note = self.note(&found);
        Ok(found)
    }
}

impl Source for FilenamePrefix {
    fn check(&self, is_written: &dyn Fn(&str) -> bool) -> Vec<SourceProblem> {
        let mut problems = self.directories().check(is_written);
        let Some(pattern) = &self.pattern else { return problems };
        problems.extend(check_group("pattern", pattern, "class"));
        for key in ["separator", "separator_at"].into_iter().filter(|key| is_written(key)) {
            problems.push(SourceProblem::exclusive(key, "`pattern`"));
        }
        problems
    }

    fn list(&self, _: usize) -> Result<Listing> {
        let directories = self.directories();
        directories.list(directories.layout()?, true, &|root| self.list_directory(root))
    }

    fn content(&self, _: usize, held_out: Option<f64>) -> Value {
        json!({ "test_fraction": held_out })
    }

    fn most_compact(&self) -> StoreForm {
        StoreForm::None
    }

    fn place(&self) -> String {
        self.train.display().to_string()
    }

    fn describe(&self) -> String {
        "images with the class in the file name".to_owned()
    }

    fn class_rule(&self) -> Option<&'static str> {
        Some(
            "`filename_prefix` takes the class from the file name before the first `_`, unless `separator` or \
             `pattern` says otherwise; `image_folder` expects one directory per class",
        )
    }
}
