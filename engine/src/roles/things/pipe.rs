//! Pipes.

use crate::compute::Portable;
use crate::error::Result;
use crate::roles::Engine;
use crate::toolbox::{self, Codec, Duplex, Plain, Receiver, Sender};

impl Engine {
    /// A pipe with room for so many bytes: its two ends. Messages are of any type of serde's.
    ///
    /// An end can be passed to a child process, as an argument, which moves it there. See [`Sender`]
    /// and [`Receiver`].
    ///
    /// The room is rounded up to a power of two, and to at least 4 KiB. A message that is larger than
    /// it streams through; others wait in it until they are received, each with some 8 bytes more.
    ///
    /// ```
    /// use gristmill::{Engine, Error, Receiver, Result, Sender};
    ///
    /// fn squares((mut numbers, mut results): (Receiver<u32>, Sender<u64>)) -> Result<(), String> {
    ///     loop {
    ///         match numbers.recv() {
    ///             Ok(n) => results.send(&u64::from(n).pow(2)).map_err(|e| e.to_string())?,
    ///             Err(Error::PeerClosed) => return Ok(()),
    ///             Err(other) => return Err(other.to_string()),
    ///         }
    ///     }
    /// }
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(0).build()?;
    /// let (mut to_child, numbers) = engine.pipe(1 << 16)?;
    /// let (results, mut from_child) = engine.pipe(1 << 16)?;
    /// let child = engine.spawn(squares, (numbers, results))?;
    /// for n in 0..100 {
    ///     to_child.send(&n)?;
    ///     assert_eq!(from_child.recv()?, u64::from(n * n));
    /// }
    /// drop(to_child); // closes that end, and the child learns of it
    /// child.join()?.expect("nothing went wrong");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory); [`Error::InsideWorker`](crate::Error::InsideWorker)
    /// and [`Error::Forked`](crate::Error::Forked) in other processes.
    pub fn pipe<T: Portable>(&self, bytes: usize) -> Result<(Sender<T>, Receiver<T>)> {
        self.core.refuse_other_processes()?;
        toolbox::pipe(&self.core.commons, bytes)
    }

    /// A pipe whose messages are plain data, which go as their bytes: any
    /// [`Element`](crate::Element), or slices of them.
    ///
    /// Messages of one type go one behind the other with nothing between. A pipe of slices gives a
    /// `Vec` for each; what is sent of them is copied into shared memory, from there into the `Vec`,
    /// and nowhere else.
    ///
    /// ```
    /// use gristmill::{Engine, Plain, Receiver};
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(0).build()?;
    /// let (mut sender, receiver) = engine.plain_pipe::<[f64]>(1 << 16)?;
    /// let child = engine.spawn(
    ///     |mut receiver: Receiver<[f64], Plain>| -> f64 {
    ///         let row: Vec<f64> = receiver.recv().unwrap();
    ///         row.iter().sum()
    ///     },
    ///     receiver,
    /// )?;
    /// sender.send(&[1.0; 100_000])?; // more than there is room for at once
    /// assert_eq!(child.join()?, 100_000.0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`pipe`](Engine::pipe).
    pub fn plain_pipe<T: ?Sized>(
        &self,
        bytes: usize,
    ) -> Result<(Sender<T, Plain>, Receiver<T, Plain>)>
    where
        Plain: Codec<T>,
    {
        self.core.refuse_other_processes()?;
        toolbox::pipe(&self.core.commons, bytes)
    }

    /// Two pipes, one in each direction, and so two ends that both send and receive: the first sends
    /// an `A` and receives a `B`. Each direction has room for so many bytes. See [`Duplex`].
    ///
    /// # Errors
    ///
    /// As [`pipe`](Engine::pipe).
    pub fn duplex<A: Portable, B: Portable>(
        &self,
        bytes: usize,
    ) -> Result<(Duplex<A, B>, Duplex<B, A>)> {
        self.core.refuse_other_processes()?;
        toolbox::duplex(&self.core.commons, bytes)
    }
}
