//! One kernel as job files see it, its types erased: what it takes, what it makes, how it runs.

use super::arguments::name_arguments;
use super::catalogue::{ArrayMeta, At, InputInfo, KernelInfo, Prepared, Refusal, ResultKind};
use super::filled::{filled, naming};
use super::job_kernel::{JobKernel, chunks};
use super::partial::partial;
use super::underway::Underway;
use super::work::Work;
use crate::compute::{AccessSpec, Args, Kind, Output, Shapes};
use crate::error::{Error, Result};
use crate::memory::ElementType;
use crate::memory::{RawArgument, RawArray};
use crate::report::Scalar;
use crate::roles::Engine;
use std::fmt::Debug;
use std::marker::PhantomData;

/// What a step made.
pub(crate) struct Made {
    pub(crate) result: Option<RawArray>,
    pub(crate) numbers: Vec<(String, Scalar)>,
}

/// A kernel or plan of job files without its types.
pub(crate) trait Operation: Debug + Send + Sync {
    fn info(&self, name: &str) -> KernelInfo;
    /// The element types of the inputs.
    fn elements(&self) -> Vec<ElementType>;
    /// Checks parameters and shapes, and says what the result will be. `name` is its own.
    fn prepare(
        &self,
        name: &str,
        params: &toml::Table,
        inputs: &[ArrayMeta],
    ) -> Result<Prepared, Vec<Refusal>>;
    /// What a study knows of it.
    fn studied(&self) -> Studied;
    /// What a run on these inputs does, of which [`prepare`](Operation::prepare) has approved.
    fn work(&self, params: &toml::Table, inputs: &[ArrayMeta]) -> Work;
    /// Runs it. Its result is made in `spare`, if that is given: an earlier run's, on the same inputs.
    fn run(
        &self,
        engine: &Engine,
        params: &toml::Table,
        inputs: &[(&RawArray, &ArrayMeta)],
        spare: Option<RawArray>,
        underway: &Underway,
    ) -> Result<Made>;
}

/// What a study needs to know of an operation before it has inputs for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Studied {
    /// Elements of its first input, if nothing else is said.
    pub(crate) usual_size: u64,
    /// Its parameters that have no defaults, as TOML.
    pub(crate) params: &'static str,
    /// Its input is a map whose cells have a size.
    pub(crate) cell: bool,
}

