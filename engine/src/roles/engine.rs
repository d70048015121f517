//! The engine: what users hold.

use super::builder::Builder;
use super::coordinator::{Core, Progress, Stats};
use super::launch::{Launchpad, Terms};
use super::tasks::Tasks;
use crate::compute::{
    Args, Kernel, Map, Plan, PlanResult, Portable, Reduce, ReduceWith, Summand, Total, Value,
    ZipMap, single,
};
use crate::error::{Error, Result};
use crate::machine::pin::CpuClaim;
use crate::memory::{Element, Elements};
use crate::shared::crossing::{self, Way};
use crate::toolbox::address;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// An engine: a region of shared memory, and worker processes that compute in it.
///
/// It can be used from several threads; launches take turns. Dropping it ends its workers.
///
/// ```
/// # fn main() -> gristmill::Result<()> {
/// use gristmill::Engine;
///
/// let engine = Engine::builder().workers(4).build()?; // or Engine::new()?: one per allowed CPU
/// let x = engine.from_fn((300, 200), |(row, column)| (row * column) as f64)?;
/// let mut y = engine.zeros(x.dim())?;
/// engine.map(&x, &mut y, |v: f64| v.sqrt())?;
/// let total: f64 = engine.sum(&y)?; // the same bits for any number of workers
/// assert!((total - 6490114.9348).abs() < 1e-3);
/// assert_eq!(y.view()[[4, 9]], 6.0); // an ndarray view, no copy
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Engine {
    pub(super) core: Arc<Core>,
    pub(super) thread: Option<JoinHandle<()>>,
    pub(super) launchpad: Mutex<Launchpad>,
    pub(super) _claims: Vec<CpuClaim>,
}

/// The text of the compile error for closures that capture.
macro_rules! refuse_captures {
    ($closure:ty) => {
        const {
            assert!(
                size_of::<$closure>() == 0,
                "this closure captures variables (or is a function pointer), which cannot reach the \
                 workers: pass them as parameters, with `map_with`, in a kernel's fields or as a \
                 task's parameters"
            )
        }
    };
}
pub(super) use refuse_captures;

impl Engine {
    /// An engine with one worker per allowed CPU.
    ///
    /// # Errors
    ///
    /// As [`Builder::build`].
    pub fn new() -> Result<Engine> {
        Engine::builder().build()
    }

    /// An engine to one's own liking.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// How many workers it has.
    pub fn workers(&self) -> usize {
        self.core.computing()
    }

    /// Whether its kernels run behind fences.
    #[cfg(feature = "cli")]
    pub(crate) fn has_fences(&self) -> bool {
        self.core.start.fences
    }

    /// What it has seen since its start.
    pub fn stats(&self) -> Stats {
        self.core.stats()
    }

    /// How far the running plan is; none if none is running. For another thread to ask.
    pub fn progress(&self) -> Option<Progress> {
        self.core.refuse_other_processes().ok()?;
        self.core.progress()
    }

    /// Cancels the running launch, if any: chunks in flight are finished, all others are left
    /// out, and the launch ends with [`Error::Cancelled`]. For another thread to call.
    pub fn cancel(&self) {
        if self.core.refuse_other_processes().is_err() {
            return;
        }
        let plan = self.core.lock_running().plan;
        self.core.control().cancelled.store(plan, Ordering::Release);
    }

