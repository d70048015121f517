//! The queue whose messages are taken out as they are got.

use super::handle::{Types, layout, make, many, parts, receiving, sending, sending_side, until};
use super::layout::{Layout, Parts};
use crate::error::Result;
use crate::shared::exchange::wait;
use crate::shared::seat::Seat;
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::codec::{Codec, Serde};
use crate::toolbox::commons::Commons;
use crate::toolbox::header::Kind;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A queue of messages, from many to many processes: see
/// [`Engine::queue`](crate::Engine::queue) and [`Engine::plain_queue`](crate::Engine::plain_queue).
///
/// Clones are the same queue, and so is what arrives where a handle is passed to: as an argument of a
/// process, kernel or task, or in a message. Everybody may put and get, at the same time, from any
/// thread. What one thread puts, any other gets in that order; it holds at most as many messages as it
/// was made for, and who puts more waits.
///
/// **Fairness.** Whatever becomes free, a place or a message, wakes the one that has slept longest for it.
/// Who comes at that moment may be quicker, and the other sleeps again. So how many messages each puts or
/// gets may differ, and there are no turns: one that is stopped would hold up all others in its own. But who
/// sleeps is woken again and again as the others get on, who was quicker has to sleep as well once it finds
/// nothing, and that one is always the slower does not last. Who waits for more room than a place gives
/// (messages beyond 48 bytes) does have its turn: what becomes free is kept for it, and later ones wait.
///
/// **Deaths.** A process may be killed at any instruction of any of this: nobody else is blocked (in
/// CPython a process killed inside `get` keeps the queue's lock, and all others wait for ever), and
/// what is lost is at most the message that it was just putting or had just got. A message that a
/// process had begun to take goes back to its place, where it may be got after later ones. A place that
/// it had begun to fill is used again once the messages before it are got: until then the queue holds one
/// less.
///
/// **Stopped processes.** One that is stopped (SIGSTOP) within `put` or `get` holds a place, and is
/// passed by; once the others have filled all places behind it, who puts waits until it goes on or
/// dies. So does who puts a message beyond 48 bytes, if the stopped one is putting such a message.
///
/// **Handles in messages** arrive. What they stand for lives as long as the engine from then on.
pub struct Queue<T: ?Sized, C = Serde> {
    anchor: Anchor,
    layout: Option<Layout>,
    types: Types<T, C>,
}

sending_side!(Queue);

impl<T: ?Sized + 'static, C: Codec<T>> Queue<T, C> {
    pub(crate) fn make(commons: &Arc<Commons>, bound: usize) -> Result<Self> {
        let name = std::any::type_name::<Self>();
        Ok(Queue::over(make::<T, C>(commons, name, bound, 0)?))
    }
}

impl<T: ?Sized, C: Codec<T>> Queue<T, C> {
    /// Gets the next message; waits until there is one.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`](crate::Error::Closed) once the queue is closed and empty;
    /// [`Error::NotPortable`](crate::Error::NotPortable) if the message cannot be read as its type;
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn get(&self) -> Result<C::Received> {
        self.get_until(None).map(|message| message.expect("waiting has no end"))
    }

    /// Gets the next message if there is one now.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn try_get(&self) -> Result<Option<C::Received>> {
        let parts = self.parts()?;
        let got = receiving::<T, C, _>(&self.anchor, |bytes| parts.try_get(Seat::here(), bytes))?;
        got.map(|(_, message)| message).transpose()
    }

    /// Gets the next message; none if there was none for so long.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn get_timeout(&self, timeout: Duration) -> Result<Option<C::Received>> {
        self.get_until(until(timeout))
    }

    /// Gets at most so many messages: waits for the first, and takes with it what is there.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get), if that comes instead of the first message; what stops the later
    /// ones is met by the next `get`.
    pub fn get_many(&self, max: usize) -> Result<Vec<C::Received>> {
        self.get_many_until(max, None)
    }

    /// Gets at most so many messages, as [`get_many`](Self::get_many); an empty vector if there was none
    /// for so long.
    ///
    /// # Errors
    ///
    /// As for [`get_many`](Self::get_many).
    pub fn get_many_timeout(&self, max: usize, timeout: Duration) -> Result<Vec<C::Received>> {
        self.get_many_until(max, until(timeout))
    }

    fn get_many_until(&self, max: usize, until: Option<Instant>) -> Result<Vec<C::Received>> {
        many(max, || self.get_until(until), || self.try_get())
    }

    fn get_until(&self, until: Option<Instant>) -> Result<Option<C::Received>> {
        let parts = self.parts()?;
        let got = receiving::<T, C, _>(&self.anchor, |bytes| {
            wait(&parts.words.receivers, until, || parts.try_get(Seat::here(), bytes))
        })?;
        got.map(|(_, message)| message).transpose()
    }
}