/// The error of a run that the check should have refused.
pub(super) fn refused(refusals: Vec<Refusal>) -> Error {
    let reasons: Vec<String> = refusals.into_iter().map(|refusal| refusal.message).collect();
    Error::Refused { kernel: "the kernel".into(), reason: reasons.join("; ") }
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
    fn inputs() -> impl Iterator<Item = &'static AccessSpec> {
        let is_input = |kind: Kind| !kind.is_replaced();
        K::Args::SPECS.iter().filter(move |spec| is_input(spec.kind))
    }

    fn result() -> Option<&'static AccessSpec> {
        let is_result = |kind: Kind| kind.is_replaced() || kind == Kind::Update;
        K::Args::SPECS.iter().find(|spec| is_result(spec.kind))
    }

    /// What a job file calls the arguments: inputs by the kernel's names of them.
    fn argument_names() -> Vec<String> {
        let mut inputs = K::ARRAYS.iter();
        let names = K::Args::SPECS.iter().map(|spec| match spec.kind {
            kind if kind.is_replaced() => "the result".into(),
            _ => inputs.next().map_or(String::new(), |name| (*name).into()),
        });
        names.collect()
    }

    fn kernel(name: &str, params: &toml::Table, inputs: &[ArrayMeta]) -> Result<K, Vec<Refusal>> {
        let mut table = params.clone();
        if K::CELL {
            let Some(cell) = inputs.first().and_then(|input| input.cell) else {
                let help = "give it under its [inputs], for example `cell = [30, 30]`: metres per \
                            row and per column";
                return Err(vec![Refusal {
                    at: At::Input(K::ARRAYS[0].into()),
                    message: "the array has no cell size".into(),
                    help: Some(help.into()),
                }]);
            };
            let cell = cell.iter().map(|&metres| toml::Value::Float(metres)).collect();
            table.insert("cell".into(), toml::Value::Array(cell));
        }
        filled(name, table)
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
        let element = |spec: &AccessSpec| {
            ElementType::of_rust((spec.element)()).expect("registered kernels take numbers")
        };
        Self::inputs().map(element).collect()
    }

    fn prepare(
        &self,
        name: &str,
        params: &toml::Table,
        inputs: &[ArrayMeta],
    ) -> Result<Prepared, Vec<Refusal>> {
        let kernel = Self::kernel(name, params, inputs)?;
        let refuse =
            |message: String| vec![Refusal { at: naming(&message, params), message, help: None }];
        let input_shapes: Vec<&[usize]> = inputs.iter().map(|meta| &meta.shape[..]).collect();
        let (shapes, result) = Self::shapes(&kernel, &input_shapes);
        let shapes = Shapes::new(K::Args::SPECS, shapes).map_err(refuse)?;
        kernel.check(&shapes).map_err(refuse)?;
        let result = Self::result().zip(result).map(|(spec, shape)| {
            let element = ElementType::of_rust((spec.element)());
            // The cell's size travels on with maps of the same shape.
            let same = inputs.iter().find(|input| input.shape == shape);
            let cell = same.and_then(|input| input.cell);
            let element = element.expect("registered kernels make numbers");
            (spec.kind, ArrayMeta { element, shape, cell })
        });
        let spare_bytes = match &result {
            // The copy from before a merge, and what at least one worker has yet to merge.
            Some((Kind::Merge, meta)) => meta.bytes().saturating_mul(2),
            // One accumulator at least.
            Some((Kind::Accumulate, meta)) => meta.bytes(),
            _ => 0,
        };
        let result = result.map(|(_, meta)| meta);
        Ok(Prepared { result, chunks: chunks(&kernel, &shapes), spare_bytes })
    }

    fn studied(&self) -> Studied {
        Studied { usual_size: K::STUDY_SIZE, params: K::STUDY_PARAMS, cell: K::CELL }
    }

    fn work(&self, params: &toml::Table, inputs: &[ArrayMeta]) -> Work {
        let shapes: Vec<&[usize]> = inputs.iter().map(|meta| &meta.shape[..]).collect();
        let kernel = Self::kernel("NAME", params, inputs).ok();
        let result = kernel.as_ref().and_then(|kernel| Self::shapes(kernel, &shapes).1);
        let written = Self::result().zip(result).map_or(0, |(spec, shape)| {
            spec.element_bytes as u64 * shape.iter().product::<usize>() as u64
        });
        Work {
            bytes_read: inputs.iter().map(ArrayMeta::bytes).sum::<u64>() as f64,
            bytes_written: written as f64,
            footprint: None,
            flops: kernel.and_then(|kernel| kernel.flops(&shapes)),
            units: inputs.first().map_or(0, ArrayMeta::elements) as f64,
        }
    }

    fn run(
        &self,
        engine: &Engine,
        params: &toml::Table,
        inputs: &[(&RawArray, &ArrayMeta)],
        spare: Option<RawArray>,
        underway: &Underway,
    ) -> Result<Made> {
        let metas: Vec<ArrayMeta> = inputs.iter().map(|(_, meta)| (*meta).clone()).collect();
        let kernel = Self::kernel("NAME", params, &metas).map_err(refused)?;
        let input_shapes: Vec<&[usize]> = inputs.iter().map(|(array, _)| array.shape()).collect();
        let (_, shape) = Self::shapes(&kernel, &input_shapes);
        let mut result = match Self::result().zip(shape) {
            Some(_) if spare.is_some() => spare,
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
        let value = underway.during(1, || engine.run_raw(&kernel, &arguments));
        drop(arguments);
        let value = value.map_err(|error| name_arguments(error, &Self::argument_names()));
        let value = value.inspect_err(|error| {
            if let (Error::Poisoned(poisoned), Some(spec)) = (error, Self::result()) {
                let partial = result.take().and_then(|array| partial(array, spec, poisoned));
                partial.into_iter().for_each(|partial| underway.keep_partial(partial));
            }
        })?;
        let numbers = K::numbers(&value)?.into_iter().map(|(name, n)| (name.into(), n.into()));
        Ok(Made { result, numbers: numbers.collect() })
    }
}
