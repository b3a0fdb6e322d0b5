//! `[augment.NAME]`: augmentation policies, to which stages refer.

use crate::augment::PolicyConfig;
use crate::base::Result;
use crate::study::{Check, Expansion, Pipeline, Ref, StageKind};

/// The section `augment`.
pub struct Augment;

/// Name that means no augmentation, where a stage takes the name of a policy.
pub(crate) const NO_POLICY: &str = "none";

impl StageKind for Augment {
    const SECTION: &'static str = "augment";
    const IS_COMPUTED: bool = false;
    type Config = PolicyConfig;

    fn check(config: &PolicyConfig, check: &mut Check<'_>) {
        if check.name() == NO_POLICY {
            let message = format!("a policy cannot be named `{NO_POLICY}`");
            let help = format!("`augment = \"{NO_POLICY}\"` means no augmentation: choose another name");
            check.report(&[], message, help);
        }
        for (index, problem) in config.problems() {
            let index_key = index.to_string();
            let name = config.ops.get(index).map_or("", |operator| operator.name());
            let mut keys = problem.keys.iter().copied();
            let key = keys.find(|key| check.is_written(&["ops", &index_key, name, key]));
            let path: Vec<&str> = ["ops", &index_key, name].into_iter().chain(key).collect();
            check.report(&path, problem.message, None);
        }
    }

    fn expand(_: &PolicyConfig, _: &mut Expansion<'_>) -> Result<()> {
        Ok(())
    }
}

/// Returns the name of a policy of the file.
pub(super) fn name_of(policy: &PolicyConfig, pipeline: &Pipeline) -> String {
    let named = pipeline.all::<Augment>().find(|(_, other)| *other == policy);
    named.map(|(name, _)| name.to_owned()).unwrap_or_default()
}

/// Returns the policy that a key names, if any.
pub(super) fn policy<'a>(name: Option<&Ref<Augment>>, pipeline: &'a Pipeline) -> Option<&'a PolicyConfig> {
    name.and_then(|name| pipeline.get(name))
}
