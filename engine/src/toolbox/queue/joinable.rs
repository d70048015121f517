//! The queue whose messages are leased, and of which can be known when all is done.

use super::getting::Leased;
use super::handle::{Types, layout, make, many, parts, receiving, sending, sending_side, until};
use super::layout::{CELLS, Layout, Parts};
use crate::error::Result;
use crate::shared::exchange::wait;
use crate::shared::seat::Seat;
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::codec::{Codec, Serde};
use crate::toolbox::commons::Commons;
use crate::toolbox::header::Kind;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A queue whose messages are leased rather than taken out: see
/// [`Engine::joinable_queue`](crate::Engine::joinable_queue) and
/// [`Engine::plain_joinable_queue`](crate::Engine::plain_joinable_queue).
///
/// As [`Queue`](crate::Queue); and a message stays in the queue's memory until its [`Lease`] is dropped.
/// [`join`](Self::join) waits until all that was put is done. The lease of a process that dies returns
/// to the queue, and its message is got again, before those that wait; so no `join` waits for the dead.
/// (With CPython's JoinableQueue it does, for ever; and `task_done()`, which here nobody can forget, call
/// twice or call for another's message, raises ValueError if it is called too often.)
///
/// Whoever works on a message may put further ones before it is done: a `join` waits for these too. (The
/// queue must have room for them: where all that get wait for room, nobody makes any.) A message that is
/// just being put counts as unfinished for it.
///
/// Leases do not count for the bound. At most 1024 are out at once. Until it is done, a message that does
/// not fit its place (48 bytes) keeps its room in the queue: as long as none is longer than the bytes that
/// [`Engine::queue`](crate::Engine::queue) promises for each, nobody waits for that. Longer ones have 4 MiB
/// more than in a [`Queue`](crate::Queue) at least, so that who has leased one can put another as long;
/// where leases hold so much that there is no room, who puts waits for them, unless its own process has
/// some of these: then it would wait for itself, and is told [`Error::Limit`](crate::Error::Limit).
///
/// A lease that is dropped because its thread panics goes back, like that of a process that is killed: the
/// message is got again, also by the same process. Nothing counts how often: one over which whoever gets it
/// fails comes again and again. Who would rather have it done with takes it
/// [out of its lease](Lease::into_inner) before the work, or catches the panic.
pub struct JoinableQueue<T: ?Sized, C = Serde> {
    anchor: Anchor,
    layout: Option<Layout>,
    types: Types<T, C>,
}

sending_side!(JoinableQueue);

impl<T: ?Sized + 'static, C: Codec<T>> JoinableQueue<T, C> {
    pub(crate) fn make(commons: &Arc<Commons>, bound: usize) -> Result<Self> {
        let name = std::any::type_name::<Self>();
        Ok(JoinableQueue::over(make::<T, C>(commons, name, bound, CELLS)?))
    }
}

impl<T: ?Sized, C: Codec<T>> JoinableQueue<T, C> {
    /// Leases the next message; waits until there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`](crate::Error::Closed) once the queue is closed, empty, and no lease is out:
    /// those may come back to it. So who keeps all leases until it is told so waits for itself.
    /// [`Error::NotPortable`](crate::Error::NotPortable) if the message cannot be read as its type: it
    /// counts as done. [`Error::Limit`](crate::Error::Limit) beyond 1024 leases at once.
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn get(&self) -> Result<Lease<T, C>> {
        self.get_until(None).map(|lease| lease.expect("waiting has no end"))
    }

