//! Describing a plan: arrays become slots, kernels become steps, results become scalars.

use super::access::{AccessSpec, Args, Place};
use super::array_slot::{ReadSlot, Slot};
use super::kernel::Kernel;
use super::program::{ArrayPlace, InPlan, Op, Program, ScalarPlace};
use super::reduce::{Count, Output};
use super::scalar::{Operands, Scalar, StepKernel};
use super::table::{Named, Test, TestFn, conjure};
use crate::error::{Error, Result};
use crate::memory::{Array, Block, Element, Elements, Region};
use ndarray::Dimension;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A plan under construction: what [`Engine::plan`](crate::Engine::plan) passes to its closure.
///
/// Arrays take part as [slots](Slot), which can exchange roles; each [`step`](Plan::step) yields a
/// [`Scalar`] that later steps and conditions can read. Nothing runs while the plan is described.
/// The workers then run it by themselves, without the coordinator.
///
/// Steps that follow each other directly and do no more than go on with the same chunks are run
/// together, each chunk through all of them: maps of equally long arrays of one element type, say,
/// and reductions of what they have written. That spares memory a pass and the workers a meeting;
/// the bits are the same. A step stays apart if its grain differs, if it reads more than its own
/// chunk of what the other writes ([`Whole`](crate::Whole), [`Halo`](crate::Halo)) or the other way
/// about, if it writes ([`Out`](crate::Out)) what the other reads (an update in place may follow),
/// if it merges or has tiles, or if it is made of a scalar that the other yields.
///
/// ```
/// use gristmill::{Chunk, Engine, In, Kernel, Max, Out};
/// use serde::{Deserialize, Serialize};
///
/// /// Halves every value, and yields the greatest one left.
/// #[derive(Serialize, Deserialize)]
/// struct Halve;
///
/// impl Kernel for Halve {
///     type Args = (In<f64>, Out<f64>);
///     type Output = Max<f64>;
///     fn run(&self, _: Chunk, (from, to): (&[f64], &mut [f64])) -> f64 {
///         to.iter_mut().zip(from).for_each(|(to, from)| *to = from / 2.0);
///         to.iter().copied().fold(0.0, f64::max)
///     }
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let mut x = engine.from_fn(100, |i| i as f64)?;
/// let mut y = engine.zeros(100)?;
/// let (rounds, greatest) = engine.plan(|p| {
///     let (mut a, mut b) = (p.write(&mut x), p.write(&mut y));
///     p.repeat(1000, |p| {
///         let greatest = p.step(&Halve, (&a, &mut b));
///         p.swap(&mut a, &mut b);
///         p.until(greatest, |greatest| greatest < 1.0);
///         greatest
///     })
/// })?;
/// assert_eq!((rounds, greatest), (7, 99.0 / 128.0));
/// assert_eq!(x[99], greatest); // roles that were swapped are written back into the arrays
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Plan<'a> {
    /// Tells it from every other plan of this process.
    number: u64,
    region: &'a Region,
    pub(crate) program: Program,
    /// Scalars that have a value from the beginning.
    pub(crate) constants: Vec<(usize, Vec<u8>)>,
    /// The blocks of arrays that may be written, by slot, to write swapped roles back.
    pub(crate) blocks: Vec<Option<&'a mut Arc<Block>>>,
    /// Names of the kernels, by step, for errors.
    pub(crate) names: Vec<&'static str>,
    /// How they reach their arrays, by step.
    pub(crate) accesses: Vec<&'static [AccessSpec]>,
    /// Of each loop that is being described: the operations that leave it.
    leaving: Vec<Vec<usize>>,
    error: Option<Error>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(region: &'a Region) -> Plan<'a> {
        static PLANS: AtomicU64 = AtomicU64::new(0);
        Plan {
            number: PLANS.fetch_add(1, Ordering::Relaxed),
            region,
            program: Program::default(),
            constants: vec![],
            blocks: vec![],
            names: vec![],
            accesses: vec![],
            leaving: vec![],
            error: None,
        }
    }

    /// Lets steps read an array.
    pub fn read<T: Element, D: Dimension>(&mut self, array: &'a Array<T, D>) -> ReadSlot<T, D> {
        let index = self.add_array(array.as_slice().as_ptr().cast(), array, array.shape());
        self.blocks.push(None);
        ReadSlot(Slot::new(self.name(index)))
    }

    /// Lets steps read and write an array.
    pub fn write<T: Element, D: Dimension>(&mut self, array: &'a mut Array<T, D>) -> Slot<T, D> {
        let index = self.add_array(array.as_slice().as_ptr().cast(), array, array.shape());
        self.blocks.push(Some(array.block_mut()));
        Slot::new(self.name(index))
    }

    fn add_array<T>(&mut self, address: *const u8, all: &Elements<T>, shape: &[usize]) -> usize {
        let index = self.program.arrays.len();
        let offset = self.region.offset_of(address, size_of_val(all.as_slice()));
        if offset.is_none() {
            let kernel = "the plan".into();
            self.fail(Error::ForeignArray { kernel, argument: index });
        }
        let offset = offset.unwrap_or(0);
        self.program.arrays.push(ArrayPlace { offset, len: all.len(), shape: shape.to_vec() });
        index
    }

    /// Adds a step; gives its result, a scalar.
    ///
    /// `kernel` is a kernel, or one that is made of scalars: see [`with`](crate::with).
    pub fn step<S: StepKernel>(
        &mut self,
        kernel: &S,
        slots: <<S::Kernel as Kernel>::Args as Args>::Slots<'_>,
    ) -> Scalar<<S::Kernel as Kernel>::Output> {
        let slots = <S::Kernel as Kernel>::Args::slots(&slots);
        let output = self.add_scalar(<S::Kernel as Kernel>::Output::BYTES);
        if let Err(error) = self.try_step(kernel, &slots, output) {
            self.fail(error);
        }
        Scalar::new(self.name(output))
    }

    /// Repeats what `body` describes at most `times` times; gives how often it began, and what
    /// the body gives.
    pub fn repeat<R>(
        &mut self,
        times: u64,
        body: impl FnOnce(&mut Plan<'a>) -> R,
    ) -> (Scalar<Count>, R) {
        let shown = self.add_scalar(Count::BYTES);
        let counter = self.program.counters;
        self.program.counters += 1;
        self.program.ops.push(Op::Begin { counter, shown });
        let head = self.program.ops.len();
        self.program.ops.push(Op::Head { counter, shown, times, exit: 0 });
        self.leaving.push(vec![head]);
        let result = body(self);
        self.program.ops.push(Op::Jump(head));
        let end = self.program.ops.len();
        for op in self.leaving.pop().expect("pushed above") {
            let (Op::Head { exit, .. } | Op::Until { exit, .. }) = &mut self.program.ops[op] else {
                unreachable!("only these leave a loop");
            };
            *exit = end;
        }
        (Scalar::new(self.name(shown)), result)
    }

    /// Leaves the innermost loop if the condition holds. `operands` are scalars or numbers, or a
    /// tuple of them; the condition is a closure that captures nothing.
    ///
    /// ```
    /// # use gristmill::{Chunk, Engine, InOut, Kernel, Max};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Halve;
    /// # impl Kernel for Halve {
    /// #     type Args = InOut<f64>;
    /// #     type Output = Max<f64>;
    /// #     fn run(&self, _: Chunk, x: &mut [f64]) -> f64 {
    /// #         x.iter_mut().fold(0.0, |greatest, x| {
    /// #             *x /= 2.0;
    /// #             x.max(greatest)
    /// #         })
    /// #     }
    /// # }
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let mut x = engine.filled(100, 1024.0)?;
    /// let (times, greatest) = engine.plan(|p| {
    ///     let mut x = p.write(&mut x);
    ///     p.repeat(100, |p| {
    ///         let greatest = p.step(&Halve, &mut x);
    ///         p.until((greatest, 1.0), |(greatest, tolerance)| greatest < tolerance);
    ///         greatest
    ///     })
    /// })?;
    /// assert_eq!((times, greatest), (11, 0.5));
    /// # Ok(()) }
    /// ```
    ///
    /// What it compares with is an operand; a condition that captures does not compile:
    ///
    /// ```compile_fail,E0080
    /// # use gristmill::{Chunk, Engine, InOut, Kernel, Max};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize)]
    /// # struct Halve;
    /// # impl Kernel for Halve {
    /// #     type Args = InOut<f64>;
    /// #     type Output = Max<f64>;
    /// #     fn run(&self, _: Chunk, x: &mut [f64]) -> f64 {
    /// #         x.iter_mut().fold(0.0, |greatest, x| {
    /// #             *x /= 2.0;
    /// #             x.max(greatest)
    /// #         })
    /// #     }
    /// # }
    /// # fn main() -> gristmill::Result<()> {
    /// let engine = Engine::builder().workers(2).build()?;
    /// let mut x = engine.filled(100, 1024.0)?;
    /// let tolerance = 1.0;
    /// let (times, greatest) = engine.plan(|p| {
    ///     let mut x = p.write(&mut x);
    ///     p.repeat(100, |p| {
    ///         let greatest = p.step(&Halve, &mut x);
    ///         p.until(greatest, |greatest| greatest < tolerance);
    ///         greatest
    ///     })
    /// })?;
    /// # Ok(()) }
    /// ```
    pub fn until<S, F>(&mut self, operands: S, condition: F)
    where
        S: Operands,
        F: Fn(S::Values) -> bool + Copy + Send + Sync,
    {
        const {
            assert!(
                size_of::<F>() == 0,
                "this closure captures variables, which cannot reach the workers: pass them among the operands"
            )
        };
        let _ = condition;
        let inputs = operands.collect(self);
        match TestNamed::<S, F>::TABLE.offset() {
            Ok(table) => self.push_until(table, inputs),
            Err(error) => self.fail(error),
        }
    }

    fn push_until(&mut self, table: u64, inputs: Vec<usize>) {
        let op = self.program.ops.len();
        match self.leaving.last_mut() {
            Some(leaving) => leaving.push(op),
            None => self.fail(Error::Refused {
                kernel: "the plan".into(),
                reason: "`until` leaves a loop: call it inside `repeat`".into(),
            }),
        }
        self.program.ops.push(Op::Until { table, inputs, exit: 0 });
    }

    /// Lets two arrays exchange roles from here on. They must have the same shape.
    pub fn swap<T: Element, D: Dimension>(&mut self, a: &mut Slot<T, D>, b: &mut Slot<T, D>) {
        match self.own(a.at()).and_then(|a| Ok((a, self.own(b.at())?))) {
            Ok((a, b)) => self.push_swap(a, b),
            Err(error) => self.fail(error),
        }
    }

    fn push_swap(&mut self, a: usize, b: usize) {
        let [first, second] = [a, b].map(|slot| &self.program.arrays[slot].shape);
        if first != second {
            let reason = format!("only equal shapes can swap: {first:?} and {second:?}");
            self.fail(Error::Shape { kernel: "the plan".into(), reason });
        }
        self.program.ops.push(Op::Swap(a, b));
    }

    /// What names a slot or scalar of this plan.
    fn name(&self, index: usize) -> InPlan {
        InPlan { plan: self.number, index }
    }

    /// The number of a slot or scalar, which must be of this plan.
    pub(super) fn own(&self, at: InPlan) -> Result<usize> {
        if at.plan == self.number {
            return Ok(at.index);
        }
        Err(Error::Refused {
            kernel: "the plan".into(),
            reason: "an array's role or a scalar of another plan was used; they mean nothing \
                     outside the plan that made them"
                .into(),
        })
    }

    /// The same for a scalar; a foreign one fails the plan.
    pub(crate) fn own_scalar(&mut self, at: InPlan) -> usize {
        self.own(at).unwrap_or_else(|error| {
            self.fail(error);
            0
        })
    }

    /// Whether the plan was described for this region: a description can be exchanged for another
    /// engine's, and its offsets are good for its own region alone.
    pub(crate) fn is_for(&self, region: &Region) -> bool {
        std::ptr::eq(self.region, region)
    }

    /// The bytes of a scalar of this plan, if it has been set.
    pub(crate) fn scalar(&self, state: &super::State, at: InPlan) -> Option<Vec<u8>> {
        let index = self.own(at).ok()?;
        self.program.scalar(state, index).map(<[u8]>::to_vec)
    }

    pub(crate) fn add_scalar(&mut self, len: usize) -> usize {
        let offset = self.program.scalars.last().map_or(0, |last| last.offset + last.len);
        self.program.scalars.push(ScalarPlace { offset, len });
        self.program.scalars.len() - 1
    }

    pub(crate) fn add_constant(&mut self, bytes: Vec<u8>) -> usize {
        let scalar = self.add_scalar(bytes.len());
        self.constants.push((scalar, bytes));
        scalar
    }

    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// The first mistake made in describing it, if any.
    pub(crate) fn checked(mut self) -> Result<Plan<'a>> {
        self.error.take().map_or(Ok(self), Err)
    }

    /// Writes roles that were swapped back into the arrays: afterwards the array of slot `s` has
    /// the contents that last played the role `s`.
    pub(crate) fn write_back(&mut self, order: &[usize]) {
        // Follow the cycles: `now[s]` is the array whose contents slot s holds at present.
        let mut now: Vec<usize> = (0..order.len()).collect();
        for slot in 0..order.len() {
            if now[slot] == order[slot] {
                continue;
            }
            let Some(from) = (slot..now.len()).find(|&other| now[other] == order[slot]) else {
                continue;
            };
            let (left, right) = self.blocks.split_at_mut(from);
            if let (Some(a), Some(b)) = (&mut left[slot], &mut right[0]) {
                std::mem::swap(*a, *b);
                now.swap(slot, from);
            }
        }
    }
}

