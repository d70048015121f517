//! A registered kernel or plan, or a benchmark of a suite, as work that can be measured: on inputs
//! that are made up.

use super::benchmark::Class;
use super::catalogue::{ArrayMeta, InputInfo, KernelInfo};
use super::operation::{Operation, Studied, refused};
use super::underway::Underway;
use super::workload::{Own, Part, Prepare, Ready, Workload};
use crate::error::{Error, Result};
use crate::memory::{ElementType, RawArray};
use crate::roles::Engine;
use std::f64::consts::TAU;
use std::time::Duration;

/// Metres per row and column of a map that is made up.
const CELL: f64 = 30.0;

/// A kernel or plan with all its parameters, on inputs of any size.
pub(crate) struct Measured<'r> {
    pub(crate) name: String,
    pub(crate) info: KernelInfo,
    pub(crate) operation: &'r dyn Operation,
    pub(crate) params: toml::Table,
}

impl<'r> Measured<'r> {
    pub(crate) fn workload(self) -> Result<Workload<'r>, String> {
        let Studied { usual_size, .. } = self.operation.studied();
        // What does not fit at all is told before anything is measured.
        self.parts(usual_size).map_err(|error| error.to_string())?;
        Ok(Workload::own(self.name.clone(), Own::Elements { usual: usual_size }, Box::new(self)))
    }

    /// The inputs of about so many elements each: lines, squares, cubes.
    fn inputs(&self, size: u64) -> Vec<ArrayMeta> {
        let cell = self.operation.studied().cell.then_some([CELL; 2]);
        let elements = self.operation.elements();
        let inputs = self.info.inputs.iter().zip(elements);
        let input = |(input, element): (&InputInfo, ElementType)| ArrayMeta {
            shape: shape(size, input.ndim.unwrap_or(1)),
            element,
            cell,
        };
        inputs.map(input).collect()
    }

    fn checked(&self, size: u64) -> Result<Vec<ArrayMeta>> {
        let inputs = self.inputs(size);
        self.operation.prepare(&self.name, &self.params, &inputs).map_err(refused)?;
        Ok(inputs)
    }
}

impl Prepare for Measured<'_> {
    fn prepare<'e>(&'e self, engine: &'e Engine, size: u64) -> Result<Ready<'e>> {
        let metas = self.checked(size)?;
        let arrays: Vec<RawArray> =
            metas.iter().map(|meta| made_up(engine, meta)).collect::<Result<_>>()?;
        let mut spare = None;
        Ok(Box::new(move |times| {
            let inputs: Vec<_> = arrays.iter().zip(&metas).collect();
            let underway = Underway::default();
            let made =
                self.operation.run(engine, &self.params, &inputs, spare.take(), &underway)?;
            spare = made.result;
            times.push(Duration::from_secs_f64(underway.seconds()));
            Ok(())
        }))
    }

    fn parts(&self, size: u64) -> Result<Vec<Part>> {
        let work = self.operation.work(&self.params, &self.checked(size)?);
        Ok(vec![Part { name: String::new(), work }])
    }

    fn words(&self, size: u64) -> Option<String> {
        let mut words = self.inputs(size).first()?.describe();
        for info in &self.info.params {
            let value = &self.params[&info.name];
            // What differs from the default makes other work of it.
            if info.default.as_ref() != Some(value) {
                words += &format!(", {}={value}", info.name);
            }
        }
        Some(words)
    }
}

/// A shape of about so many elements, whose sides are as equal as they can be.
fn shape(size: u64, ndim: usize) -> Vec<usize> {
    let side = (size as f64).powf(1.0 / ndim.max(1) as f64).round().max(1.0) as usize;
    let mut shape = vec![side; ndim];
    if let [first, rest @ ..] = &mut shape[..] {
        *first = (size as usize / rest.iter().product::<usize>()).max(1);
    }
    shape
}

/// An array that is made up: a map has hills, any other numbers that look random, from 0 to below 1
/// or, of integers, to 99.
fn made_up(engine: &Engine, meta: &ArrayMeta) -> Result<RawArray> {
    let (element, bytes) = (meta.element, meta.element.size_bytes());
    let mut array = engine.zeros_raw(element.rust_name(), bytes, &meta.shape)?;
    let columns = meta.shape.last().copied().unwrap_or(1).max(1);
    let is_map = meta.cell.is_some();
    for (at, place) in array.bytes_mut().chunks_exact_mut(bytes).enumerate() {
        let value = if is_map { height(at / columns, at % columns) } else { mixed(at as u64) };
        write(element, value, is_map, place);
    }
    Ok(array)
}

/// Hills of three wavelengths, in metres.
fn height(row: usize, column: usize) -> f64 {
    let wave = |length: f64, height: f64| {
        height * ((row as f64 * TAU / length).sin() + (column as f64 * TAU / length).cos())
    };
    1000.0 + wave(700.0, 300.0) + wave(90.0, 60.0) + wave(11.0, 8.0)
}

/// A number from 0 to below 1 that looks random: the finaliser of SplitMix64.
fn mixed(at: u64) -> f64 {
    let mut x = at.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn write(element: ElementType, value: f64, is_map: bool, place: &mut [u8]) {
    let whole = if is_map { value } else { value * 100.0 };
    match element {
        ElementType::I8 => place.copy_from_slice(&(whole as i8).to_ne_bytes()),
        ElementType::I16 => place.copy_from_slice(&(whole as i16).to_ne_bytes()),
        ElementType::I32 => place.copy_from_slice(&(whole as i32).to_ne_bytes()),
        ElementType::I64 => place.copy_from_slice(&(whole as i64).to_ne_bytes()),
        ElementType::U8 => place.copy_from_slice(&(whole as u8).to_ne_bytes()),
        ElementType::U16 => place.copy_from_slice(&(whole as u16).to_ne_bytes()),
        ElementType::U32 => place.copy_from_slice(&(whole as u32).to_ne_bytes()),
        ElementType::U64 => place.copy_from_slice(&(whole as u64).to_ne_bytes()),
        ElementType::F32 => place.copy_from_slice(&(value as f32).to_ne_bytes()),
        ElementType::F64 => place.copy_from_slice(&value.to_ne_bytes()),
        // The imaginary part is left at 0.
        ElementType::C32 => place[..4].copy_from_slice(&(value as f32).to_ne_bytes()),
        ElementType::C64 => place[..8].copy_from_slice(&value.to_ne_bytes()),
    }
}

/// A benchmark, whose sizes are its classes.
pub(crate) fn of_benchmark<'r>(name: String, classes: &'r [Class]) -> Workload<'r> {
    let names = classes.iter().map(|class| (class.name.into(), class.size.clone())).collect();
    Workload::own(name, Own::Names(names), Box::new(Classes(classes)))
}

struct Classes<'r>(&'r [Class]);

impl Prepare for Classes<'_> {
    fn prepare<'e>(&'e self, engine: &'e Engine, size: u64) -> Result<Ready<'e>> {
        let class = &self.0[size as usize];
        let mut run = class.prepare(engine)?;
        Ok(Box::new(move |times| {
            let outcome = run()?;
            match outcome.failure() {
                None => times.push(outcome.time),
                Some(reason) => {
                    return Err(Error::Refused { kernel: class.name.into(), reason });
                }
            }
            Ok(())
        }))
    }

    fn parts(&self, size: u64) -> Result<Vec<Part>> {
        Ok(vec![Part { name: String::new(), work: self.0[size as usize].work }])
    }
}
