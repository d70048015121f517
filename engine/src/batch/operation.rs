//! One kernel as job files see it, its types erased: what it takes, what it makes, how it runs.

use super::catalogue::{ArrayMeta, At, InputInfo, KernelInfo, Refusal, ResultKind};
use super::registry::Param;
use crate::compute::{Args, Kernel, Kind, Output, Shapes, Value};
use crate::error::Result;
use crate::memory::ElementType;
use crate::memory::{RawArgument, RawArray};
use crate::report::Scalar;
use crate::roles::Engine;
use std::fmt::Debug;
use std::marker::PhantomData;

/// A kernel that job files can name: what they need to know beyond [`Kernel`].
///
/// Its read arrays are the step's inputs, in order; the array that it writes, merges or updates is
/// the step's result (an updated one starts as a copy of its input). Its fields are filled from the
/// step's `params`, by serde.
pub trait JobKernel: Kernel + 'static {
    /// What it computes, in one line.
    const SUMMARY: &'static str;
    /// Names of the input arrays, in order.
    const ARRAYS: &'static [&'static str];
    /// Whether its field `cell` (metres per row and column) is filled from the first input, with
    /// which it travels.
    const CELL: bool = false;

    /// Its parameters: the fields that a job may give.
    fn params() -> Vec<Param> {
        vec![]
    }

    /// The result's shape; by default that of the first input.
    fn result_shape(&self, inputs: &[&[usize]]) -> Vec<usize> {
        inputs.first().map_or(vec![], |shape| shape.to_vec())
    }

    /// What its output says in numbers, by name; by default nothing.
    fn numbers(_output: &Value<Self>) -> Vec<(&'static str, JobScalar)> {
        vec![]
    }
}

/// A number that a step yields.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum JobScalar {
    /// A count.
    Count(u64),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Real(f64),
}

impl From<JobScalar> for Scalar {
    fn from(number: JobScalar) -> Scalar {
        match number {
            JobScalar::Count(count) => Scalar::Unsigned(count),
            JobScalar::Integer(integer) => Scalar::Signed(integer),
            JobScalar::Real(real) => Scalar::Float(real),
        }
    }
}

/// What a step made.
pub(crate) struct Made {
    pub(crate) result: Option<RawArray>,
    pub(crate) numbers: Vec<(String, Scalar)>,
    pub(crate) chunks: u64,
}

/// A [`JobKernel`] without its types.
pub(crate) trait Operation: Debug + Send + Sync {
    fn info(&self, name: &str) -> KernelInfo;
    /// The element types of the inputs.
    fn elements(&self) -> Vec<ElementType>;
    /// Checks parameters and shapes, and says what the result will be.
    fn prepare(
        &self,
        params: &toml::Table,
        inputs: &[ArrayMeta],
    ) -> Result<Option<ArrayMeta>, Vec<Refusal>>;
    /// Runs it.
    fn run(
        &self,
        engine: &Engine,
        params: &toml::Table,
        inputs: &[(&RawArray, &ArrayMeta)],
    ) -> Result<Made>;
}

pub(crate) struct Typed<K>(PhantomData<fn() -> K>);

impl<K> Typed<K> {
    pub(crate) fn new() -> Typed<K> {
        Typed(PhantomData)
    }
}

impl<K> Debug for Typed<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::any::type_name::<K>())
    }
}

impl<K: JobKernel> Typed<K> {
    /// The accesses that are inputs of the step.
    fn inputs() -> impl Iterator<Item = &'static crate::compute::AccessSpec> {
        let is_input = |kind: Kind| !kind.is_replaced();
        K::Args::SPECS.iter().filter(move |spec| is_input(spec.kind))
    }

    fn result() -> Option<&'static crate::compute::AccessSpec> {
        let is_result = |kind: Kind| kind.is_replaced() || kind == Kind::Update;
        K::Args::SPECS.iter().find(|spec| is_result(spec.kind))
    }

    fn kernel(params: &toml::Table, inputs: &[ArrayMeta]) -> Result<K, Vec<Refusal>> {
        let refuse = |at, message: String, help: &str| {
            Err(vec![Refusal { at, message, help: Some(help.into()) }])
        };
        let mut table = params.clone();
        if K::CELL {
            let Some(cell) = inputs.first().and_then(|input| input.cell) else {
                return refuse(
                    At::Input(K::ARRAYS[0].into()),
                    "the array has no cell size".into(),
                    "give it under its [inputs], for example `cell = [30, 30]`: metres per row \
                     and per column",
                );
            };
            let cell = cell.iter().map(|&metres| toml::Value::Float(metres)).collect();
            table.insert("cell".into(), toml::Value::Array(cell));
        }
        serde_path_to_error::deserialize(toml::Value::Table(table)).or_else(|error| {
            let name = error.path().iter().next().map(ToString::to_string);
            let known = |name: &String| params.contains_key(name);
            let at = name.filter(known).map_or(At::Step, At::Param);
            let reason: toml::de::Error = error.into_inner();
            refuse(
                at,
                format!("the value does not fit: {}", reason.message()),
                "see `gristmill kernels NAME`",
            )
        })
    }

    /// The shapes of all arguments, results included, as the kernel's `check` wants them.
    fn shapes(kernel: &K, inputs: &[&[usize]]) -> (Vec<Vec<usize>>, Option<Vec<usize>>) {
        let result = Self::result().map(|_| kernel.result_shape(inputs));
        let mut inputs = inputs.iter();
        let shapes = K::Args::SPECS.iter().map(|spec| {
            let shape = match spec.kind {
                kind if kind.is_replaced() => result.clone().unwrap_or_default(),
                _ => inputs.next().map_or(vec![], |shape| shape.to_vec()),
            };
            if spec.shaped { shape } else { vec![shape.iter().product()] }
        });
        let shapes = shapes.collect();
        (shapes, result)
    }
}

