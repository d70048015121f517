//! Streams of results: of a map, and of a queue that is closed.

use super::end::End;
use super::queue::TaskQueue;
use super::sent;
use super::table::Function;
use super::{open::OpenRing, state::Task};
use crate::compute::Portable;
use crate::error::{Error, Result};
use crate::shared::crossing::Luggage;
use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;

/// Results of [`Tasks::map`](crate::Tasks::map), in order of the parameters.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(2).build()?;
/// let quotients = engine.tasks().map(|n: u32| 12 / n, [3, 0, 4])?;
/// let quotients: Vec<Option<u32>> = quotients.map(|quotient| quotient.ok()).collect();
/// assert_eq!(quotients, [Some(4), None, Some(3)]); // the one that panics fails alone
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct TaskResults<'e, P, R, I> {
    ring: OpenRing,
    function: Function,
    params: I,
    /// Parameters that were taken, and for which there was no memory yet.
    held: Option<(Vec<u8>, Luggage)>,
    bound: u64,
    /// Parameters taken so far, how many of these tasks have ended, and how many results were given.
    fed: u64,
    done: u64,
    given: u64,
    /// Ends that came before their turn, from that of number `given` on.
    window: VecDeque<Option<End>>,
    /// Ends as they came.
    came: VecDeque<(u64, End)>,
    progress: Option<OnProgress<'e>>,
    types: PhantomData<fn(P) -> R>,
}

/// What a map tells how far it is.
struct OnProgress<'e>(Box<dyn FnMut(u64, Option<u64>) + Send + 'e>);

impl fmt::Debug for OnProgress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnProgress")
    }
}

impl<'e, P: Portable, R: Portable, I: Iterator<Item = P>> TaskResults<'e, P, R, I> {
    pub(super) fn new(ring: OpenRing, function: Function, params: I, bound: usize) -> Self {
        TaskResults {
            ring,
            function,
            params,
            held: None,
            bound: bound as u64,
            fed: 0,
            done: 0,
            given: 0,
            window: VecDeque::new(),
            came: VecDeque::new(),
            progress: None,
            types: PhantomData,
        }
    }

    /// The same results as they come, each with the number of its parameters.
    pub fn unordered(self) -> Unordered<Self> {
        Unordered(self)
    }

    /// Calls `tell` whenever more tasks have ended, with how many have, and how many there are, if the
    /// iterator of parameters knows that. It is called by the thread that asks for results, before it
    /// is given one, for several ends at once if they have come meanwhile.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let mut last = None;
    /// let squares = engine.tasks().map(|n: u64| n * n, 0..100)?;
    /// let squares = squares.on_progress(|done, total| last = Some((done, total)));
    /// assert_eq!(squares.map(|square| square.unwrap()).sum::<u64>(), 328350);
    /// assert_eq!(last, Some((100, Some(100))));
    /// # Ok(()) }
    /// ```
    pub fn on_progress(mut self, tell: impl FnMut(u64, Option<u64>) + Send + 'e) -> Self {
        self.progress = Some(OnProgress(Box::new(tell)));
        self
    }

    /// Puts tasks as long as there is room; parameters that cannot be sent are a result.
    fn feed(&mut self) {
        while self.fed - self.given < self.bound && {
            let state = self.ring.lock();
            self.ring.has_room(&state)
        } {
            let sent = match self.held.take() {
                Some(held) => Ok(held),
                None => match self.params.next() {
                    Some(params) => sent(&self.ring.core, &params),
                    None => return,
                },
            };
            match sent.and_then(|sent| self.put(sent)) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    let number = self.ring.lock().take_number();
                    self.came.push_back((number, End::Refused(error)));
                }
            }
            self.fed += 1;
        }
    }

    /// Puts a task; false if it must wait until others have given their memory back.
    fn put(&mut self, (bytes, luggage): (Vec<u8>, Luggage)) -> Result<bool> {
        let put = self.ring.put_or_return(Task::new(self.function, bytes, luggage));
        let Err((error, task)) = put.map_err(|not_put| *not_put) else { return Ok(true) };
        let others_to_come = self.fed > self.done + self.came.len() as u64;
        if matches!(error, Error::OutOfMemory { .. }) && others_to_come {
            self.held = Some((task.params, task.luggage));
            return Ok(false);
        }
        Err(error)
    }

    /// Takes what has ended, and waits until something has; false once nothing is left to wait for.
    fn receive(&mut self) -> bool {
        if self.came.is_empty() {
            let came = &mut self.came;
            self.ring.wait(|state| {
                std::mem::swap(came, state.ended());
                (!came.is_empty() || state.unfinished() == 0).then_some(())
            });
        }
        !self.came.is_empty()
    }

    /// So many more tasks have ended.
    fn tell(&mut self, ended: usize) {
        self.done += ended as u64;
        let (left, most) = self.params.size_hint();
        let total = most.filter(|most| *most == left).map(|left| self.fed + left as u64);
        if let Some(OnProgress(tell)) = &mut self.progress {
            tell(self.done, total);
        }
    }
}

impl<P: Portable, R: Portable, I: Iterator<Item = P>> Iterator for TaskResults<'_, P, R, I> {
    type Item = Result<R>;

    fn next(&mut self) -> Option<Result<R>> {
        loop {
            self.feed();
            if let Some(end) = self.window.front_mut().and_then(Option::take) {
                self.window.pop_front();
                let number = self.given;
                self.given += 1;
                return Some(end.open(&self.ring.core, number));
            }
            if !self.receive() {
                return None;
            }
            self.tell(self.came.len());
            for (number, end) in self.came.drain(..) {
                let place = (number - self.given) as usize;
                if self.window.len() <= place {
                    self.window.resize_with(place + 1, || None);
                }
                self.window[place] = Some(end);
            }
        }
    }
}

/// Results in the order in which tasks end, each with its task's number.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// # let engine = gristmill::Engine::builder().workers(2).build()?;
/// let squares = engine.tasks().map(|n: u64| n * n, 0..100)?.unordered();
/// let mut squares: Vec<(u64, u64)> = squares.map(|(n, square)| (n, square.unwrap())).collect();
/// squares.sort();
/// assert_eq!(squares[99], (99, 99 * 99));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Unordered<Q>(Q);

impl<Q> Unordered<Q> {
    pub(super) fn new(results: Q) -> Unordered<Q> {
        Unordered(results)
    }
}

impl<'e, P: Portable, R: Portable, I: Iterator<Item = P>> Unordered<TaskResults<'e, P, R, I>> {
    /// As [`TaskResults::on_progress`].
    pub fn on_progress(self, tell: impl FnMut(u64, Option<u64>) + Send + 'e) -> Self {
        Unordered(self.0.on_progress(tell))
    }
}

impl<P: Portable, R: Portable> Iterator for Unordered<TaskQueue<'_, P, R>> {
    type Item = (u64, Result<R>);

    fn next(&mut self) -> Option<(u64, Result<R>)> {
        self.0.next()
    }
}

impl<P: Portable, R: Portable, I: Iterator<Item = P>> Iterator
    for Unordered<TaskResults<'_, P, R, I>>
{
    type Item = (u64, Result<R>);

    fn next(&mut self) -> Option<(u64, Result<R>)> {
        self.0.feed();
        if !self.0.receive() {
            return None;
        }
        let (number, end) = self.0.came.pop_front()?;
        self.0.tell(1);
        self.0.given += 1;
        Some((number, end.open(&self.0.ring.core, number)))
    }
}
