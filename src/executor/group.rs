//! From stages to tasks: what runs in one process, and in which wave.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Kinds that are long as long as no record tells otherwise; the others take a few percent of the time of a study.
const TRAINING: [&str; 2] = ["pretrain", "supervised"];
/// Assumed seconds of a short stage without an estimate.
const UNKNOWN_SECONDS: f64 = 30.0;

/// A stage to compute.
#[derive(Clone, Debug)]
pub(super) struct Needed<'a> {
    /// Its kind.
    pub(super) kind: &'a str,
    /// Estimated seconds, if known.
    pub(super) seconds: Option<f64>,
    /// Positions of those of its inputs that have to be computed too; all are before it.
    pub(super) inputs: Vec<usize>,
}

/// Stages that run in one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Wave, from 0. What a task reads is computed by itself or by tasks of earlier waves.
    pub(super) wave: usize,
    /// Positions of the stages, in order.
    pub(super) stages: Vec<usize>,
}

struct Grouping {
    groups: Vec<Group>,
    /// Group of each stage so far.
    of_stage: Vec<usize>,
    /// Short stages with equal inputs share a group.
    by_inputs: BTreeMap<BTreeSet<usize>, usize>,
    /// Group of short stages without inputs that is being filled, and its seconds.
    open: Option<(usize, f64)>,
    fuse_below: f64,
}

/// Groups stages: every long one is a task; a short one goes with what feeds it, so that it does not wait in the queue
/// again. Waves are in ascending order.
pub(super) fn group(stages: &[Needed<'_>], fuse_below: Duration) -> Vec<Group> {
    let mut grouping = Grouping {
        groups: Vec::new(),
        of_stage: Vec::new(),
        by_inputs: BTreeMap::new(),
        open: None,
        fuse_below: fuse_below.as_secs_f64(),
    };
    for (position, stage) in stages.iter().enumerate() {
        let group = grouping.group_of(stage);
        grouping.groups[group].stages.push(position);
        grouping.of_stage.push(group);
    }
    let mut groups = grouping.groups;
    groups.sort_by_key(|group| group.wave);
    groups
}

impl Grouping {
    fn group_of(&mut self, stage: &Needed<'_>) -> usize {
        let is_long = match stage.seconds {
            Some(seconds) => seconds >= self.fuse_below,
            None => TRAINING.contains(&stage.kind),
        };
        let feeding: BTreeSet<usize> = stage.inputs.iter().map(|input| self.of_stage[*input]).collect();
        let last = feeding.iter().map(|group| self.groups[*group].wave).max();
        let wave = last.map_or(0, |wave| wave + 1);
        if is_long {
            return self.new_group(wave);
        }
        let nearest: BTreeSet<usize> =
            feeding.iter().copied().filter(|group| Some(self.groups[*group].wave) == last).collect();
        match nearest.len() {
            0 => self.without_inputs(stage.seconds.unwrap_or(UNKNOWN_SECONDS)),
            1 => nearest.into_iter().next().unwrap_or_default(),
            _ => match self.by_inputs.get(&nearest) {
                Some(group) => *group,
                None => {
                    let group = self.new_group(wave);
                    self.by_inputs.insert(nearest, group);
                    group
                }
            },
        }
    }

    /// Short stages without inputs fill tasks up to the length of a long stage.
    fn without_inputs(&mut self, seconds: f64) -> usize {
        let (group, before) = match self.open {
            Some((group, before)) if before + seconds <= self.fuse_below => (group, before),
            _ => (self.new_group(0), 0.0),
        };
        self.open = Some((group, before + seconds));
        group
    }

    fn new_group(&mut self, wave: usize) -> usize {
        self.groups.push(Group { wave, stages: Vec::new() });
        self.groups.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped(stages: &[(&'static str, Option<f64>, &[usize])]) -> Vec<(usize, Vec<usize>)> {
        let stages: Vec<Needed<'_>> = stages
            .iter()
            .map(|(kind, seconds, inputs)| Needed { kind, seconds: *seconds, inputs: inputs.to_vec() })
            .collect();
        group(&stages, Duration::from_secs(300)).into_iter().map(|group| (group.wave, group.stages)).collect()
    }

    #[test]
    fn short_stages_go_with_what_feeds_them() {
        let groups = grouped(&[
            ("dataset", None, &[]),
            ("split", None, &[0]),
            ("pretrain", None, &[1]),
            ("pretrain", None, &[1]),
            ("features", None, &[1, 2]),
            ("features", None, &[1, 3]),
            ("knn_eval", None, &[0, 4]),
            ("similarity", None, &[4, 5]),
            ("similarity", None, &[5, 4]),
            ("supervised", None, &[2]),
        ]);
        assert_eq!(
            groups,
            [(0, vec![0, 1]), (1, vec![2, 4, 6]), (1, vec![3, 5]), (2, vec![7, 8]), (2, vec![9])],
            "shared stages first, then a task for each pretraining run with its evaluations, then what reads several"
        );
    }

    #[test]
    fn estimates_decide_what_is_short() {
        let groups = grouped(&[("pretrain", Some(20.0), &[]), ("linear_eval", Some(900.0), &[0])]);
        assert_eq!(groups, [(0, vec![0]), (1, vec![1])]);
        let many: Vec<(&'static str, Option<f64>, &[usize])> = vec![("knn_eval", Some(100.0), &[]); 7];
        assert_eq!(grouped(&many), [(0, vec![0, 1, 2]), (0, vec![3, 4, 5]), (0, vec![6])]);
        assert!(grouped(&[]).is_empty());
    }

    proptest::proptest! {
        #[test]
        fn inputs_are_in_the_same_task_or_an_earlier_wave(
            stages in proptest::collection::vec((0..3_usize, 0..600_u32, proptest::collection::vec(0..100_usize, 0..4)), 0..40)
        ) {
            let kinds = ["pretrain", "features", "knn_eval"];
            let needed: Vec<Needed<'_>> = stages.iter().enumerate().map(|(at, (kind, seconds, inputs))| Needed {
                kind: kinds[*kind],
                seconds: (*seconds > 100).then_some(f64::from(*seconds)),
                inputs: inputs.iter().filter(|_| at > 0).map(|input| input % at.max(1)).collect(),
            }).collect();
            let groups = group(&needed, Duration::from_secs(300));
            let of = |stage: usize| groups.iter().find(|group| group.stages.contains(&stage)).unwrap();
            assert_eq!(groups.iter().map(|group| group.stages.len()).sum::<usize>(), needed.len());
            for (at, stage) in needed.iter().enumerate() {
                assert!(stage.inputs.iter().all(|input| of(*input).wave < of(at).wave || std::ptr::eq(of(*input), of(at))));
            }
        }
    }
}