impl<K: JobKernel> Operation for Typed<K> {
    fn info(&self, name: &str) -> KernelInfo {
        let inputs = Self::inputs().zip(K::ARRAYS).zip(self.elements());
        let inputs = inputs.map(|((spec, name), element)| InputInfo {
            name: (*name).into(),
            ndim: spec.ndim,
            elements: vec![element],
            access: spec.kind.word(),
        });
        let result = match (Self::result().is_some(), K::Output::BYTES > 0) {
            (true, false) => ResultKind::Array,
            (false, _) => ResultKind::Scalars,
            (true, true) => ResultKind::Both,
        };
        KernelInfo {
            name: name.into(),
            summary: K::SUMMARY.into(),
            inputs: inputs.collect(),
            params: K::params().into_iter().map(|param| param.0).collect(),
            result,
        }
    }

    fn elements(&self) -> Vec<ElementType> {
        let element = |spec: &crate::compute::AccessSpec| {
            ElementType::of_rust((spec.element)()).expect("registered kernels take numbers")
        };
        Self::inputs().map(element).collect()
    }

    fn prepare(
        &self,
        params: &toml::Table,
        inputs: &[ArrayMeta],
    ) -> Result<Option<ArrayMeta>, Vec<Refusal>> {
        let kernel = Self::kernel(params, inputs)?;
        let refuse = |message| vec![Refusal { at: At::Step, message, help: None }];
        let input_shapes: Vec<&[usize]> = inputs.iter().map(|meta| &meta.shape[..]).collect();
        let (shapes, result) = Self::shapes(&kernel, &input_shapes);
        let shapes = Shapes::new(K::Args::SPECS, shapes).map_err(refuse)?;
        kernel.check(&shapes).map_err(refuse)?;
        let spec = Self::result();
        if let Some((spec, shape)) = spec.zip(result.as_ref()) {
            let bytes = shape.iter().try_fold(spec.element_bytes, |bytes, n| bytes.checked_mul(*n));
            if bytes.is_none_or(|bytes| isize::try_from(bytes).is_err()) {
                return Err(refuse(format!("its result would be of {shape:?} elements")));
            }
        }
        Ok(spec.zip(result).map(|(spec, shape)| {
            let element = ElementType::of_rust((spec.element)());
            // The cell's size travels on with maps of the same shape.
            let same = inputs.iter().find(|input| input.shape == shape);
            let cell = same.and_then(|input| input.cell);
            ArrayMeta { element: element.expect("registered kernels make numbers"), shape, cell }
        }))
    }

    fn run(
        &self,
        engine: &Engine,
        params: &toml::Table,
        inputs: &[(&RawArray, &ArrayMeta)],
    ) -> Result<Made> {
        let metas: Vec<ArrayMeta> = inputs.iter().map(|(_, meta)| (*meta).clone()).collect();
        let refused = |refusals: Vec<Refusal>| crate::error::Error::Refused {
            kernel: std::any::type_name::<K>().into(),
            reason: refusals.into_iter().map(|r| r.message).collect::<Vec<_>>().join("; "),
        };
        let kernel = Self::kernel(params, &metas).map_err(refused)?;
        let input_shapes: Vec<&[usize]> = inputs.iter().map(|(array, _)| array.shape()).collect();
        let (shapes, shape) = Self::shapes(&kernel, &input_shapes);
        let mut result = match Self::result().zip(shape) {
            Some((spec, shape)) => {
                Some(engine.zeros_raw((spec.element)(), spec.element_bytes, &shape)?)
            }
            None => None,
        };
        let mut given = inputs.iter().map(|(array, _)| *array);
        let mut read = || given.next().expect("the check counted the inputs");
        let mut made = result.as_mut();
        let mut arguments = vec![];
        for spec in K::Args::SPECS {
            arguments.push(match spec.kind {
                kind if kind.is_replaced() => RawArgument::Write(made.take().expect("one result")),
                Kind::Update => {
                    let array = made.take().expect("one result");
                    array.bytes_mut().copy_from_slice(read().bytes());
                    RawArgument::Write(array)
                }
                _ => RawArgument::Read(read()),
            });
        }
        let value = engine.run_raw(&kernel, &arguments)?;
        drop(arguments);
        let chunks = Shapes::new(K::Args::SPECS, shapes)
            .map(|shapes| shapes.extent().div_ceil(kernel.grain(&shapes).max(1)) as u64);
        let numbers = K::numbers(&value).into_iter().map(|(name, n)| (name.into(), n.into()));
        Ok(Made { result, numbers: numbers.collect(), chunks: chunks.unwrap_or(0) })
    }
}
