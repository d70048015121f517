//! One plan as job files see it, its types erased: it works on a copy of its input.

use super::catalogue::{ArrayMeta, InputInfo, KernelInfo, Prepared, Refusal, ResultKind};
use super::filled::{filled, naming};
use super::job_kernel::JobPlan;
use super::operation::{Made, Operation, Studied, refused};
use super::underway::Underway;
use super::work::Work;
use crate::error::Result;
use crate::memory::{ElementType, RawArray};
use crate::roles::Engine;
use ndarray::{Dimension, IxDyn};
use std::fmt::Debug;
use std::marker::PhantomData;

pub(crate) struct Planned<P>(PhantomData<fn() -> P>);

impl<P> Planned<P> {
    pub(crate) fn new() -> Planned<P> {
        Planned(PhantomData)
    }
}

impl<P> Debug for Planned<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(std::any::type_name::<P>())
    }
}

impl<P: JobPlan> Operation for Planned<P> {
    fn info(&self, name: &str) -> KernelInfo {
        let input = InputInfo {
            name: P::ARRAY.into(),
            ndim: P::Dim::NDIM,
            elements: self.elements(),
            access: P::ACCESS,
        };
        KernelInfo {
            name: name.into(),
            summary: P::SUMMARY.into(),
            inputs: vec![input],
            params: P::params().into_iter().map(|param| param.0).collect(),
            result: if P::NUMBERS.is_empty() { ResultKind::Array } else { ResultKind::Both },
        }
    }

    fn elements(&self) -> Vec<ElementType> {
        let element = ElementType::of_rust(std::any::type_name::<P::Element>());
        vec![element.expect("registered plans take numbers")]
    }

    fn prepare(
        &self,
        name: &str,
        params: &toml::Table,
        inputs: &[ArrayMeta],
    ) -> Result<Prepared, Vec<Refusal>> {
        let plan: P = filled(name, params.clone())?;
        let [input] = inputs else { unreachable!("the check counted the inputs") };
        plan.check(&input.shape).map_err(|message| {
            vec![Refusal { at: naming(&message, params), message, help: None }]
        })?;
        Ok(Prepared {
            result: Some(input.clone()),
            chunks: plan.chunks(&input.shape),
            spare_bytes: input.bytes().saturating_mul(P::SPARE_ARRAYS as u64),
        })
    }

    fn studied(&self) -> Studied {
        Studied { usual_size: P::STUDY_SIZE, params: P::STUDY_PARAMS, cell: false }
    }

    fn work(&self, params: &toml::Table, inputs: &[ArrayMeta]) -> Work {
        let [input] = inputs else { unreachable!("the check counted the inputs") };
        let plan: Option<P> = filled("NAME", params.clone()).ok();
        let bytes = input.bytes() as f64;
        Work {
            bytes_read: bytes,
            bytes_written: bytes,
            footprint: None,
            flops: plan.and_then(|plan| plan.flops(&input.shape)),
            units: input.elements() as f64,
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
        // Its memory is what the array below is made in.
        drop(spare);
        let plan: P = filled("NAME", params.clone()).map_err(refused)?;
        let (input, _) = inputs[0];
        let dim = P::Dim::from_dimension(&IxDyn(input.shape()));
        let mut array =
            engine.zeros::<P::Element, _>(dim.expect("the check counted the dimensions"))?;
        bytemuck::cast_slice_mut(array.as_mut_slice()).copy_from_slice(input.bytes());
        let numbers = underway.during(plan.steps_max(), || plan.run(engine, &mut array))?;
        let named = P::NUMBERS.iter().zip(numbers);
        Ok(Made {
            numbers: named.map(|(name, number)| ((*name).into(), number.into())).collect(),
            result: Some(RawArray::of(array)),
        })
    }
}
