//! `[augment.NAME]`: policies of augmentation, which stages name.

use crate::augment::PolicyConfig;
use crate::base::Result;
use crate::study::{Check, Expansion, Pipeline, Ref, StageKind};

/// The section `augment`.
pub struct Augment;

/// The word for no augmentation, where a stage takes the name of a policy.
pub const NO_POLICY: &str = "none";

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
        for (index, message) in config.problems() {
            let index_key = index.to_string();
            let name = config.ops.get(index).map_or("", |operator| operator.name());
            // Too much hue is a problem of its key, or of the strength that scales it.
            let keys = ["hue", "strength"].into_iter().filter(|_| message.starts_with("hue"));
            let key = keys.into_iter().find(|key| check.is_written(&["ops", &index_key, name, key]));
            let path: Vec<&str> = ["ops", &index_key, name].into_iter().chain(key).collect();
            check.report(&path, message, None);
        }
    }

    fn expand(_: &PolicyConfig, _: &mut Expansion<'_>) -> Result<()> {
        Ok(())
    }
}

/// The name of a policy in a file; the policies are those of the file.
pub(super) fn name_of(policy: &PolicyConfig, pipeline: &Pipeline) -> String {
    let named = pipeline.all::<Augment>().find(|(_, other)| *other == policy);
    named.map(|(name, _)| name.to_owned()).unwrap_or_default()
}

/// The policy that a key names; none where it names none.
pub(super) fn policy<'a>(name: Option<&Ref<Augment>>, pipeline: &'a Pipeline) -> Option<&'a PolicyConfig> {
    name.and_then(|name| pipeline.get(name))
}
