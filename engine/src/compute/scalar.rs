//! Scalars of a plan, kernels and conditions that are made of them, and what a plan gives.

use super::kernel::Kernel;
use super::plan::Plan;
use super::program::InPlan;
use super::reduce::Output;
use super::table::{Alike, KernelNamed, Load, LoadFn, Named, Runner, conjure, encode, runner};
use crate::error::Result;
use std::borrow::Borrow;
use std::marker::PhantomData;

/// A small value that a step of a plan reduces to, and later steps and conditions read.
#[derive(Debug)]
pub struct Scalar<O> {
    at: InPlan,
    output: PhantomData<O>,
}

impl<O> Clone for Scalar<O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Scalar<O> {}

impl<O> Scalar<O> {
    pub(crate) fn new(at: InPlan) -> Scalar<O> {
        Scalar { at, output: PhantomData }
    }

    pub(crate) fn at(self) -> InPlan {
        self.at
    }
}

/// What a condition or a kernel can be made of: a [`Scalar`], or a number known beforehand.
pub trait Operand: Copy {
    /// What the closure gets.
    type Value;
    #[doc(hidden)]
    const BYTES: usize;
    #[doc(hidden)]
    fn scalar(self, plan: &mut Plan<'_>) -> usize;
    #[doc(hidden)]
    fn value(bytes: &[u8]) -> Self::Value;
    /// The value for asking a kernel about grain and halo before there is a real one.
    #[doc(hidden)]
    fn foretaste(self) -> Self::Value;
}

impl<O: Output> Operand for Scalar<O> {
    type Value = O::Value;
    const BYTES: usize = O::BYTES;

    fn scalar(self, plan: &mut Plan<'_>) -> usize {
        plan.own_scalar(self.at)
    }

    fn value(bytes: &[u8]) -> O::Value {
        O::read(bytes)
    }

    fn foretaste(self) -> O::Value {
        O::identity()
    }
}

macro_rules! number_operand {
    ($($number:ty)*) => {
        $(impl Operand for $number {
            type Value = $number;
            const BYTES: usize = size_of::<$number>();

            fn scalar(self, plan: &mut Plan<'_>) -> usize {
                plan.add_constant(self.to_ne_bytes().to_vec())
            }

            fn value(bytes: &[u8]) -> $number {
                bytemuck::pod_read_unaligned(bytes)
            }

            fn foretaste(self) -> $number {
                self
            }
        })*
    };
}
number_operand!(f32 f64 i8 i16 i32 i64 u8 u16 u32 u64 usize);

/// One [`Operand`], or a tuple of them.
pub trait Operands: Copy + 'static {
    /// What the closure gets.
    type Values;
    #[doc(hidden)]
    fn collect(self, plan: &mut Plan<'_>) -> Vec<usize>;
    #[doc(hidden)]
    fn read(bytes: &[u8]) -> Self::Values;
    #[doc(hidden)]
    fn foretaste(self) -> Self::Values;
}

impl<A: Operand + 'static> Operands for A {
    type Values = A::Value;

    fn collect(self, plan: &mut Plan<'_>) -> Vec<usize> {
        vec![self.scalar(plan)]
    }

    fn read(bytes: &[u8]) -> A::Value {
        A::value(bytes)
    }

    fn foretaste(self) -> A::Value {
        Operand::foretaste(self)
    }
}

macro_rules! tuple_operands {
    ($($operand:ident $index:tt),+) => {
        impl<$($operand: Operand + 'static),+> Operands for ($($operand,)+) {
            type Values = ($($operand::Value,)+);

            fn collect(self, plan: &mut Plan<'_>) -> Vec<usize> {
                vec![$(self.$index.scalar(plan)),+]
            }

            #[allow(non_snake_case, reason = "one name for a type and its value")]
            fn read(bytes: &[u8]) -> Self::Values {
                let rest = bytes;
                $(let (own, rest) = rest.split_at($operand::BYTES);
                let $operand = $operand::value(own);)+
                debug_assert!(rest.is_empty());
                ($($operand,)+)
            }

            fn foretaste(self) -> Self::Values {
                ($(self.$index.foretaste(),)+)
            }
        }
    };
}
tuple_operands!(A 0, B 1);
tuple_operands!(A 0, B 1, C 2);
tuple_operands!(A 0, B 1, C 2, D 3);
tuple_operands!(A 0, B 1, C 2, D 3, E 4);
tuple_operands!(A 0, B 1, C 2, D 3, E 4, F 5);

/// A kernel that is made of scalars when its step begins: see [`with`].
#[derive(Debug)]
pub struct With<S, F> {
    operands: S,
    make: PhantomData<F>,
}

