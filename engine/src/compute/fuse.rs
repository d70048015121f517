//! Fusing: where a step does no more than go on with the same chunks, each chunk goes through both
//! kernels, one behind the other, before the next is claimed. What the first has written the second
//! finds in the caches, and the workers meet once instead of twice.
//!
//! Such a group of steps is issued, claimed, settled and tried again as one: for the protocol it is
//! one step, and its steps are *stages*. Results are the same bits as without: every kernel gets the
//! same chunks, and finds the same in them. A step joins the group before it if
//!
//! - nothing stands between them, no loop, condition or swap;
//! - both have as many indices, cut alike, and no tiles;
//! - neither accumulates into what all chunks share;
//! - its kernel is not made of a scalar that the group yields: that takes all chunks;
//! - what one writes, the other reaches in its own chunk alone;
//! - it does not write anew what the group reads: a chunk that is tried again would read that.
//!   What it updates is copied aside before the first stage;
//! - the group stays small, in stages and in bytes that are copied aside.

use super::access::Kind;
use super::program::{ArgSpec, StepSpec};
use super::table::slot_stride;

/// The most stages: until a group has ended nobody looks for tasks, or whether the plan is cancelled.
pub(super) const STAGES_MAX: usize = 8;
/// The most bytes of a chunk that are copied aside for several stages: it should stay in the caches.
const KEPT_MAX: usize = 1 << 20;

/// Lets a step join the group of steps before it, if it may.
pub(super) fn fuse(group: &mut [StepSpec], next: &mut StepSpec) {
    let mut args = next.args.clone();
    for arg in &mut args {
        // What the group itself updates is kept already; what it writes it will write again.
        arg.kept &=
            !accesses(group).any(|other| arg.array == other.array && other.kind.is_written());
    }
    if !may_join(group, next) || !may_keep(group, &args) {
        return;
    }
    let chunks = next.partition.chunks();
    next.slots_at = group.iter().map(|stage| chunks * slot_stride(stage.slot_bytes)).sum();
    next.args = args;
    for stage in group.iter_mut() {
        let mut written = stage.args.iter().filter(|arg| arg.kind.is_written());
        stage.feeds |= written.any(|arg| next.args.iter().any(|other| other.array == arg.array));
    }
    group[0].followers += 1;
}

fn accesses(group: &[StepSpec]) -> impl Iterator<Item = &ArgSpec> {
    group.iter().flat_map(|stage| &stage.args)
}

fn may_join(group: &[StepSpec], next: &StepSpec) -> bool {
    let is_of_group = |scalar: &usize| group.iter().any(|stage| stage.output == *scalar);
    group.len() < STAGES_MAX
        && group[0].partition == next.partition
        && next.partition.chunks() > 0
        && [&group[0], next].into_iter().all(has_chunks_alone)
        && !next.inputs.iter().any(is_of_group)
        && accesses(group).all(|before| next.args.iter().all(|arg| may_follow(before, arg)))
}

/// Whether each chunk is a matter of its own, and one of indices.
fn has_chunks_alone(step: &StepSpec) -> bool {
    step.tiling.is_none() && !step.args.iter().any(|arg| arg.kind.is_merged())
}

/// Whether an access may follow another in the same chunk, whatever the other chunks are at.
fn may_follow(before: &ArgSpec, after: &ArgSpec) -> bool {
    let kinds = [before.kind, after.kind];
    if before.array != after.array || !kinds.into_iter().any(Kind::is_written) {
        return true;
    }
    let stays = |kind| matches!(kind, Kind::Read | Kind::Write | Kind::Update);
    kinds.into_iter().all(stays)
        && before.stride == after.stride
        && kinds != [Kind::Read, Kind::Write]
}

/// Whether a chunk's copy for a retry stays small, where it is one of several steps.
fn may_keep(group: &[StepSpec], args: &[ArgSpec]) -> bool {
    let grain = group[0].partition.grain();
    let kept = |arg: &ArgSpec| if arg.kept { arg.bytes_of(grain) } else { 0 };
    let before: usize = accesses(group).map(kept).sum();
    let more: usize = args.iter().map(kept).sum();
    before == 0 || more == 0 || before.saturating_add(more) <= KEPT_MAX
}

#[cfg(test)]
mod tests {
    use super::Kind::{Accumulate, Halo, Merge, Read, Update, Whole, Write};
    use super::*;
    use crate::partition::{Partition, Tiling};

    /// A step over 10 chunks that reaches arrays so, by number, and yields the scalar `output`.
    fn step(output: usize, args: &[(usize, Kind)]) -> StepSpec {
        let arg = |&(array, kind)| {
            let kept = kind == Update;
            ArgSpec { array, kind, element_bytes: 8, stride: 1, kept }
        };
        StepSpec {
            table: 0,
            params: vec![],
            inputs: vec![],
            args: args.iter().map(arg).collect(),
            extent: 100,
            partition: Partition::new(100, 10),
            tiling: None,
            halo: 0,
            output,
            slot_bytes: 12,
            cell: args.iter().any(|(_, kind)| *kind == Merge),
            followers: 0,
            slots_at: 0,
            feeds: false,
        }
    }

    /// The steps, and how many of them run with the first.
    fn fused(steps: impl IntoIterator<Item = StepSpec>) -> (Vec<StepSpec>, usize) {
        let mut group: Vec<StepSpec> = vec![];
        for mut next in steps {
            if !group.is_empty() {
                fuse(&mut group, &mut next);
            }
            group.push(next);
        }
        let followers = group[0].followers;
        (group, followers)
    }

