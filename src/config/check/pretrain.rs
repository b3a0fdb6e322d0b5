//! Checks of pretraining and supervised stages: what they start from, and their augmentation.

use super::{Checker, NO_POLICY, NamedTables, TableRef, find, in_dependency_order};
use crate::augment::PolicyConfig;
use crate::config::pipeline::{Pretrain, Supervised};
use crate::config::raw::{RawPretrain, RawSupervised};
use crate::model::EncoderConfig;
use std::collections::BTreeMap;

impl Checker<'_> {
    pub(super) fn pretrains(
        &mut self,
        raw: &NamedTables<RawPretrain>,
        policies: &BTreeMap<String, PolicyConfig>,
    ) -> Vec<Pretrain> {
        let mut pretrains = Vec::new();
        for (name, pretrain) in raw {
            let Some(pretrain) = pretrain else { continue };
            let stage = TableRef { section: "pretrain", name };
            self.start(stage, pretrain.init_from.as_deref(), &pretrain.encoder, raw);
            self.optimizer(stage, &pretrain.optimizer);
            self.schedule(stage, &pretrain.schedule, pretrain.epochs);
            pretrains.extend(policies.get(&pretrain.augment).map(|policy| build(name, pretrain, policy)));
        }
        self.cycles();
        in_dependency_order(pretrains)
    }

    pub(super) fn supervised(
        &mut self,
        pretrains: &NamedTables<RawPretrain>,
        policies: &BTreeMap<String, PolicyConfig>,
    ) -> Vec<Supervised> {
        let mut networks = Vec::new();
        for (name, raw) in self.named::<RawSupervised>("supervised") {
            let Some(raw) = raw else { continue };
            let stage = TableRef { section: "supervised", name: &name };
            self.start(stage, raw.init_from.as_deref(), &raw.encoder, pretrains);
            let labeled_fractions = raw.labeled_fraction.to_vec();
            self.fractions(stage, &labeled_fractions);
            let (budget, training) = self.supervised_training(stage, &raw);
            networks.push(Supervised {
                policy: augmentation(&raw, pretrains).and_then(|policy| policies.get(policy).cloned()),
                init_from: raw.init_from,
                encoder: raw.encoder,
                precision: raw.precision,
                hidden: raw.hidden,
                labeled_fractions,
                label_draw: raw.label_draw,
                budget,
                training,
                gradient_clip: raw.gradient_clip,
                name,
            });
        }
        networks
    }

    /// Checks that a network has the same encoder as the stage that it starts from.
    fn start(
        &mut self,
        stage: TableRef<'_>,
        from: Option<&str>,
        encoder: &EncoderConfig,
        pretrains: &NamedTables<RawPretrain>,
    ) {
        let Some(from) = from else { return };
        if let Some(start) = find(pretrains, from)
            && !start.encoder.has_same_layers_as(encoder)
        {
            let message =
                format!("`[pretrain.{from}]` and `[{}.{}]` have different encoders", stage.section, stage.name);
            let help = "weights can only be loaded into the same encoder: make the two `encoder` keys equal".to_owned();
            self.report(&stage.at(&["init_from"]), message, help);
        }
    }

    /// Reports pretraining stages that start from each other, or from themselves.
    fn cycles(&mut self) {
        let names = self.declared.get("pretrain").cloned().unwrap_or_default();
        let start_of =
            |name: &str| self.text(&TableRef { section: "pretrain", name }.at(&["init_from"])).map(str::to_owned);
        let mut cycles: Vec<Vec<String>> = Vec::new();
        for name in names {
            let mut chain = vec![name];
            while let Some(next) = chain.last().and_then(|last| start_of(last)) {
                if let Some(first) = chain.iter().position(|name| *name == next) {
                    if !cycles.iter().flatten().any(|name| *name == next) {
                        cycles.push(chain.split_off(first));
                    }
                    break;
                }
                chain.push(next);
            }
        }
        cycles.iter().for_each(|names| self.cycle(names));
    }

    fn cycle(&mut self, names: &[String]) {
        let cycle: Vec<&str> = names.iter().chain(names.first()).map(String::as_str).collect();
        let message = match names {
            [name] => format!("`[pretrain.{name}]` starts from itself"),
            _ => format!("`init_from` forms a cycle: {}", cycle.join(" -> ")),
        };
        let Some(first) = names.first() else { return };
        let help = "remove one `init_from`: one stage must start from random weights".to_owned();
        self.report(&TableRef { section: "pretrain", name: first }.at(&["init_from"]), message, help);
    }
}

/// Returns the name of the policy that a supervised network is trained with: its own, that of the pretraining stage it
/// starts from, or that of the first pretraining stage in the file.
fn augmentation<'a>(raw: &'a RawSupervised, pretrains: &'a NamedTables<RawPretrain>) -> Option<&'a str> {
    let of_pretrain = || match &raw.init_from {
        Some(start) => find(pretrains, start),
        None => pretrains.first().and_then(|(_, first)| first.as_ref()),
    };
    let own = raw.augment.as_deref();
    own.or_else(|| of_pretrain().map(|pretrain| pretrain.augment.as_str())).filter(|policy| *policy != NO_POLICY)
}

fn build(name: &str, raw: &RawPretrain, policy: &PolicyConfig) -> Pretrain {
    Pretrain {
        name: name.to_owned(),
        policy: policy.clone(),
        init_from: raw.init_from.clone(),
        encoder: raw.encoder.clone(),
        precision: raw.precision,
        projection: raw.projection.clone(),
        batch_norm: raw.batch_norm,
        loss: raw.loss.clone(),
        optimizer: raw.optimizer.for_batch_size(raw.batch_size),
        schedule: raw.schedule.clone(),
        epochs: raw.epochs,
        batch_size: raw.batch_size,
        gradient_clip: raw.gradient_clip,
    }
}
