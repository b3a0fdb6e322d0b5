//! A pipeline file as checked tables, and a study as its variants.

use crate::document::short_names;
use crate::engine::store::Verify;
use crate::study::kind::AnyConfig;
use crate::study::{Ref, StageKind};
use std::collections::BTreeMap;

/// A pipeline file with its sweep expanded; one variant if there is no sweep.
#[derive(Clone, Debug)]
pub struct Study {
    /// Name of the study, also of its directory under the output directory.
    pub name: String,
    /// Title of the report.
    pub title: String,
    /// The combinations of the sweep, in order.
    pub variants: Vec<Variant>,
}

/// One combination of the sweep's values.
#[derive(Clone, Debug)]
pub struct Variant {
    /// Its swept values, as (dotted path, value as TOML text); empty if there is no sweep.
    pub settings: Vec<(String, String)>,
    /// The pipeline with these values.
    pub pipeline: Pipeline,
}

/// One pipeline: the keys at the top of the file, and every table of every section.
#[derive(Clone, Debug)]
pub struct Pipeline {
    /// Seed of every random number.
    pub seed: u64,
    /// Device on which training runs.
    pub device: DeviceChoice,
    /// When artifacts are compared with their digests.
    pub verify: Verify,
    pub(super) tables: Vec<Table>,
}

/// A table of a section.
#[derive(Clone, Debug)]
pub(super) struct Table {
    pub(super) section: &'static str,
    pub(super) name: String,
    pub(super) config: AnyConfig,
    /// Position among the tables of its section in the file.
    pub(super) position: usize,
}

/// Device on which training runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first CUDA device if it is available, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device with this number, else the first; of ranks that are processes each takes one of its own.
    Cuda(Option<usize>),
}

impl Study {
    /// Returns the swept paths, each with its shortest unique suffix.
    pub fn short_names(&self) -> BTreeMap<&str, &str> {
        let settings = self.variants.first().map(|variant| variant.settings.as_slice()).unwrap_or_default();
        short_names(&settings.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>())
    }
}

impl DeviceChoice {
    /// Parses `auto`, `cpu`, `cuda` or `cuda:N`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "auto" => Some(Self::Auto),
            "cpu" => Some(Self::Cpu),
            "cuda" => Some(Self::Cuda(None)),
            other => Some(Self::Cuda(Some(other.strip_prefix("cuda:")?.parse().ok()?))),
        }
    }
}

impl Pipeline {
    /// Returns the tables of a section with their names, in the order of the file, except that each comes after those
    /// of the section that it refers to.
    pub fn all<K: StageKind>(&self) -> impl Iterator<Item = (&str, &K::Config)> {
        let of_section = self.tables.iter().filter(|table| table.section == K::SECTION);
        of_section.filter_map(|table| Some((table.name.as_str(), table.config.downcast_ref()?)))
    }

    /// Returns the tables of a section with their names, in the order of the file.
    pub(crate) fn in_file_order<K: StageKind>(&self) -> impl Iterator<Item = (&str, &K::Config)> {
        let mut tables: Vec<&Table> = self.tables.iter().filter(|table| table.section == K::SECTION).collect();
        tables.sort_by_key(|table| table.position);
        tables.into_iter().filter_map(|table| Some((table.name.as_str(), table.config.downcast_ref()?)))
    }

    /// Returns the table that a key names; `None` if it could not be read, which has been reported.
    pub fn get<K: StageKind>(&self, reference: &Ref<K>) -> Option<&K::Config> {
        self.all::<K>().find(|(name, _)| *name == reference.name()).map(|(_, config)| config)
    }
}
