//! The end that receives.

use super::end::End;
use super::incoming::Incoming;
use super::{stride, type_name};
use crate::error::Result;
use crate::machine::Until;
use crate::shared::crossing::Home;
use crate::shared::ring::{Consumer, Side};
use crate::toolbox::codec::{Codec, Serde, collect_message};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// The end of a pipe that receives: [`Engine::pipe`](crate::Engine::pipe) and
/// [`Engine::plain_pipe`](crate::Engine::plain_pipe) make it.
///
/// It can be neither cloned nor used by two threads at once, and moves from the process that holds the
/// engine to one child process, as an argument: see [`Sender`](crate::Sender).
///
/// Dropping it closes it, and what it has not received is lost: the sender's next message is
/// [`Error::PeerClosed`](crate::Error::PeerClosed), or [`Error::PeerDied`](crate::Error::PeerDied)
/// if the process died that had it.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let (mut sender, mut receiver) = engine.pipe::<u32>(4096)?;
/// assert_eq!(receiver.try_recv()?, None);
/// sender.send_all(&[1, 2, 3])?;
/// assert_eq!(receiver.recv()?, 1);
/// let mut rest = vec![];
/// receiver.recv_many(&mut rest, 10)?;
/// assert_eq!(rest, [2, 3]);
/// drop(sender);
/// assert!(matches!(receiver.recv(), Err(gristmill::Error::PeerClosed)));
/// # Ok(()) }
/// ```
pub struct Receiver<T: ?Sized, C: Codec<T> = Serde> {
    consumer: Consumer,
    incoming: Incoming<C::Unit>,
    home: Option<Arc<dyn Home>>,
    types: PhantomData<fn(*const T, C)>,
    /// Last, so that the ring is there until all else is dropped.
    end: End,
}

impl<T: ?Sized, C: Codec<T>> fmt::Debug for Receiver<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Receiver");
        shown.field("consumer", &self.consumer).field("end", &self.end).finish_non_exhaustive()
    }
}

impl<T: ?Sized, C: Codec<T>> Receiver<T, C> {
    #[cfg(test)]
    pub(super) fn end_ring(&self) -> crate::shared::ring::Ring {
        self.end.ring().expect("a ring that was made")
    }

    pub(super) fn over(end: End) -> Result<Receiver<T, C>> {
        let (consumer, home) = (Consumer::over(end.ring()?), end.home());
        Ok(Receiver { consumer, incoming: Incoming::new(), home, types: PhantomData, end })
    }

    /// The next message, which it waits for.
    ///
    /// # Errors
    ///
    /// When all is received that was sent as a whole, [`Error::PeerClosed`](crate::Error::PeerClosed)
    /// if the sender was closed, [`Error::PeerDied`](crate::Error::PeerDied) if its process died.
    /// [`Error::NotPortable`](crate::Error::NotPortable) for a message that cannot be read, which is
    /// lost (of what the sender's check has let through: a handle of what is no more).
    pub fn recv(&mut self) -> Result<C::Received> {
        loop {
            if let Some(message) = self.receive(Until::Forever)? {
                return Ok(message);
            }
        }
    }

    /// The next message, if it is there as a whole.
    ///
    /// # Errors
    ///
    /// As [`recv`](Receiver::recv).
    pub fn try_recv(&mut self) -> Result<Option<C::Received>> {
        self.receive(Until::Now)
    }

    /// The next message, if it is there before so much time has passed. If the time is up in the
    /// middle of one that streams, the next call goes on with it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let (mut sender, mut receiver) = engine.pipe::<(u32, String)>(4096)?;
    /// assert_eq!(receiver.recv_timeout(Duration::from_millis(5))?, None);
    /// sender.send(&(1, "one".into()))?;
    /// assert_eq!(receiver.recv_timeout(Duration::from_secs(5))?, Some((1, "one".into())));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recv`](Receiver::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<C::Received>> {
        self.receive(Until::after(timeout))
    }

    /// Waits for a message, and appends it and those that are there as well, `max` at most. Gives
    /// their number, which is 0 only if `max` is.
    ///
    /// # Errors
    ///
    /// As [`recv`](Receiver::recv). The messages before one that cannot be read have been appended.
    pub fn recv_many(&mut self, into: &mut Vec<C::Received>, max: usize) -> Result<usize> {
        if max == 0 {
            return Ok(0);
        }
        into.push(self.recv()?);
        let mut count = 1;
        while count < max && self.gather()? {
            let message = collect_message::<T, C>(self.home.as_ref(), &mut self.incoming.units);
            let message = message.inspect_err(|_| self.consumer.release())?;
            into.push(message);
            count += 1;
        }
        self.consumer.release();
        Ok(count)
    }

    /// Whether [`recv`](Receiver::recv) has something to give, without waiting: a whole message, or that
    /// nothing will come any more.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn is_ready(&mut self) -> Result<bool> {
        self.poll(Duration::ZERO)
    }

    /// The same, and waits for it for at most so long.
    ///
    /// # Errors
    ///
    /// As [`is_ready`](Receiver::is_ready).
    pub fn poll(&mut self, timeout: Duration) -> Result<bool> {
        self.end.refuse_moved()?;
        let until = if timeout.is_zero() { Until::Now } else { Until::after(timeout) };
        loop {
            if self.has_message()? || self.consumer.refuse_closed().is_err() {
                return Ok(true);
            }
            match self.consumer.wait(until) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) if error.is_of_peer() => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether a whole message is there.
    fn has_message(&mut self) -> Result<bool> {
        match const { stride::<T, C>() } {
            Some(stride) => self.consumer.has(stride),
            None => self.incoming.is_there(&mut self.consumer),
        }
    }

    #[inline]
    fn receive(&mut self, until: Until) -> Result<Option<C::Received>> {
        self.end.refuse_moved()?;
        loop {
            if self.gather()? {
                self.consumer.release();
                let units = &mut self.incoming.units;
                return collect_message::<T, C>(self.home.as_ref(), units).map(Some);
            }
            match self.consumer.wait(until) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => {
                    // What there is of a message will never be whole.
                    self.incoming.clear();
                    return Err(error);
                }
            }
        }
    }

    /// Takes what is there of the next message; true if that is all of it.
    #[inline]
    fn gather(&mut self) -> Result<bool> {
        let Some(stride) = (const { stride::<T, C>() }) else {
            return self.incoming.take_frames(&mut self.consumer);
        };
        let is_there = self.consumer.has(stride)?;
        if is_there {
            self.incoming.take_unit(&mut self.consumer, stride);
        }
        Ok(is_there)
    }
}

impl<T: ?Sized, C: Codec<T>> Serialize for Receiver<T, C> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        if self.incoming.has_begun() {
            return Err(crate::shared::crossing::refuse(
                "a message is half received: receive it before this end moves",
            ));
        }
        self.end.depart(to)
    }
}

impl<'de, T: ?Sized, C: Codec<T>> Deserialize<'de> for Receiver<T, C> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let end = End::arrive(Side::Consumer, type_name::<T, C>(), from)?;
        Receiver::over(end).map_err(de::Error::custom)
    }
}
