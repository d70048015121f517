//! The end that sends.

use super::end::End;
use super::{stride, type_name};
use crate::error::Result;
use crate::machine::Until;
use crate::shared::ring::{Producer, Side};
use crate::toolbox::codec::{Codec, Serde, write_message};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::borrow::Borrow;
use std::marker::PhantomData;
use std::time::Duration;

/// The end of a pipe that sends: [`Engine::pipe`](crate::Engine::pipe) and
/// [`Engine::plain_pipe`](crate::Engine::plain_pipe) make it.
///
/// There is one sender and one receiver. Two processes that read from one end of a Python `Pipe`, or
/// write to it, corrupt the data; here an end cannot be cloned:
///
/// ```compile_fail,E0599
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let (sender, receiver) = engine.pipe::<u32>(4096)?;
/// let other = receiver.clone();
/// # Ok(()) }
/// ```
///
/// used by two threads at once:
///
/// ```compile_fail,E0499
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let (mut sender, receiver) = engine.pipe::<u32>(4096)?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| sender.send(&1));
///     scope.spawn(|| sender.send(&2));
/// });
/// # Ok(()) }
/// ```
///
/// or used here after it was passed to a child process:
///
/// ```compile_fail,E0382
/// # use gristmill::Receiver;
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(0).build()?;
/// let (mut sender, mut receiver) = engine.pipe::<u32>(4096)?;
/// let child = engine.spawn(|mut r: Receiver<u32>| r.recv().unwrap(), receiver)?;
/// let lost = receiver.recv();
/// # Ok(()) }
/// ```
///
/// It moves from the process that holds the engine to one child process, as an argument. As a
/// parameter of a task or a kernel, or in a message, it is refused
/// ([`Error::NotPortable`](crate::Error::NotPortable)).
///
/// Dropping it closes it: the receiver gets what was sent, then
/// [`Error::PeerClosed`](crate::Error::PeerClosed). If the process that has it dies, at any
/// instruction, the receiver gets what was sent as a whole, then
/// [`Error::PeerDied`](crate::Error::PeerDied).
#[derive(Debug)]
pub struct Sender<T: ?Sized, C: Codec<T> = Serde> {
    producer: Producer,
    /// A message on its way to the ring.
    bytes: Vec<u8>,
    types: PhantomData<fn(*const T, C)>,
    /// Last, so that the ring is there until all else is dropped.
    end: End,
}

impl<T: ?Sized, C: Codec<T>> Sender<T, C> {
    #[cfg(test)]
    pub(super) fn end_ring(&self) -> crate::shared::ring::Ring {
        self.end.ring().expect("a ring that was made")
    }

    pub(super) fn over(end: End) -> Result<Sender<T, C>> {
        let producer = Producer::over(end.ring()?);
        Ok(Sender { producer, bytes: vec![], types: PhantomData, end })
    }

    /// Sends a message. Where there is no room it waits: until half of the pipe is free, so that
    /// sender and receiver do not wake each other for each message.
    ///
    /// A message that is larger than the pipe streams through while it is received. (Two processes
    /// that send such messages to each other, and none receives, wait for ever, as with any pipe:
    /// see [`send_timeout`](Sender::send_timeout).)
    ///
    /// # Errors
    ///
    /// [`Error::PeerClosed`](crate::Error::PeerClosed) and
    /// [`Error::PeerDied`](crate::Error::PeerDied) if nobody will receive it;
    /// [`Error::NotPortable`](crate::Error::NotPortable), with the type's name, if serde or postcard
    /// cannot send it, after which the pipe is as before.
    pub fn send(&mut self, message: &T) -> Result<()> {
        self.deliver(message, Until::Forever).map(drop)
    }

    /// Sends a message if there is room for it at once; else false, and nothing is sent.
    ///
    /// # Errors
    ///
    /// As [`send`](Sender::send); and [`Error::Limit`](crate::Error::Limit) for a message that is
    /// larger than the pipe.
    pub fn try_send(&mut self, message: &T) -> Result<bool> {
        self.deliver(message, Until::Now)
    }

    /// Sends a message, and waits for room for at most so long; false if the time was up, and then the
    /// message is not received: what has streamed of a large one is taken back.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let (mut sender, mut receiver) = engine.plain_pipe::<[u8]>(4096)?;
    /// assert!(sender.send_timeout(&[1; 1000], Duration::ZERO)?);
    /// assert!(!sender.send_timeout(&[2; 1_000_000], Duration::from_millis(10))?);
    /// drop(sender);
    /// assert_eq!(receiver.recv()?, [1; 1000]);
    /// assert!(matches!(receiver.recv(), Err(gristmill::Error::PeerClosed)));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send`](Sender::send).
    pub fn send_timeout(&mut self, message: &T, timeout: Duration) -> Result<bool> {
        self.deliver(message, Until::after(timeout))
    }

    /// Sends many messages, of which the receiver is told as seldom as possible: when there is much,
    /// when there is no more room, and at the end. Gives their number.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let engine = gristmill::Engine::builder().workers(0).build()?;
    /// let (mut sender, mut receiver) = engine.pipe::<String>(4096)?;
    /// assert_eq!(sender.send_all(["one".to_string(), "two".to_string()])?, 2);
    /// assert_eq!(sender.send_all(&["three".to_string()])?, 1);
    /// let mut received = vec![];
    /// assert_eq!(receiver.recv_many(&mut received, 100)?, 3);
    /// assert_eq!(received, ["one", "two", "three"]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`send`](Sender::send), of the first that fails; those before it are sent.
    pub fn send_all<I>(&mut self, messages: I) -> Result<usize>
    where
        I: IntoIterator,
        I::Item: Borrow<T>,
    {
        let mut sent = 0;
        for message in messages {
            let put = self.put(message.borrow(), Until::Forever);
            if let Err(error) = put {
                self.producer.publish();
                return Err(error);
            }
            self.producer.publish_much();
            sent += 1;
        }
        self.producer.publish();
        Ok(sent)
    }

    #[inline]
    fn deliver(&mut self, message: &T, until: Until) -> Result<bool> {
        let put = self.put(message, until);
        self.producer.publish();
        put
    }

    /// Puts a message into the ring; false if the time is up.
    #[inline]
    fn put(&mut self, message: &T, until: Until) -> Result<bool> {
        self.end.refuse_moved()?;
        self.producer.refuse_closed()?;
        match (C::bytes(message), const { stride::<T, C>() }) {
            (Some(bytes), Some(stride)) => {
                let has_room = self.producer.wait_for_room(stride, until)?;
                if has_room {
                    self.producer.put(bytes, stride);
                }
                Ok(has_room)
            }
            (Some(bytes), None) => self.producer.put_message(bytes, until),
            (None, _) => {
                self.bytes.clear();
                write_message::<T, C>(self.end.region(), message, &mut self.bytes)?;
                self.producer.put_message(&self.bytes, until)
            }
        }
    }
}

impl<T: ?Sized, C: Codec<T>> Serialize for Sender<T, C> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.end.depart(to)
    }
}

impl<'de, T: ?Sized, C: Codec<T>> Deserialize<'de> for Sender<T, C> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let end = End::arrive(Side::Producer, type_name::<T, C>(), from)?;
        Sender::over(end).map_err(de::Error::custom)
    }
}