    fn join(before: &[(usize, Kind)], next: &[(usize, Kind)]) -> bool {
        fused([step(0, before), step(1, next)]).1 == 1
    }

    fn kept(steps: &[StepSpec]) -> Vec<(usize, usize)> {
        let kept = |(stage, step): (usize, &StepSpec)| {
            let kept = step.args.iter().filter(|arg| arg.kept);
            kept.map(|arg| (stage, arg.array)).collect::<Vec<_>>()
        };
        steps.iter().enumerate().flat_map(kept).collect()
    }

    #[test]
    fn steps_that_go_on_with_their_chunks_run_together() {
        let chain = [
            step(0, &[(0, Read), (1, Write)]),
            step(1, &[(1, Read), (2, Update)]),
            step(2, &[(2, Read), (0, Whole)]),
        ];
        let (steps, followers) = fused(chain);
        assert_eq!(followers, 2);
        assert_eq!([0, 1, 2].map(|stage| steps[stage].slots_at), [0, 160, 320]);
        assert_eq!([0, 1, 2].map(|stage| steps[stage].feeds), [true, true, false]);
        assert_eq!(kept(&steps), [(1, 2)]);
    }

    #[test]
    fn what_one_writes_the_other_reaches_in_its_own_chunk_alone() {
        for written in [Write, Update] {
            assert!(join(&[(0, written)], &[(0, Read)]) && join(&[(0, written)], &[(0, Update)]));
            for (before, after) in [(written, Whole), (written, Halo), (Whole, written)] {
                assert!(!join(&[(0, before)], &[(0, after)]), "{before:?} {after:?}");
                assert!(join(&[(0, before)], &[(1, after)]), "{before:?} {after:?}");
            }
        }
        // What nobody writes is reached as anybody likes.
        assert!(join(&[(0, Whole), (1, Halo)], &[(0, Read), (1, Whole)]));
    }

    #[test]
    fn a_chunk_that_is_tried_again_finds_what_it_began_from() {
        assert!(!join(&[(0, Read)], &[(0, Write)]));
        let kept_of = |first, second| {
            let (steps, followers) = fused([step(0, &[(0, first)]), step(1, &[(0, second)])]);
            assert_eq!(followers, 1, "{first:?} {second:?}");
            kept(&steps)
        };
        assert_eq!(kept_of(Read, Update), [(1, 0)]);
        assert_eq!(kept_of(Update, Update), [(0, 0)]);
        assert_eq!(kept_of(Update, Write), [(0, 0)]);
        assert_eq!(kept_of(Write, Update), []);
    }

    #[test]
    fn a_step_is_compared_with_all_before_it() {
        let three =
            |third: StepSpec| fused([step(0, &[(0, Read)]), step(1, &[(1, Write)]), third]).1;
        assert_eq!(three(step(2, &[(0, Update)])), 2);
        assert_eq!(three(step(2, &[(0, Write)])), 1);
        assert_eq!(three(step(2, &[(1, Whole)])), 1);
        assert_eq!(three(StepSpec { inputs: vec![0], ..step(2, &[(2, Write)]) }), 1);
        assert_eq!(three(StepSpec { inputs: vec![1], ..step(2, &[(2, Write)]) }), 1);
    }

    #[test]
    fn groups_stay_small() {
        let many = (0..20).map(|n| step(n, &[(n, Write)]));
        assert_eq!(fused(many).1, STAGES_MAX - 1);
        let updating = |array, bytes| {
            let mut step = step(array, &[(array, Update)]);
            step.args[0].element_bytes = bytes;
            step
        };
        let of_bytes = |bytes| fused([updating(0, bytes), updating(1, bytes)]).1;
        assert_eq!([KEPT_MAX / 20, KEPT_MAX / 20 + 1].map(of_bytes), [1, 0]);
        // What one step has to keep in any case is no reason.
        assert_eq!(fused([step(0, &[(0, Read)]), updating(0, KEPT_MAX)]).1, 1);
    }

    #[test]
    fn what_takes_all_chunks_or_other_chunks_begins_anew() {
        let first = || step(0, &[(0, Write)]);
        let begins_anew = |change: fn(&mut StepSpec)| {
            let mut next = step(1, &[(0, Read)]);
            change(&mut next);
            fused([first(), next]).1 == 0
        };
        assert!(!begins_anew(|_| {}));
        assert!(begins_anew(|next| next.inputs = vec![3, 0]));
        assert!(!begins_anew(|next| next.inputs = vec![3]));
        assert!(begins_anew(|next| next.partition = Partition::new(100, 20)));
        assert!(begins_anew(|next| next.args[0].stride = 2));
        assert!(begins_anew(|next| *next = step(1, &[(1, Read), (2, Merge)])));
        assert!(begins_anew(|next| *next = step(1, &[(1, Read), (2, Accumulate)])));
        assert!(begins_anew(|next| next.tiling = Some(Tiling::new([10, 10], [1, 10], 10))));
        for first in [step(0, &[(1, Merge)]), step(0, &[(1, Accumulate)])] {
            assert_eq!(fused([first, step(1, &[(0, Read)])]).1, 0);
        }
        let tiled = StepSpec { tiling: Some(Tiling::new([10, 10], [1, 10], 10)), ..first() };
        assert_eq!(fused([tiled, step(1, &[(1, Read)])]).1, 0);
        let none = || StepSpec { partition: Partition::new(0, 1), ..step(0, &[(0, Read)]) };
        assert_eq!(fused([none(), none()]).1, 0);
    }
}
