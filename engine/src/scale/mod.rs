//! Scaling studies: how far a workload gets faster with more workers, measured so that others
//! believe it.
//!
//! A [`Study`] runs [`Workload`]s on engines with different numbers of workers; its [`Results`] are
//! saved, shown and [compared](Comparison). The command is `gristmill scale`; docs/scaling.md says
//! how to read what it shows.
//!
//! | file | what |
//! |---|---|
//! | `study`, `rounds`, `lane` | what is measured, in which order, by which engines |
//! | `roof`, `conditions` | what the machine can do at most, and what happened on it meanwhile |
//! | `median`, `fit` | medians with intervals, and laws of scaling |
//! | `assemble`, `marks` | from samples to results, and what is to be said against them |
//! | `results`, `save` | scale.json |
//! | `table`, `picture`, `page` | what people look at |
//! | `compare`, `card` | two studies, and the score card |

mod assemble;
mod card;
mod compare;
mod conditions;
mod crew;
mod estimate;
mod file_error;
mod findings;
mod finish;
mod fit;
mod lane;
#[cfg(test)]
mod made_up;
mod marks;
mod median;
mod numbers;
mod page;
mod picture;
mod results;
mod roof;
mod rounds;
mod save;
mod studied_machine;
mod study;
#[cfg(test)]
mod synthetic;
mod table;
mod verdict;
mod words;

pub use crate::batch::{Size, Work, Workload};
pub(crate) use card::Cards;
pub use compare::{Comparison, Difference, Verdict};
pub use estimate::Estimate;
pub use file_error::FileError;
pub use results::{
    Conditions, Counted, Curve, Fit, Mark, MarkKind, Method, Model, Point, Predicted, Results,
    Roof, Runtime, SCHEMA, Scaling, StudiedMachine,
};
pub use study::{Stage, Study};
