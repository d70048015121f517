//! What handles of queues have in common: their sending side, and how messages become bytes.

use super::layout::{Layout, Parts, Words};
use super::store::{begin, bury_queue};
use crate::error::Result;
use crate::shared::exchange::Broken;
use crate::toolbox::anchor::Anchor;
use crate::toolbox::codec::{Codec, read_message, write_message};
use crate::toolbox::commons::{Commons, Spec};
use crate::toolbox::header::Kind;
use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a handle's type parameters are of: messages that go in.
pub(super) type Types<T, C> = PhantomData<(fn(&T), C)>;

/// Makes a queue, whose handles have this type's name.
pub(super) fn make<T: ?Sized, C: Codec<T>>(
    commons: &Arc<Commons>,
    type_name: &'static str,
    bound: usize,
    cells: usize,
) -> Result<Anchor> {
    let layout = Layout::new(bound, C::BYTES, cells)?;
    let spec = Spec {
        kind: Kind::Queue,
        purpose: "a queue",
        bytes: layout.bytes(),
        type_name,
        bury: bury_queue,
    };
    commons.make_partly_zeroed(spec, layout.zeroed_bytes(), |region, offset| {
        begin(&Parts::at(region, offset, layout));
        Ok(())
    })
}

/// The layout of a queue, if nobody has written over it.
pub(super) fn layout(anchor: &Anchor) -> Option<Layout> {
    Layout::load(anchor.words::<Words>()).ok()
}

/// The parts of a queue.
pub(super) fn parts(anchor: &Anchor, layout: Option<Layout>) -> Result<Parts<'_>, Broken> {
    Ok(Parts::at(anchor.region(), anchor.offset(), layout.ok_or(Broken)?))
}

/// When a time from now is up; never, if that cannot be told.
pub(super) fn until(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}

thread_local! {
    /// Room for a message's bytes, kept from one to the next.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// As much of it is kept.
const SCRATCH_MAX: usize = 64 << 10;

/// Lends room for bytes; a message that sends or receives messages itself finds none and makes its own.
fn with_scratch<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    let mut bytes = SCRATCH.take();
    bytes.clear();
    let result = work(&mut bytes);
    if bytes.capacity() <= SCRATCH_MAX {
        SCRATCH.set(bytes);
    }
    result
}

/// Gives a message as bytes to `put`.
pub(super) fn sending<T: ?Sized, C: Codec<T>, R>(
    anchor: &Anchor,
    message: &T,
    put: impl FnOnce(&[u8]) -> Result<R>,
) -> Result<R> {
    with_scratch(|bytes| {
        match C::BYTES {
            // Plain data hold no handles.
            Some(_) => C::write(message, bytes)?,
            None => write_message::<T, C>(anchor.region(), message, bytes)?,
        }
        put(bytes)
    })
}

/// Reads the message whose bytes `get` gives.
pub(super) fn receiving<T: ?Sized, C: Codec<T>, L>(
    anchor: &Anchor,
    get: impl FnOnce(&mut Vec<u8>) -> Result<Option<L>>,
) -> Result<Option<(L, Result<C::Received>)>> {
    with_scratch(|bytes| {
        let Some(got) = get(bytes)? else { return Ok(None) };
        let message = match C::BYTES {
            Some(_) => C::read(bytes),
            None => read_message::<T, C>(anchor.home(), bytes),
        };
        Ok(Some((got, message)))
    })
}

/// At most so many messages: the first as `first` gives it, and with it what there is as `next` does. What
/// stops the later ones is met by the next get.
pub(super) fn many<M>(
    max: usize,
    first: impl FnOnce() -> Result<Option<M>>,
    mut next: impl FnMut() -> Result<Option<M>>,
) -> Result<Vec<M>> {
    let mut messages = vec![];
    if max > 0 {
        messages.extend(first()?);
    }
    while !messages.is_empty() && messages.len() < max {
        let Ok(Some(message)) = next() else { break };
        messages.push(message);
    }
    Ok(messages)
}

