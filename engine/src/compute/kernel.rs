//! The trait by which users say what is computed.

use super::access::{Args, Kind};
use super::chunk::Chunk;
use super::reduce::Output;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What can be sent to a worker: anything serde can write and read again.
///
/// Of the program's state nothing else reaches a worker: statics start anew, open files are not
/// inherited. (The environment is the coordinator's, at the time when the worker was started.)
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be sent to worker processes",
    note = "derive `serde::Serialize` and `serde::Deserialize` for it"
)]
pub trait Portable: Serialize + DeserializeOwned + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> Portable for T {}

/// What a kernel's `run` gets.
pub type Views<'a, K> = <<K as Kernel>::Args as Args>::Views<'a>;
/// What a kernel's `run` returns, and its launch.
pub type Value<K> = <<K as Kernel>::Output as Output>::Value;

/// A computation over chunks of arrays. Its fields are its parameters.
///
/// `run` is called once for every chunk, in any order, in worker processes; if a worker dies its
/// chunk is run again. It must depend on its parameters, its chunk and its arrays alone.
///
/// ```
/// use gristmill::{Chunk, Engine, In, InOut, Kernel};
/// use serde::{Deserialize, Serialize};
///
/// /// y += a x
/// #[derive(Serialize, Deserialize)]
/// struct Axpy { a: f64 }
///
/// impl Kernel for Axpy {
///     type Args = (In<f64>, InOut<f64>);
///     type Output = ();
///     fn run(&self, _: Chunk, (x, y): (&[f64], &mut [f64])) {
///         for (y, x) in y.iter_mut().zip(x) {
///             *y += self.a * x;
///         }
///     }
/// }
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let x = engine.from_fn(1000, |i| i as f64)?;
/// let mut y = engine.zeros(1000)?;
/// engine.run(&Axpy { a: 2.0 }, (&x, &mut y))?;
/// assert_eq!(y[999], 1998.0);
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kernel",
    note = "implement `Kernel` for it"
)]
pub trait Kernel: Serialize + DeserializeOwned + Send + Sync {
    /// How it reaches its arrays: one access kind, or a tuple.
    type Args: Args;
    /// What it yields per chunk, and how that is folded: `()` for nothing.
    type Output: Output;

    /// Computes one chunk.
    fn run(&self, chunk: Chunk, args: Views<'_, Self>) -> Value<Self>;

    /// What error messages call it: the type's name, unless you say better.
    fn name() -> &'static str {
        std::any::type_name::<Self>()
    }

    /// How many rows beyond its chunk it reads of arrays with [`Halo`](super::Halo) access.
    fn halo(&self) -> usize {
        1
    }

    /// Indices (elements or rows) per chunk. The default suits computations of unknown weight:
    /// some 256 chunks, each of at least 128 bytes and at most 256 KiB per array.
    ///
    /// Results that are folded depend on it, so it must be a function of parameters and shapes.
    fn grain(&self, shapes: &Shapes) -> usize {
        shapes.grain(256, 128)
    }

    /// Rows and columns of a tile, for kernels that reach arrays by tiles.
    ///
    /// As with the grain, results that are folded depend on it.
    fn tile(&self, _shapes: &Shapes) -> [usize; 2] {
        [128, 128]
    }

    /// Refuses shapes that do not fit together beyond what the engine checks (that all cut arrays
    /// have as many elements or rows). The text becomes the error.
    fn check(&self, _shapes: &Shapes) -> Result<(), String> {
        Ok(())
    }
}

/// The shapes of a kernel's arrays.
#[derive(Debug, Clone)]
pub struct Shapes {
    shapes: Vec<Vec<usize>>,
    extent: usize,
    bytes_per_index: usize,
}

impl Shapes {
    /// Collects them; an error where cut arrays differ in their number of pieces.
    pub(crate) fn new(
        specs: &[super::access::AccessSpec],
        shapes: Vec<Vec<usize>>,
    ) -> Result<Shapes, String> {
        let mut extent: Option<(usize, usize)> = None;
        let mut bytes_per_index = 1;
        for (argument, (spec, shape)) in specs.iter().zip(&shapes).enumerate() {
            if let Some(axes) = spec.ndim.filter(|&axes| axes != shape.len()) {
                return Err(format!("argument {argument} has shape {shape:?}, not {axes} axes"));
            }
            if !spec.kind.is_cut() {
                continue;
            }
            let own = extent_of(spec.shaped, shape);
            let bytes = spec.element_bytes * stride_of(spec.shaped, shape);
            bytes_per_index = bytes_per_index.max(bytes);
            match extent {
                Some((first, len)) if len != own => {
                    return Err(format!(
                        "argument {argument} has {} where argument {first} has {len}",
                        units(spec.shaped, own),
                    ));
                }
                Some(_) => {}
                None => extent = Some((argument, own)),
            }
        }
        let mut cut = specs.iter().zip(&shapes).filter(|(spec, _)| spec.kind.is_cut());
        if let Some((first, shape)) = cut.next().filter(|_| specs.iter().any(|s| s.kind.is_tiled()))
            && !cut.all(|(spec, other)| {
                spec.kind.is_tiled() && other == shape && first.kind.is_tiled()
            })
        {
            return Err(
                "arrays that are cut into tiles must be all that are cut, and of one shape".into(),
            );
        }
        let extent = extent.map(|(_, extent)| extent);
        let extent = extent.ok_or("no argument is cut into chunks: all are Whole or Merge")?;
        Ok(Shapes { shapes, extent, bytes_per_index })
    }

    /// Number of indices to cut: elements, or rows.
    pub fn extent(&self) -> usize {
        self.extent
    }

    /// The shape of argument `argument`; of a flat access, the number of its elements.
    pub fn of(&self, argument: usize) -> &[usize] {
        &self.shapes[argument]
    }

    /// Bytes per index of the widest cut array.
    pub fn bytes_per_index(&self) -> usize {
        self.bytes_per_index
    }

    /// A grain for about `chunks` chunks, each of at least `bytes_min` and at most 256 KiB in the
    /// widest array; a multiple of 128 bytes, so that no two chunks share a cache line.
    pub fn grain(&self, chunks: usize, bytes_min: usize) -> usize {
        const BYTES_MAX: usize = 256 << 10;
        const LINE: usize = 128;
        let bytes = self.extent.div_ceil(chunks.max(1)) * self.bytes_per_index;
        let bytes = bytes.clamp(bytes_min.min(BYTES_MAX), BYTES_MAX).next_multiple_of(LINE);
        (bytes / self.bytes_per_index).max(1)
    }
}

/// Pieces along which an array is cut: rows if it is shaped, else elements.
fn extent_of(shaped: bool, shape: &[usize]) -> usize {
    if shaped { shape.first().copied().unwrap_or(1) } else { shape.iter().product() }
}

/// Elements per piece.
pub(crate) fn stride_of(shaped: bool, shape: &[usize]) -> usize {
    if shaped { shape.iter().skip(1).product() } else { 1 }
}

fn units(shaped: bool, n: usize) -> String {
    format!("{n} {}", if shaped { "rows" } else { "elements" })
}

impl Kind {
    /// The word for it in tables and messages.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Read => "in",
            Kind::Halo => "in, with halo",
            Kind::Write => "out",
            Kind::Update => "in and out",
            Kind::Whole => "whole",
            Kind::Merge | Kind::Accumulate => "merge",
            Kind::Tile => "in, by tiles",
            Kind::TileOut => "out, by tiles",
        }
    }
}
