//! Something that has happened, or has not.

use crate::error::Result;
use crate::memory::Region;
use crate::shared::seat::Gone;
use crate::shared::sync::{self, Reset};
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::commons::{Commons, Spec};
use crate::toolbox::header::Kind;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Something that processes wait for until one of them says that it has happened:
/// [`Engine::event`](crate::Engine::event), which stays set, and
/// [`Engine::auto_event`](crate::Engine::auto_event), which is cleared by the one that it releases.
///
/// It is Python's `Event`, of which it keeps the promise in one case more: who sets it and clears it at
/// once releases all that waited. **Deaths** of whoever waits or sets block nobody. (In CPython an
/// event is made of a lock and three semaphores; a process that is killed with them blocks all others.)
///
/// ```
/// use gristmill::{Engine, Event};
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let (start, done) = (engine.event()?, engine.event()?);
/// let work = |(start, done): (Event, Event)| {
///     start.wait();
///     done.set();
/// };
/// let child = engine.spawn(work, (start.clone(), done.clone()))?;
/// assert!(!done.is_set());
/// start.set();
/// done.wait();
/// child.join()?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Event {
    anchor: Anchor,
}

fn bury(region: &Region, offset: usize, _: Gone) {
    region.at::<sync::Event>(offset).bury();
}

impl Event {
    pub(crate) fn make(commons: &Arc<Commons>, reset: Reset) -> Result<Event> {
        let spec = Spec {
            kind: Kind::Event,
            purpose: "an event",
            bytes: size_of::<sync::Event>(),
            type_name: std::any::type_name::<Self>(),
            bury,
        };
        let begin = |region: &Region, offset| {
            region.at::<sync::Event>(offset).begin(reset);
            Ok(())
        };
        commons.make(spec, begin).map(Event::over)
    }

    fn over(anchor: Anchor) -> Event {
        Event { anchor }
    }

    fn words(&self) -> &sync::Event {
        self.anchor.words()
    }

    /// It has happened: all that wait are released; of an automatic event one, now or later.
    pub fn set(&self) {
        self.words().set();
    }

    /// It has not happened: who waits from now on waits until it is set again.
    pub fn clear(&self) {
        self.words().clear();
    }

    /// Whether it has happened.
    pub fn is_set(&self) -> bool {
        self.words().is_set()
    }

    /// Waits until it has happened. An automatic event is cleared by that.
    pub fn wait(&self) {
        self.words().wait(None);
    }

    /// Whether it has happened, without waiting. An automatic event is cleared by that.
    pub fn try_wait(&self) -> bool {
        self.words().try_wait()
    }

    /// Waits until it has happened, for so long at most; false if it has not. An automatic event is
    /// cleared by that.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        self.words().wait(Instant::now().checked_add(timeout))
    }
}

travels!([] Event, Kind::Event);