/// `put` and what else the handles of all queues but those by priority can do.
macro_rules! sending_side {
    ($queue:ident) => {
        impl<T: ?Sized, C: Codec<T>> $queue<T, C> {
            /// Puts a message; waits as long as the queue is full, or has no room for one as long.
            ///
            /// # Errors
            ///
            /// [`Error::Closed`](crate::Error::Closed); [`Error::NotPortable`](crate::Error::NotPortable),
            /// here and now, if the message cannot be sent (CPython tells that by a traceback of a
            /// thread of its own, and loses the message); [`Error::Limit`](crate::Error::Limit) if it
            /// is longer than 4 MiB, or waits for the room of leases of this process (see
            /// [`JoinableQueue`](crate::JoinableQueue)); [`Error::Broken`](crate::Error::Broken).
            pub fn put(&self, message: &T) -> Result<()> {
                self.put_until(message, true, None).map(drop)
            }

            /// Puts a message if there is room now; false if there is none, or if another that does
            /// not fit its place is being put or waits for room.
            ///
            /// # Errors
            ///
            /// As for [`put`](Self::put).
            pub fn try_put(&self, message: &T) -> Result<bool> {
                let parts = self.parts()?;
                sending::<T, C, _>(&self.anchor, message, |bytes| {
                    parts.try_put(Seat::here(), bytes, true)
                })
            }

            /// Puts a message; false if there was no room for it for so long.
            ///
            /// # Errors
            ///
            /// As for [`put`](Self::put).
            pub fn put_timeout(&self, message: &T, timeout: Duration) -> Result<bool> {
                self.put_until(message, true, until(timeout))
            }

            /// Puts several messages, in this order; receivers are woken for all of them at once.
            ///
            /// # Errors
            ///
            /// As for [`put`](Self::put). The messages before the one that failed are put.
            pub fn put_all<'m>(&self, messages: impl IntoIterator<Item = &'m T>) -> Result<()>
            where
                T: 'm,
            {
                self.put_all_until(messages, None).map(drop)
            }

            /// Puts several messages, as [`put_all`](Self::put_all), and stops where there is no room for
            /// the next before the time is up. Gives how many are put.
            ///
            /// # Errors
            ///
            /// As for [`put_all`](Self::put_all).
            pub fn put_all_timeout<'m>(
                &self,
                messages: impl IntoIterator<Item = &'m T>,
                timeout: Duration,
            ) -> Result<usize>
            where
                T: 'm,
            {
                self.put_all_until(messages, until(timeout))
            }

            fn put_all_until<'m>(
                &self,
                messages: impl IntoIterator<Item = &'m T>,
                until: Option<Instant>,
            ) -> Result<usize>
            where
                T: 'm,
            {
                let parts = self.parts()?;
                let (mut put, mut quiet) = (0, 0);
                let mut put_next = |message| -> Result<bool> {
                    let mut is_put = sending::<T, C, _>(&self.anchor, message, |bytes| {
                        parts.try_put(Seat::here(), bytes, false)
                    })?;
                    quiet += usize::from(is_put);
                    if !is_put {
                        // Whoever is to make room must know of what is there.
                        parts.wake_receivers(std::mem::take(&mut quiet));
                        is_put = self.put_until(message, true, until)?;
                    }
                    put += usize::from(is_put);
                    Ok(is_put)
                };
                let mut messages = messages.into_iter();
                let all = loop {
                    let Some(message) = messages.next() else { break Ok(()) };
                    match put_next(message) {
                        Ok(true) => {}
                        Ok(false) => break Ok(()),
                        Err(error) => break Err(error),
                    }
                };
                parts.wake_receivers(quiet);
                all.map(|()| put)
            }

            fn put_until(&self, message: &T, wake: bool, until: Option<Instant>) -> Result<bool> {
                let parts = self.parts()?;
                sending::<T, C, _>(&self.anchor, message, |bytes| {
                    parts.put(Seat::here(), bytes, wake, until)
                })
            }

            /// Closes the queue, for everybody: nothing can be put from now on, and who gets what is
            /// left is told [`Error::Closed`](crate::Error::Closed) after the last.
            ///
            /// # Errors
            ///
            /// [`Error::Broken`](crate::Error::Broken).
            pub fn close(&self) -> Result<()> {
                self.parts()?.close();
                Ok(())
            }

            /// Whether it is closed.
            ///
            /// # Errors
            ///
            /// [`Error::Broken`](crate::Error::Broken).
            pub fn is_closed(&self) -> Result<bool> {
                Ok(self.parts()?.is_closed())
            }

            /// How many messages wait to be got, at a moment that may be over when this returns.
            ///
            /// # Errors
            ///
            /// [`Error::Broken`](crate::Error::Broken).
            pub fn len(&self) -> Result<usize> {
                Ok(self.parts()?.len()?)
            }

            /// Whether no message waits to be got.
            ///
            /// # Errors
            ///
            /// [`Error::Broken`](crate::Error::Broken).
            pub fn is_empty(&self) -> Result<bool> {
                Ok(self.parts()?.is_empty()?)
            }

            /// Whether there is no room for another message, or only for one that fits its place.
            ///
            /// # Errors
            ///
            /// [`Error::Broken`](crate::Error::Broken).
            pub fn is_full(&self) -> Result<bool> {
                Ok(self.parts()?.is_full()?)
            }

            /// How many messages it was made for.
            ///
            /// # Errors
            ///
            /// [`Error::Broken`](crate::Error::Broken).
            pub fn bound(&self) -> Result<usize> {
                Ok(self.parts()?.layout.bound)
            }

            fn parts(&self) -> Result<Parts<'_>> {
                Ok(parts(&self.anchor, self.layout)?)
            }

            pub(in crate::toolbox) fn over(anchor: Anchor) -> Self {
                let layout = layout(&anchor);
                $queue { anchor, layout, types: PhantomData }
            }
        }

        impl<T: ?Sized, C> Clone for $queue<T, C> {
            fn clone(&self) -> Self {
                $queue { anchor: self.anchor.clone(), layout: self.layout, types: PhantomData }
            }
        }

        impl<T: ?Sized, C> fmt::Debug for $queue<T, C> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let name = concat!(stringify!($queue), "<");
                write!(f, "{name}{}>({:?})", std::any::type_name::<T>(), self.anchor)
            }
        }

        travels!([T: ?Sized + 'static, C: Codec<T>] $queue<T, C>, Kind::Queue);
    };
}
pub(super) use sending_side;