/// The table of a condition.
struct TestNamed<S, F>(PhantomData<(S, F)>);

impl<S: Operands, F: Fn(S::Values) -> bool + Copy> TestNamed<S, F> {
    const TABLE: &'static Named<Test> =
        &Named::new(std::any::type_name::<F>, test::<S, F> as TestFn);
}

fn test<S: Operands, F: Fn(S::Values) -> bool + Copy>(scalars: &[u8]) -> bool {
    conjure::<F>()(S::read(scalars))
}

/// A launch of one kernel over arrays, as a plan of one step.
pub(crate) fn single<'a, K: Kernel>(
    region: &'a Region,
    kernel: &K,
    arrays: &<K::Args as Args>::Arrays<'_>,
) -> Result<(Plan<'a>, Scalar<K::Output>)> {
    single_at(region, kernel, &K::Args::places(arrays))
}

/// The same over places, whose element types and exclusiveness the caller has checked.
pub(crate) fn single_at<'a, K: Kernel>(
    region: &'a Region,
    kernel: &K,
    places: &[Place],
) -> Result<(Plan<'a>, Scalar<K::Output>)> {
    let mut plan = Plan::new(region);
    let name = K::name();
    for (argument, (place, spec)) in places.iter().zip(K::Args::SPECS).enumerate() {
        let bytes = place.len * spec.element_bytes;
        let offset = region
            .offset_of(place.address, bytes)
            .ok_or_else(|| Error::ForeignArray { kernel: name.into(), argument })?;
        let shape = place.shape.clone();
        plan.program.arrays.push(ArrayPlace { offset, len: place.len, shape });
        plan.blocks.push(None);
    }
    let slots: Vec<InPlan> = (0..places.len()).map(|slot| plan.name(slot)).collect();
    let output = plan.add_scalar(K::Output::BYTES);
    plan.try_step(kernel, &slots, output)?;
    let output = Scalar::new(plan.name(output));
    Ok((plan, output))
}
