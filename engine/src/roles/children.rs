//! What the coordinator keeps of its child processes: what each is to run, what came along with its
//! arguments, and how it ended.

use super::coordinator::Core;
use crate::error::{DeathRecord, Error};
use crate::memory::Block;
use crate::process::Limits;
use crate::shared::child::{ChildOutcome, ChildPost};
use crate::shared::crossing::Luggage;
use crate::shared::seat::CHILDREN_MAX;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// All of them, by place.
pub(crate) struct Children(Mutex<Records>);

pub(super) struct Records {
    /// Of the next process: a place may have had others before.
    pub(super) next_number: u64,
    /// The supervisor starts no more.
    pub(super) is_closed: bool,
    pub(super) all: [Option<Record>; CHILDREN_MAX],
}

/// Of one child process, until it has been joined or let go.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) number: u64,
    pub(super) name: String,
    pub(super) terms: Terms,
    pub(super) stage: Stage,
    /// Keeps what its arguments refer to.
    pub(super) luggage: Luggage,
    /// Its arguments, and room for its result.
    pub(super) _room: Block,
    /// Room for a result that is too large for that.
    pub(super) large: Option<Block>,
    /// Why there was none.
    pub(super) refused: String,
    /// Nobody will ask for its result.
    pub(super) is_detached: bool,
}

/// What a child process may do.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Terms {
    pub(super) cpu: Option<usize>,
    pub(super) limits: Limits,
    /// How long it may take in all.
    pub(super) deadline: Option<Duration>,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum Stage {
    /// The supervisor is to start it.
    Asked,
    Runs {
        pid: i32,
    },
    /// It could not be started.
    NotStarted(Option<Error>),
    /// It was reaped, and its seat is free.
    Over(DeathRecord),
}

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().all.iter().flatten()).finish()
    }
}

impl Default for Children {
    fn default() -> Children {
        Children(Mutex::new(Records {
            next_number: 1,
            is_closed: false,
            all: [const { None }; CHILDREN_MAX],
        }))
    }
}

impl Children {
    pub(super) fn lock(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Records {
    /// The record at a place that is taken.
    pub(super) fn at(&mut self, place: usize) -> &mut Record {
        self.all[place].as_mut().expect("the place of a process that was not joined")
    }

    pub(super) fn taken(&mut self) -> impl Iterator<Item = (usize, &mut Record)> {
        let all = self.all.iter_mut().enumerate();
        all.filter_map(|(place, record)| Some((place, record.as_mut()?)))
    }
}

impl Stage {
    /// Of a process that the engine will not start any more, for this reason if there is one.
    pub(super) fn too_late(reason: Option<Error>) -> Stage {
        let ended = || Error::Start { reason: "the engine has ended".into() };
        Stage::NotStarted(Some(reason.unwrap_or_else(ended)))
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Stage::Over(_) | Stage::NotStarted(_))
    }
}

impl Core {
    /// The words of a child process.
    pub(super) fn post(&self, place: usize) -> &ChildPost {
        &self.control().block.children[place]
    }

    /// Gives room to children whose results need more than they have. Part of answering wishes.
    pub(super) fn answer_children(&self) {
        for (place, record) in self.children.lock().taken() {
            let post = self.post(place);
            let Some(wanted) = post.wanted(record.number) else { continue };
            match self.memory.allocate("the result of a child process", wanted) {
                Ok(block) => {
                    let room = [block.offset() as u64, block.len() as u64];
                    record.large = Some(block);
                    post.grant(record.number, room);
                }
                Err(error) => {
                    record.refused = error.to_string();
                    post.settle(record.number, ChildOutcome::NoRoom as u64);
                }
            }
        }
    }
}
