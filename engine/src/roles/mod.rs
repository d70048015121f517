//! Floor 6: the two sides of the protocol, and the engine that users hold.

mod arrays;
mod audit;
mod builder;
mod burial;
mod chaos;
mod child;
mod children;
mod coordinator;
mod crash_report;
mod deadlines;
mod engine;
mod errand;
mod fault_place;
mod handle;
mod launch;
mod notifier;
mod npy;
mod nursery;
mod open_queue;
mod pace;
mod placement;
mod process;
#[cfg(feature = "cli")]
mod raw;
mod recovery_points;
mod recovery_times;
mod repair;
#[cfg(feature = "cli")]
mod replay;
mod supervisor;
mod tasks;
mod things;
#[cfg(test)]
mod threads_alone;
#[cfg(test)]
mod threads_and_workers;
mod watch;
#[cfg(test)]
mod wild_writes;
mod worker;

#[cfg(feature = "cli")]
pub(crate) use arrays::OWN_WORK_MIN;
#[cfg(feature = "cli")]
pub(crate) use builder::WORKER_MEMORY_MIN;
pub use builder::{Builder, Wait};
#[cfg(feature = "cli")]
pub(crate) use chaos::{Action, Inflicted};
pub use chaos::{Chaos, ChaosGuard, ChaosTally};
#[cfg(feature = "cli")]
pub(crate) use coordinator::{About, Buried};
pub use coordinator::{Progress, Stats};
pub use crash_report::CrashReport;
pub use engine::Engine;
pub use placement::{ParsePinError, Pin};
pub use process::{Process, Spawn};
pub use tasks::{Branches, TaskHandle, TaskPool, TaskQueue, TaskResults, Tasks, Unordered};
pub use watch::{Activity, Disturbance, WorkerActivity};
