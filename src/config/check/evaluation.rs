//! Checks of stages that use the features of a pretraining stage: linear and kNN evaluations, embeddings.

use super::{Checker, NamedTables, TableRef, find};
use crate::analysis::config::KnnConfig;
use crate::config::pipeline::{BatchNormStatistics, BatchOrder, Embed, FeatureStatistics, KnnEval, LinearEval};
use crate::config::raw::{DEFAULT_STATISTICS_BATCH, RawEmbed, RawKnnEval, RawLinearEval, RawPretrain};

impl Checker<'_> {
    pub(super) fn linear_evals(&mut self, pretrains: &NamedTables<RawPretrain>) -> Vec<LinearEval> {
        let mut evaluations = Vec::new();
        for (name, raw) in self.named::<RawLinearEval>("linear_eval") {
            let Some(raw) = raw else { continue };
            let stage = TableRef { section: "linear_eval", name: &name };
            self.depths(stage, &raw.depths, &raw.from, find(pretrains, &raw.from));
            let statistics = self.statistics(stage, raw.statistics, (raw.statistics_batch, raw.statistics_order));
            let labeled_fractions = raw.labeled_fraction.to_vec();
            self.fractions(stage, &labeled_fractions);
            let training = self.linear_training(stage, &raw);
            evaluations.push(LinearEval {
                from: raw.from,
                depths: raw.depths,
                labeled_fractions,
                label_draw: raw.label_draw,
                statistics,
                standardize: raw.standardize,
                training,
                name,
            });
        }
        evaluations
    }

    pub(super) fn knn_evals(&mut self, pretrains: &NamedTables<RawPretrain>) -> Vec<KnnEval> {
        let mut evaluations = Vec::new();
        for (name, raw) in self.named::<RawKnnEval>("knn_eval") {
            let Some(raw) = raw else { continue };
            let stage = TableRef { section: "knn_eval", name: &name };
            self.depths(stage, &raw.depths, &raw.from, find(pretrains, &raw.from));
            let statistics = self.statistics(stage, raw.statistics, (raw.statistics_batch, raw.statistics_order));
            let labeled_fractions = raw.labeled_fraction.to_vec();
            self.fractions(stage, &labeled_fractions);
            evaluations.push(KnnEval {
                from: raw.from,
                depths: raw.depths,
                labeled_fractions,
                statistics,
                knn: KnnConfig { k: raw.k, temperature: raw.temperature },
                name,
            });
        }
        evaluations
    }

    pub(super) fn embeds(&mut self, pretrains: &NamedTables<RawPretrain>) -> Vec<Embed> {
        let mut embeddings = Vec::new();
        for (name, raw) in self.named::<RawEmbed>("embed") {
            let Some(raw) = raw else { continue };
            let stage = TableRef { section: "embed", name: &name };
            self.depths(stage, &raw.depths, &raw.from, find(pretrains, &raw.from));
            let statistics = self.statistics(stage, raw.statistics, (raw.statistics_batch, raw.statistics_order));
            embeddings.push(Embed {
                from: raw.from,
                depths: raw.depths,
                subset: raw.subset,
                statistics,
                method: raw.method,
                name,
            });
        }
        embeddings
    }

    /// Returns the batch-norm statistics, with the composition of batches for `statistics = "batch"`.
    fn statistics(
        &mut self,
        stage: TableRef<'_>,
        statistics: BatchNormStatistics,
        (images, order): (Option<usize>, Option<BatchOrder>),
    ) -> FeatureStatistics {
        if statistics == BatchNormStatistics::Batch {
            let (images, order) = (images.unwrap_or(DEFAULT_STATISTICS_BATCH), order.unwrap_or_default());
            return FeatureStatistics::Batch { images, order };
        }
        for (key, is_written) in [("statistics_batch", images.is_some()), ("statistics_order", order.is_some())] {
            if is_written {
                let message = format!("`{key}` cannot be combined with `statistics = \"running\"`");
                let help = "remove it, or set `statistics = \"batch\"`".to_owned();
                self.report(&stage.at(&[key]), message, help);
            }
        }
        FeatureStatistics::Running
    }
}
