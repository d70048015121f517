//! The queue whose messages come by their priority.

use super::handle::{Types, layout, many, receiving, sending, until};
use super::layout::Layout;
use super::ranking::{Ranking, bury_ranking, bytes};
use crate::error::Result;
use crate::shared::exchange::{Broken, wait};
use crate::toolbox::anchor::{Anchor, travels};
use crate::toolbox::codec::{Codec, Serde};
use crate::toolbox::commons::{Commons, Spec};
use crate::toolbox::header::Kind;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A queue whose messages come by their priority, the lowest first, and of equals the one that was put
/// first: see [`Engine::priority_queue`](crate::Engine::priority_queue).
///
/// Everybody may put and get, as with [`Queue`](crate::Queue), and a process may be killed at any
/// instruction. It works under a lock, so one that is stopped (SIGSTOP) with it holds up all others until
/// it goes on or dies; and it is slower. Nobody who waits has a turn of its own, so long messages may wait
/// as long as shorter ones keep taking the room. (CPython has no priority queue between processes.)
pub struct PriorityQueue<T: ?Sized, C = Serde> {
    anchor: Anchor,
    layout: Option<Layout>,
    types: Types<T, C>,
}

impl<T: ?Sized + 'static, C: Codec<T>> PriorityQueue<T, C> {
    pub(crate) fn make(commons: &Arc<Commons>, bound: usize) -> Result<Self> {
        let layout = Layout::new(bound, C::BYTES, 0)?;
        let spec = Spec {
            kind: Kind::PriorityQueue,
            purpose: "a queue",
            bytes: bytes(&layout),
            type_name: std::any::type_name::<Self>(),
            bury: bury_ranking,
        };
        let begin = |region: &_, offset| Ranking::at(region, offset, layout).begin();
        Ok(PriorityQueue::over(commons.make_partly_zeroed(spec, layout.zeroed_bytes(), begin)?))
    }
}

impl<T: ?Sized, C: Codec<T>> PriorityQueue<T, C> {
    /// Puts a message; waits as long as the queue is full.
    ///
    /// # Errors
    ///
    /// As for [`Queue::put`](crate::Queue::put).
    pub fn put(&self, priority: i64, message: &T) -> Result<()> {
        self.put_until(priority, message, None).map(drop)
    }

    /// Puts a message if there is room now; false if there is none.
    ///
    /// # Errors
    ///
    /// As for [`put`](Self::put).
    pub fn try_put(&self, priority: i64, message: &T) -> Result<bool> {
        let ranking = self.ranking()?;
        sending::<T, C, _>(&self.anchor, message, |bytes| ranking.try_put(priority, bytes))
    }

    /// Puts a message; false if there was no room for it for so long.
    ///
    /// # Errors
    ///
    /// As for [`put`](Self::put).
    pub fn put_timeout(&self, priority: i64, message: &T, timeout: Duration) -> Result<bool> {
        self.put_until(priority, message, until(timeout))
    }

    /// Puts several messages, each with its priority.
    ///
    /// # Errors
    ///
    /// As for [`put`](Self::put). The messages before the one that failed are put.
    pub fn put_all<'m>(&self, messages: impl IntoIterator<Item = (i64, &'m T)>) -> Result<()>
    where
        T: 'm,
    {
        messages.into_iter().try_for_each(|(priority, message)| self.put(priority, message))
    }

    fn put_until(&self, priority: i64, message: &T, until: Option<Instant>) -> Result<bool> {
        let ranking = self.ranking()?;
        let senders = &ranking.parts().words.senders;
        sending::<T, C, _>(&self.anchor, message, |bytes| {
            let put = || ranking.try_put(priority, bytes).map(|is_put| is_put.then_some(()));
            Ok(wait(senders, until, put)?.is_some())
        })
    }

    /// Gets the message of the lowest priority, with that; waits until there is one.
    ///
    /// # Errors
    ///
    /// As for [`Queue::get`](crate::Queue::get).
    pub fn get(&self) -> Result<(i64, C::Received)> {
        self.get_until(None).map(|message| message.expect("waiting has no end"))
    }

    /// Gets the message of the lowest priority if there is one now.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn try_get(&self) -> Result<Option<(i64, C::Received)>> {
        let ranking = self.ranking()?;
        let got = receiving::<T, C, _>(&self.anchor, |bytes| ranking.try_get(bytes))?;
        got.map(|(priority, message)| Ok((priority, message?))).transpose()
    }

    /// Gets the message of the lowest priority; none if there was none for so long.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get).
    pub fn get_timeout(&self, timeout: Duration) -> Result<Option<(i64, C::Received)>> {
        self.get_until(until(timeout))
    }

    /// Gets at most so many messages, the lowest priority first: waits for the first, and takes with it
    /// what is there.
    ///
    /// # Errors
    ///
    /// As for [`get`](Self::get), if that comes instead of the first message; what stops the later
    /// ones is met by the next `get`.
    pub fn get_many(&self, max: usize) -> Result<Vec<(i64, C::Received)>> {
        many(max, || self.get_until(None), || self.try_get())
    }

    fn get_until(&self, until: Option<Instant>) -> Result<Option<(i64, C::Received)>> {
        let ranking = self.ranking()?;
        let got = receiving::<T, C, _>(&self.anchor, |bytes| {
            wait(&ranking.parts().words.receivers, until, || ranking.try_get(bytes))
        })?;
        got.map(|(priority, message)| Ok((priority, message?))).transpose()
    }

    /// Closes the queue, for everybody: as [`Queue::close`](crate::Queue::close).
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn close(&self) -> Result<()> {
        self.ranking()?.close()
    }

    /// Whether it is closed.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn is_closed(&self) -> Result<bool> {
        Ok(self.ranking()?.parts().is_closed())
    }

    /// How many messages wait to be got, at a moment that may be over when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn len(&self) -> Result<usize> {
        self.ranking()?.len()
    }

    /// Whether no message waits to be got.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Whether there is no room for another message, or only for one that fits its place.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn is_full(&self) -> Result<bool> {
        self.ranking()?.is_full()
    }

    /// How many messages it was made for.
    ///
    /// # Errors
    ///
    /// [`Error::Broken`](crate::Error::Broken).
    pub fn bound(&self) -> Result<usize> {
        Ok(self.ranking()?.parts().layout.bound)
    }

    fn ranking(&self) -> Result<Ranking<'_>> {
        let layout = self.layout.ok_or(Broken)?;
        Ok(Ranking::at(self.anchor.region(), self.anchor.offset(), layout))
    }

    pub(in crate::toolbox) fn over(anchor: Anchor) -> Self {
        let layout = layout(&anchor);
        PriorityQueue { anchor, layout, types: PhantomData }
    }
}

impl<T: ?Sized, C> Clone for PriorityQueue<T, C> {
    fn clone(&self) -> Self {
        let PriorityQueue { anchor, layout, types } = self;
        PriorityQueue { anchor: anchor.clone(), layout: *layout, types: *types }
    }
}

impl<T: ?Sized, C> fmt::Debug for PriorityQueue<T, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PriorityQueue<{}>({:?})", std::any::type_name::<T>(), self.anchor)
    }
}

travels!([T: ?Sized + 'static, C: Codec<T>] PriorityQueue<T, C>, Kind::PriorityQueue);
