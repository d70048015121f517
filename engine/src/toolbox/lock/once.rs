//! What is to be done by one process alone.

use super::latch::{self, Latch, Open};
use crate::error::Result;
use crate::machine::Until;
use crate::memory::Region;
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::commons::{Commons, Spec};
use crate::toolbox::header::Kind;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Lets one process of many do something, once: [`Engine::once`](crate::Engine::once).
///
/// Python has nothing like it, and programs make it of a lock and a flag. **Deaths:** if whoever runs it
/// dies or panics, the next one runs it, and is told.
///
/// ```
/// use gristmill::{Engine, Once, Shared};
///
/// fn work((ready, table): (Once, Shared<[f64; 3]>)) -> f64 {
///     ready
///         .call_once(|_before| {
///             table.set([1.0, 1.5, 2.0]).unwrap();
///         })
///         .unwrap();
///     table.get().unwrap()[1]
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let (ready, table) = (engine.once()?, engine.shared([0.0; 3])?);
/// let children = [(); 3].map(|()| engine.spawn(work, (ready.clone(), table.clone())));
/// for child in children {
///     assert_eq!(child?.join()?, 1.5);
/// }
/// assert!(!ready.call_once(|_| unreachable!())?);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Once {
    latch: Latch,
}

/// What became of the runs before this one of what a [`Once`] is for.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let once = engine.once()?;
/// let run = once.call_once(|before| assert_eq!(before, gristmill::RunBefore::None))?;
/// assert!(run && !once.call_once(|_| ())?);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunBefore {
    /// There was none.
    None,
    /// It died or panicked: what it did may be half done.
    Failed,
}

const WHAT: &str = "a once";

/// What the word says when all is done: not 1, which a stray write may leave.
const DONE: u64 = 0x0D0E_0CE0_0A11_D04E;

impl Once {
    pub(crate) fn make(commons: &Arc<Commons>) -> Result<Once> {
        let (type_name, bytes) = (std::any::type_name::<Self>(), size_of::<AtomicU64>());
        let spec = Spec { kind: Kind::Once, purpose: WHAT, bytes, type_name, bury: latch::bury };
        Ok(Once::over(latch::make(commons, spec, |_: &Region, _| {})?))
    }

    fn over(anchor: Anchor) -> Once {
        Once { latch: Latch::over(anchor, WHAT) }
    }

    fn word(&self) -> &AtomicU64 {
        self.latch.anchor.region().at(self.latch.guarded())
    }

    /// Runs `run` unless it has been run, by whomever; waits while another runs it. True if it was run
    /// here. In any case it is done when this returns, and what it wrote is seen.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](crate::Error::Broken) if somebody wrote over it.
    ///
    /// # Panics
    ///
    /// If `run` does, and if it is called within it.
    pub fn call_once(&self, run: impl FnOnce(RunBefore)) -> Result<bool> {
        if self.is_done() {
            return Ok(false);
        }
        let hold = self.latch.hold(Until::Forever)?.expect("waiting has no end");
        if self.is_done() {
            return Ok(false);
        }
        let mut open = Open::new(hold);
        let before = if open.is_accepted() { RunBefore::None } else { RunBefore::Failed };
        open.accept();
        run(before);
        self.word().store(DONE, Release);
        Ok(true)
    }

    /// Whether it has been run.
    pub fn is_done(&self) -> bool {
        self.word().load(Acquire) == DONE
    }
}

travels!([] Once, Kind::Once, latch.anchor);
