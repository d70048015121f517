//! The queue whose messages are leased, and of which can be known when all is done.

use super::handle::{Types, layout, make, parts, receiving, sending, sending_side, until};
use super::layout::{CELLS, Layout, Parts};
use super::store::Leased;
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
/// Whoever works on a message may put further ones before it is done: a `join` waits for these too. A
/// message that is just being put counts as unfinished for it.
///
/// Leases do not count for the bound: who puts never waits for one. At most 1024 are out at once.
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
    /// [`Error::Closed`](crate::Error::Closed) once the queue is closed and empty: leases that are out
    /// may still come back to it, and can be got then.
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
        let parts = self.parts()?;
        self.lease(receiving::<T, C, _>(&self.anchor, |bytes| {
            parts.try_lease(Seat::here(), bytes)
        })?)
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
        if max == 0 {
            return Ok(vec![]);
        }
        let mut leases = vec![self.get()?];
        while leases.len() < max {
            match self.try_get() {
                Ok(Some(lease)) => leases.push(lease),
                _ => break,
            }
        }
        Ok(leases)
    }

    fn get_until(&self, until: Option<Instant>) -> Result<Option<Lease<T, C>>> {
        let parts = self.parts()?;
        self.lease(receiving::<T, C, _>(&self.anchor, |bytes| {
            wait(&parts.words.receivers, until, || parts.try_lease(Seat::here(), bytes))
        })?)
    }

    fn lease(&self, got: Option<(Leased, Result<C::Received>)>) -> Result<Option<Lease<T, C>>> {
        let Some((leased, message)) = got else { return Ok(None) };
        // What cannot be read is settled as this is dropped.
        let open = Open { anchor: self.anchor.clone(), layout: self.layout, leased: Some(leased) };
        Ok(Some(Lease { message: message?, open }))
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
/// If the process dies before that, or the lease is [given back](Lease::nack), the message is got again,
/// by whoever comes next: what it makes somebody do should bear being done twice.
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
}

impl<T: ?Sized, C: Codec<T>> Lease<T, C> {
    /// The message is done; so it is when the lease is dropped.
    pub fn done(self) {}

    /// Gives the message back: it is got again, before those that wait.
    pub fn nack(mut self) {
        let Open { anchor, layout, leased } = &mut self.open;
        if let (Ok(parts), Some(leased)) = (parts(anchor, *layout), leased.take()) {
            parts.give_back(leased);
        }
    }

    /// The message is done, and is the caller's.
    pub fn into_inner(self) -> C::Received {
        self.message
    }
}

impl Drop for Open {
    fn drop(&mut self) {
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