    /// Runs a kernel over arrays: `arrays` is what its `Args` say, one reference or a tuple.
    ///
    /// ```
    /// # use gristmill::{Chunk, Engine, In, Kernel, Max};
    /// # use serde::{Deserialize, Serialize};
    /// /// The greatest absolute value.
    /// #[derive(Serialize, Deserialize)]
    /// struct MaxNorm;
    ///
    /// impl Kernel for MaxNorm {
    ///     type Args = In<f64>;
    ///     type Output = Max<f64>;
    ///     fn run(&self, _: Chunk, x: &[f64]) -> f64 {
    ///         x.iter().fold(0.0, |greatest, x| x.abs().max(greatest))
    ///     }
    /// }
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let x = engine.array_from(&ndarray::arr2(&[[1.0, -7.0], [3.0, 4.0]]))?;
    /// assert_eq!(engine.run(&MaxNorm, &x)?, 7.0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Shape`], [`Error::Refused`], [`Error::ForeignArray`] and [`Error::NotPortable`]
    /// before anything runs; [`Error::Panicked`] if it panics, after which output arrays hold
    /// unspecified values; [`Error::Poisoned`] if a chunk kills its worker each time, after which
    /// all other chunks are done; [`Error::GivenUp`] if workers keep dying and no chunk is to blame;
    /// [`Error::OutOfMemory`] for the engine's own copies; [`Error::NoWorkers`];
    /// [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn run<K: Kernel>(
        &self,
        kernel: &K,
        arrays: <K::Args as Args>::Arrays<'_>,
    ) -> Result<Value<K>> {
        let region = self.core.region();
        let describe = || single(region, kernel, &arrays);
        // What parameters refer to is kept until the launch is over.
        let (described, _luggage) = crossing::sending(Way::Kernel, address(region), describe);
        let (mut plan, output) = described?;
        let values = self.launch(&mut plan, output)?;
        drop(plan);
        // The borrows of the arrays end here, after the launch.
        drop(arrays);
        Ok(values)
    }

    /// Describes a plan and runs it: see [`Plan`].
    ///
    /// # Errors
    ///
    /// As [`run`](Engine::run); of several mistakes in the description the first.
    pub fn plan<'a, R: PlanResult>(
        &'a self,
        describe: impl FnOnce(&mut Plan<'a>) -> R,
    ) -> Result<R::Values> {
        let region = self.core.region();
        let mut plan = Plan::new(region);
        let described = crossing::sending(Way::Kernel, address(region), || describe(&mut plan));
        let (result, _luggage) = described;
        self.launch(&mut plan.checked()?, result)
    }

    pub(super) fn launch<R: PlanResult>(
        &self,
        plan: &mut Plan<'_>,
        result: R,
    ) -> Result<R::Values> {
        let terms = Terms { deadline: self.core.deadline(), is_own: false };
        self.launch_within(terms, plan, result)
    }

    pub(super) fn launch_within<R: PlanResult>(
        &self,
        terms: Terms,
        plan: &mut Plan<'_>,
        result: R,
    ) -> Result<R::Values> {
        if !plan.is_for(self.core.region()) {
            return Err(Error::Refused {
                kernel: "the plan".into(),
                reason: "it was described for another engine".into(),
            });
        }
        // Before it waits for its turn, which would not come in the midst of a launch on threads.
        self.core.refuse_other_processes()?;
        let mut launchpad = self.launchpad.lock().unwrap_or_else(PoisonError::into_inner);
        let state = launchpad.run(&self.core, plan, terms)?;
        drop(launchpad);
        let value = result.read(&|scalar| plan.scalar(&state, scalar));
        value.ok_or_else(|| Error::Refused {
            kernel: "the plan".into(),
            reason: "a result was never computed: its step lies in a loop that did not run, or in another \
                     plan"
                .into(),
        })
    }

    /// `y[i] = f(x[i])`. The closure captures nothing; see [`map_with`](Engine::map_with).
    ///
    /// Constants can be used:
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(10, |i| i as f64)?;
    /// let mut y = engine.zeros(10)?;
    /// const FACTOR: f64 = 2.0;
    /// engine.map(&x, &mut y, |v: f64| v * FACTOR)?;
    /// assert_eq!(y[4], 8.0);
    /// # Ok(()) }
    /// ```
    ///
    /// A closure that captures does not compile:
    ///
    /// ```compile_fail,E0080
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(10, |i| i as f64)?;
    /// let mut y = engine.zeros(10)?;
    /// let factor = 2.0;
    /// engine.map(&x, &mut y, |v: f64| v * factor)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Engine::run).
    pub fn map<T, U, F>(&self, x: &Elements<T>, y: &mut Elements<U>, f: F) -> Result<()>
    where
        T: Element,
        U: Element,
        F: Fn(T) -> U + Copy + Send + Sync,
    {
        refuse_captures!(F);
        let _ = f;
        self.map_with(&(), x, y, |(): &(), v| crate::compute::conjure::<F>()(v))
    }

    /// `y[i] = f(&params, x[i])`.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(10, |i| i as f64)?;
    /// let mut y = engine.zeros(10)?;
    /// engine.map_with(&2.5, &x, &mut y, |factor, v: f64| v * factor)?;
    /// assert_eq!(y[4], 10.0);
    /// # Ok(()) }
    /// ```
    ///
    /// What else the closure captures does not compile:
    ///
    /// ```compile_fail,E0080
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(10, |i| i as f64)?;
    /// let mut y = engine.zeros(10)?;
    /// let offset = 1.0;
    /// engine.map_with(&2.5, &x, &mut y, |factor, v: f64| v * factor + offset)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Engine::run).
    pub fn map_with<P, T, U, F>(
        &self,
        params: &P,
        x: &Elements<T>,
        y: &mut Elements<U>,
        f: F,
    ) -> Result<()>
    where
        P: Portable + Clone,
        T: Element,
        U: Element,
        F: Fn(&P, T) -> U + Copy + Send + Sync,
    {
        refuse_captures!(F);
        let _ = f;
        self.run(&Map::<P, F, T, U>::new(params.clone()), (x, y))
    }

    /// `z[i] = f(x[i], y[i])`. The closure captures nothing; see
    /// [`zip_map_with`](Engine::zip_map_with).
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(10, |i| i as f64)?;
    /// let y = engine.filled(10, 3.0)?;
    /// let mut z = engine.zeros(10)?;
    /// engine.zip_map(&x, &y, &mut z, |a: f64, b: f64| a * b)?;
    /// assert_eq!(z[4], 12.0);
    /// # Ok(()) }
    /// ```
    ///
    /// A closure that captures does not compile:
    ///
    /// ```compile_fail,E0080
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(10, |i| i as f64)?;
    /// let y = engine.filled(10, 3.0)?;
    /// let mut z = engine.zeros(10)?;
    /// let offset = 1.0;
    /// engine.zip_map(&x, &y, &mut z, |a: f64, b: f64| a * b + offset)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Engine::run).
    pub fn zip_map<A, B, C, F>(
        &self,
        x: &Elements<A>,
        y: &Elements<B>,
        z: &mut Elements<C>,
        f: F,
    ) -> Result<()>
    where
        A: Element,
        B: Element,
        C: Element,
        F: Fn(A, B) -> C + Copy + Send + Sync,
    {
        refuse_captures!(F);
        let _ = f;
        self.zip_map_with(&(), x, y, z, |(): &(), a, b| crate::compute::conjure::<F>()(a, b))
    }

    /// `z[i] = f(&params, x[i], y[i])`.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(10, |i| i as f64)?;
    /// let y = engine.filled(10, 3.0)?;
    /// let mut z = engine.zeros(10)?;
    /// engine.zip_map_with(&0.5, &x, &y, &mut z, |factor, a: f64, b: f64| a + factor * b)?;
    /// assert_eq!(z[4], 5.5);
    /// # Ok(()) }
    /// ```
    ///
    /// What else the closure captures does not compile:
    ///
    /// ```compile_fail,E0080
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(10, |i| i as f64)?;
    /// let y = engine.filled(10, 3.0)?;
    /// let mut z = engine.zeros(10)?;
    /// let offset = 1.0;
    /// engine.zip_map_with(&0.5, &x, &y, &mut z, |factor, a: f64, b: f64| a + factor * b + offset)?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Engine::run).
    pub fn zip_map_with<P, A, B, C, F>(
        &self,
        params: &P,
        x: &Elements<A>,
        y: &Elements<B>,
        z: &mut Elements<C>,
        f: F,
    ) -> Result<()>
    where
        P: Portable + Clone,
        A: Element,
        B: Element,
        C: Element,
        F: Fn(&P, A, B) -> C + Copy + Send + Sync,
    {
        refuse_captures!(F);
        let _ = f;
        self.run(&ZipMap::<P, F, A, B, C>::new(params.clone()), (x, y, z))
    }

    /// The sum of all elements; see [`Summand`] for types and exactness. 0 for an empty array.
    ///
    /// # Errors
    ///
    /// As [`run`](Engine::run), and if an integer total does not fit.
    pub fn sum<T: Summand>(&self, x: &Elements<T>) -> Result<T::Total> {
        T::total(self.run(&Total::<T>::new(), x)?)
    }

    /// Folds `of(x[i])` over all elements by a [`Reduce`] of one's own, along the fixed tree.
    /// The closure captures nothing.
    ///
    /// ```
    /// use gristmill::Reduce;
    ///
    /// /// The largest power of two that divides all elements.
    /// #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
    /// #[repr(transparent)]
    /// struct Twos(u32);
    ///
    /// impl Reduce for Twos {
    ///     fn identity() -> Twos {
    ///         Twos(u32::MAX)
    ///     }
    ///     fn combine(self, right: Twos) -> Twos {
    ///         Twos(self.0.min(right.0))
    ///     }
    /// }
    ///
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(10, |i| 24 * (i as u32 + 1))?;
    /// let twos: Twos = engine.reduce(&x, |x: u32| Twos(x.trailing_zeros()))?;
    /// assert_eq!(twos.0, 3);
    /// # Ok(()) }
    /// ```
    ///
    /// A closure that captures does not compile:
    ///
    /// ```compile_fail,E0080
    /// # use gristmill::Reduce;
    /// # #[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
    /// # #[repr(transparent)]
    /// # struct Twos(u32);
    /// # impl Reduce for Twos {
    /// #     fn identity() -> Twos {
    /// #         Twos(u32::MAX)
    /// #     }
    /// #     fn combine(self, right: Twos) -> Twos {
    /// #         Twos(self.0.min(right.0))
    /// #     }
    /// # }
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// let x = engine.from_fn(10, |i| 24 * (i as u32 + 1))?;
    /// let offset = 1;
    /// let twos: Twos = engine.reduce(&x, |x: u32| Twos(x.trailing_zeros() + offset))?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`run`](Engine::run).
    pub fn reduce<T, R, F>(&self, x: &Elements<T>, of: F) -> Result<R>
    where
        T: Element,
        R: Reduce,
        F: Fn(T) -> R + Copy + Send + Sync,
    {
        refuse_captures!(F);
        let _ = of;
        self.run(&ReduceWith::<F, T, R>::new(), x)
    }

    /// Tasks, for irregular work: maps, queues, and pools of any functions.
    pub fn tasks(&self) -> Tasks<'_> {
        Tasks::new(self)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.core.refuse_other_processes().is_err() {
            // A forked child has a copy of this value, but neither the thread nor the workers.
            std::mem::forget(self.thread.take());
            return;
        }
        self.core.handle.stop.store(true, Ordering::Release);
        self.core.handle.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.core.notifier.unpark();
    }
}
