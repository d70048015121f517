//! Looking whether the words can be what the protocol has stored: by the coordinator, at intervals,
//! while everything goes on. Nothing here is needed where nobody writes what is not theirs.

use super::atomics::{Atomics, Word64};
use super::words::{Board, Claim, Post, State};
use crate::shared::damage::Damage;
use std::sync::atomic::Ordering::Acquire;

/// A step that nobody is at work on, and that nobody can take up any more; or a worker that sleeps
/// and says that it is at work. Either may be seen in passing, so it is a sign of damage only where
/// it is found twice, unchanged: no state comes back, as issues grow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standstill {
    issue: u64,
    states: Vec<State>,
    count: u64,
    /// What this is a sign of.
    pub(crate) damage: Damage,
}

impl<A: Atomics> Board<'_, A> {
    /// What a single look proves.
    pub(crate) fn impossible(&self) -> Option<Damage> {
        let states: Vec<State> = self.posts.iter().map(Post::look).collect();
        // Read after them: nobody announces an issue before it is published.
        let epoch = self.epoch();
        states.iter().any(|state| state.issue() > epoch).then_some(Damage::State)
    }

    /// A standstill, in a step that is not at rest. `lives` says whether there is a worker of this
    /// rank.
    pub(crate) fn standstill(&self, lives: impl Fn(usize) -> bool) -> Option<Standstill> {
        let issue = self.epoch();
        let states: Vec<State> = self.posts.iter().map(Post::look).collect();
        let ranks = || states.iter().enumerate().filter(|(rank, _)| lives(*rank));
        let dreams =
            ranks().any(|(rank, state)| state.busy_with().is_some() && self.is_asleep(rank));
        let at_work = ranks().any(|(_, state)| state.busy_with() == Some(issue));
        let tag = Claim::tag::<A>(issue);
        let is_left = |post: &Post<A>| {
            let claim = Claim::unpack(post.claim.0.load(Acquire));
            claim.tag == tag && claim.lo < claim.hi
        };
        // Whoever was idle in this issue does not come back to it.
        let comes = ranks().any(|(_, state)| *state != State::idle(issue));
        let goes_on = at_work || comes && self.posts.iter().any(is_left);
        let damage = match (dreams, goes_on) {
            (true, _) => Damage::State,
            (_, false) => Damage::Count,
            _ => return None,
        };
        let count = self.heart.count.0.load(Acquire);
        Some(Standstill { issue, states, count, damage })
    }
}

impl<A: Atomics> Post<A> {
    fn look(&self) -> State {
        State(self.state.load(Acquire))
    }
}

impl State {
    fn issue(self) -> u64 {
        self.0 >> 1
    }
}
