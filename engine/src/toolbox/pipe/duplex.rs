//! An end that sends and receives.

use super::receiver::Receiver;
use super::sender::Sender;
use crate::compute::Portable;
use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An end of two pipes, one in each direction, which sends an `A` and receives a `B`:
/// [`Engine::duplex`](crate::Engine::duplex) makes it.
///
/// ```
/// use gristmill::{Duplex, Engine};
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(0).build()?;
/// let (mut here, there) = engine.duplex::<String, usize>(4096)?;
/// let child = engine.spawn(
///     |mut end: Duplex<usize, String>| {
///         while let Ok(text) = end.recv() {
///             end.send(&text.len()).unwrap();
///         }
///     },
///     there,
/// )?;
/// here.send(&"seven".to_string())?;
/// assert_eq!(here.recv()?, 5);
/// drop(here);
/// child.join()?;
/// # Ok(()) }
/// ```
///
/// Its two halves, a [`Sender`] and a [`Receiver`], can be used at the same time, by two threads or
/// [apart](Duplex::split).
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Duplex<A: Portable, B: Portable> {
    sender: Sender<A>,
    receiver: Receiver<B>,
}

impl<A: Portable, B: Portable> Duplex<A, B> {
    pub(super) fn of(sender: Sender<A>, receiver: Receiver<B>) -> Duplex<A, B> {
        Duplex { sender, receiver }
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send(&mut self, message: &A) -> Result<()> {
        self.sender.send(message)
    }

    /// As [`Sender::try_send`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_send(&mut self, message: &A) -> Result<bool> {
        self.sender.try_send(message)
    }

    /// As [`Sender::send_timeout`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_timeout(&mut self, message: &A, timeout: Duration) -> Result<bool> {
        self.sender.send_timeout(message, timeout)
    }

    /// As [`Receiver::recv`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn recv(&mut self) -> Result<B> {
        self.receiver.recv()
    }

    /// As [`Receiver::try_recv`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn try_recv(&mut self) -> Result<Option<B>> {
        self.receiver.try_recv()
    }

    /// As [`Receiver::recv_timeout`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<B>> {
        self.receiver.recv_timeout(timeout)
    }

    /// As [`Receiver::is_ready`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn is_ready(&mut self) -> Result<bool> {
        self.receiver.is_ready()
    }

    /// As [`Receiver::poll`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn poll(&mut self, timeout: Duration) -> Result<bool> {
        self.receiver.poll(timeout)
    }

    /// Both halves, for use at the same time.
    pub fn halves(&mut self) -> (&mut Sender<A>, &mut Receiver<B>) {
        (&mut self.sender, &mut self.receiver)
    }

    /// The two halves apart: each can be closed, or move, without the other.
    pub fn split(self) -> (Sender<A>, Receiver<B>) {
        (self.sender, self.receiver)
    }
}