/// A kernel whose parameters depend on scalars of the plan: the workers make it when its step
/// begins. Its grain and halo must not depend on them: the engine asks for these beforehand, of a
/// kernel made of the scalars' identities (0 for a sum, say).
///
/// ```
/// # use gristmill::{Chunk, Engine, InOut, Kernel, In, Sum, with};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)] struct Scale { by: f64 }
/// # impl Kernel for Scale {
/// #     type Args = InOut<f64>;
/// #     type Output = ();
/// #     fn run(&self, _: Chunk, x: &mut [f64]) { x.iter_mut().for_each(|x| *x *= self.by) }
/// # }
/// # #[derive(Serialize, Deserialize)] struct Total;
/// # impl Kernel for Total {
/// #     type Args = In<f64>;
/// #     type Output = Sum<f64>;
/// #     fn run(&self, _: Chunk, x: &[f64]) -> f64 { x.iter().sum() }
/// # }
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let mut x = engine.from_fn(8, |_| 2.0)?;
/// engine.plan(|p| {
///     let mut x = p.write(&mut x);
///     let total = p.step(&Total, &x);
///     p.step(&with((total, 32.0), |(total, wanted)| Scale { by: wanted / total }), &mut x);
/// })?;
/// assert_eq!(x[7], 4.0);
/// # Ok(()) }
/// ```
pub fn with<S, F, K>(operands: S, make: F) -> With<S, F>
where
    S: Operands,
    F: Fn(S::Values) -> K + Copy + Send + Sync + 'static,
    K: Kernel,
{
    const {
        assert!(
            size_of::<F>() == 0,
            "this closure captures variables, which cannot reach the workers: pass them among the operands"
        )
    };
    let _ = make;
    With { operands, make: PhantomData }
}

/// What a step can be made of: a [`Kernel`], or one [`with`] scalars.
pub trait StepKernel {
    /// The kernel that runs.
    type Kernel: Kernel;
    #[doc(hidden)]
    type Made<'k>: Borrow<Self::Kernel>
    where
        Self: 'k;
    #[doc(hidden)]
    fn source<'k>(&'k self, plan: &mut Plan<'_>) -> Result<Source<Self::Made<'k>>>;
}

/// How workers come by a kernel, and one to ask about its geometry.
#[doc(hidden)]
#[derive(Debug)]
pub struct Source<B> {
    pub(crate) table: u64,
    pub(crate) params: Vec<u8>,
    pub(crate) inputs: Vec<usize>,
    pub(crate) kernel: B,
}

#[diagnostic::do_not_recommend]
impl<K: Kernel> StepKernel for K {
    type Kernel = K;
    type Made<'k>
        = &'k K
    where
        Self: 'k;

    fn source<'k>(&'k self, _: &mut Plan<'_>) -> Result<Source<&'k K>> {
        let table = KernelNamed::<K>::TABLE.offset()?;
        Ok(Source { table, params: encode(self, Alike::Bytes)?, inputs: vec![], kernel: self })
    }
}

impl<S, F, K> StepKernel for With<S, F>
where
    S: Operands,
    F: MakeKernel<S, Kernel = K>,
    K: Kernel,
{
    type Kernel = K;
    type Made<'k>
        = K
    where
        Self: 'k;

    fn source(&self, plan: &mut Plan<'_>) -> Result<Source<K>> {
        let inputs = self.operands.collect(plan);
        let table = WithNamed::<S, F>::TABLE.offset()?;
        let kernel = conjure::<F>().make(self.operands.foretaste());
        Ok(Source { table, params: vec![], inputs, kernel })
    }
}

/// A closure that makes a kernel of the values of `S`.
#[doc(hidden)]
pub trait MakeKernel<S: Operands>: Copy + 'static {
    type Kernel: Kernel;
    fn make(self, values: S::Values) -> Self::Kernel;
}

impl<S, F, K> MakeKernel<S> for F
where
    S: Operands,
    F: Fn(S::Values) -> K + Copy + 'static,
    K: Kernel,
{
    type Kernel = K;

    fn make(self, values: S::Values) -> K {
        self(values)
    }
}

/// The table of a kernel that is made of scalars.
struct WithNamed<S, F>(PhantomData<(S, F)>);

impl<S: Operands, F: MakeKernel<S>> WithNamed<S, F> {
    const TABLE: &'static Named<Load> = &Named::new(F::Kernel::name, load_with::<S, F> as LoadFn);
}

fn load_with<S: Operands, F: MakeKernel<S>>(
    _params: &[u8],
    scalars: &[u8],
) -> Result<Box<dyn Runner>, String> {
    Ok(runner(conjure::<F>().make(S::read(scalars))))
}

/// What a plan gives: nothing, a scalar, or a tuple of what plans give.
pub trait PlanResult {
    /// Its values once the plan has ended.
    type Values;
    #[doc(hidden)]
    fn read(&self, scalar: &dyn Fn(InPlan) -> Option<Vec<u8>>) -> Option<Self::Values>;
}

impl PlanResult for () {
    type Values = ();

    fn read(&self, _: &dyn Fn(InPlan) -> Option<Vec<u8>>) -> Option<()> {
        Some(())
    }
}

impl<O: Output> PlanResult for Scalar<O> {
    type Values = O::Value;

    fn read(&self, scalar: &dyn Fn(InPlan) -> Option<Vec<u8>>) -> Option<O::Value> {
        Some(O::read(&scalar(self.at())?))
    }
}

macro_rules! tuple_result {
    ($($result:ident $index:tt),+) => {
        impl<$($result: PlanResult),+> PlanResult for ($($result,)+) {
            type Values = ($($result::Values,)+);

            fn read(&self, scalar: &dyn Fn(InPlan) -> Option<Vec<u8>>) -> Option<Self::Values> {
                Some(($(self.$index.read(scalar)?,)+))
            }
        }
    };
}
tuple_result!(A 0, B 1);
tuple_result!(A 0, B 1, C 2);
tuple_result!(A 0, B 1, C 2, D 3);
tuple_result!(A 0, B 1, C 2, D 3, E 4);
tuple_result!(A 0, B 1, C 2, D 3, E 4, F 5);
