//! Checks of what looks at a pretraining's features: linear and kNN evaluations, embeddings.

use super::{Checker, Named, Stage, find};
use crate::analysis::config::KnnConfig;
use crate::config::pipeline::{Embed, KnnEval, LinearEval};
use crate::config::raw::{RawEmbed, RawKnnEval, RawLinearEval, RawPretrain};

impl Checker<'_> {
    pub(super) fn linear_evals(&mut self, pretrains: &Named<RawPretrain>) -> Vec<LinearEval> {
        let mut evaluations = Vec::new();
        for (name, raw) in self.named::<RawLinearEval>("linear_eval") {
            let Some(raw) = raw else { continue };
            let stage = Stage { section: "linear_eval", name: &name };
            self.depths(stage, &raw.depths, &raw.from, find(pretrains, &raw.from));
            let labeled_fractions = raw.labeled_fraction.to_vec();
            self.fractions(stage, &labeled_fractions);
            let training = self.linear_training(stage, &raw);
            evaluations.push(LinearEval {
                from: raw.from,
                depths: raw.depths,
                labeled_fractions,
                label_draw: raw.label_draw,
                statistics: raw.statistics,
                standardize: raw.standardize,
                training,
                name,
            });
        }
        evaluations
    }

    pub(super) fn knn_evals(&mut self, pretrains: &Named<RawPretrain>) -> Vec<KnnEval> {
        let mut evaluations = Vec::new();
        for (name, raw) in self.named::<RawKnnEval>("knn_eval") {
            let Some(raw) = raw else { continue };
            let stage = Stage { section: "knn_eval", name: &name };
            self.depths(stage, &raw.depths, &raw.from, find(pretrains, &raw.from));
            let labeled_fractions = raw.labeled_fraction.to_vec();
            self.fractions(stage, &labeled_fractions);
            evaluations.push(KnnEval {
                from: raw.from,
                depths: raw.depths,
                labeled_fractions,
                statistics: raw.statistics,
                knn: KnnConfig { k: raw.k, temperature: raw.temperature },
                name,
            });
        }
        evaluations
    }

    pub(super) fn embeds(&mut self, pretrains: &Named<RawPretrain>) -> Vec<Embed> {
        let mut embeddings = Vec::new();
        for (name, raw) in self.named::<RawEmbed>("embed") {
            let Some(raw) = raw else { continue };
            let stage = Stage { section: "embed", name: &name };
            self.depths(stage, &raw.depths, &raw.from, find(pretrains, &raw.from));
            embeddings.push(Embed {
                from: raw.from,
                depths: raw.depths,
                subset: raw.subset,
                statistics: raw.statistics,
                method: raw.method,
                name,
            });
        }
        embeddings
    }
}