    /// Leases the next message if there is one now.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn try_get(&self) -> Result<Option<Lease<T, C>>> {
        self.lease(|parts, bytes| parts.try_lease(Seat::here(), bytes))
    }

    /// Leases the next message; none if there was none for so long.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn get_timeout(&self, timeout: Duration) -> Result<Option<Lease<T, C>>> {
        self.get_until(until(timeout))
    }

    /// Leases at most so many messages: waits for the first, and takes with it what is there.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get), if that comes instead of the first message; what stops the later
    /// ones is met by the next `get`.
    pub fn get_many(&self, max: usize) -> Result<Vec<Lease<T, C>>> {
        self.get_many_until(max, None)
    }

    /// Leases at most so many messages, as [`get_many`](Self::get_many); an empty vector if there was none
    /// for so long.
    ///
    /// # Errors
    ///
    /// As for [`get_many`](Self::get_many).
    pub fn get_many_timeout(&self, max: usize, timeout: Duration) -> Result<Vec<Lease<T, C>>> {
        self.get_many_until(max, until(timeout))
    }

    fn get_many_until(&self, max: usize, until: Option<Instant>) -> Result<Vec<Lease<T, C>>> {
        many(max, || self.get_until(until), || self.try_get())
    }

    fn get_until(&self, until: Option<Instant>) -> Result<Option<Lease<T, C>>> {
        self.lease(|parts, bytes| {
            wait(&parts.words.receivers, until, || parts.try_lease(Seat::here(), bytes))
        })
    }

    /// Leases what `get` gives. What cannot be read is settled as it is dropped; where reading it panics,
    /// it goes back.
    fn lease(
        &self,
        get: impl FnOnce(&Parts<'_>, &mut Vec<u8>) -> Result<Option<Leased>>,
    ) -> Result<Option<Lease<T, C>>> {
        let parts = self.parts()?;
        let got = receiving::<T, C, _>(&self.anchor, |bytes| {
            Ok(get(&parts, bytes)?.map(|leased| self.open(leased)))
        })?;
        got.map(|(open, message)| Ok(Lease { message: message?, open })).transpose()
    }

    fn open(&self, leased: Leased) -> Open {
        let was_panicking = std::thread::panicking();
        Open {
            anchor: self.anchor.clone(),
            layout: self.layout,
            leased: Some(leased),
            was_panicking,
        }
    }

    /// Waits until all messages that were put are done: got, by whoever, and their leases dropped.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn join(&self) -> Result<()> {
        self.join_until(None).map(drop)
    }

    /// Waits until all messages that were put are done; false if that took longer than this.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn join_timeout(&self, timeout: Duration) -> Result<bool> {
        self.join_until(until(timeout))
    }

    fn join_until(&self, until: Option<Instant>) -> Result<bool> {
        let parts = self.parts()?;
        let finished = || parts.is_finished().map(|is_finished| is_finished.then_some(()));
        Ok(wait(&parts.words.joiners, until, finished)?.is_some())
    }

    /// How many messages that were put are not done, at a moment that may be over when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn unfinished(&self) -> Result<usize> {
        Ok(self.parts()?.unfinished()?)
    }
}

/// A message that this process has got and is not done with. It is the message; when it is dropped, the
/// message is done (CPython's `task_done`).
///
/// If the process dies before that, or its thread panics, or the lease is [given back](Lease::nack), the
/// message is got again, by whoever comes next: what it makes somebody do should bear being done twice.
#[must_use = "dropped at once, the message is done and gone"]
pub struct Lease<T: ?Sized, C: Codec<T> = Serde> {
    message: C::Received,
    open: Open,
}

/// Settles when it is dropped.
#[derive(Debug)]
struct Open {
    anchor: Anchor,
    layout: Option<Layout>,
    /// None once it is given back.
    leased: Option<Leased>,
    /// Whether the thread was panicking before, so that a panic says nothing of this.
    was_panicking: bool,
}

impl<T: ?Sized, C: Codec<T>> Lease<T, C> {
    /// The message is done; so it is when the lease is dropped, but by a panic that began after the get.
    pub fn done(self) {}

    /// Gives the message back: it is got again, before those that wait.
    pub fn nack(mut self) {
        self.open.give_back();
    }

    /// The message is done, and is the caller's.
    pub fn into_inner(self) -> C::Received {
        self.message
    }
}

impl Open {
    fn give_back(&mut self) {
        if let (Ok(parts), Some(leased)) = (parts(&self.anchor, self.layout), self.leased.take()) {
            parts.give_back(leased);
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.was_panicking && std::thread::panicking() {
            self.give_back();
        }
        if let (Ok(parts), Some(leased)) = (parts(&self.anchor, self.layout), self.leased) {
            parts.settle(Seat::here(), leased);
        }
    }
}

impl<T: ?Sized, C: Codec<T>> Deref for Lease<T, C> {
    type Target = C::Received;

    fn deref(&self) -> &C::Received {
        &self.message
    }
}

impl<T: ?Sized, C: Codec<T>> fmt::Debug for Lease<T, C>
where
    C::Received: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.message).finish()
    }
}
