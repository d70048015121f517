//! The kernels behind the engine's own methods: map, zip, reading files, sums.

use super::access::{In, Out};
use super::chunk::Chunk;
use super::kernel::{Kernel, Portable, Shapes};
use super::reduce::{Output, Reduce};
use super::stream::{fetch_ahead, stream};
use super::sum::Summand;
use super::table::conjure;
use crate::memory::{Element, Encoding};
use multiversion::multiversion;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::marker::PhantomData;
use std::os::unix::fs::{FileExt, MetadataExt};

/// `y[i] = f(&params, x[i])`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "P: Portable")]
pub(crate) struct Map<P, F, T, U> {
    params: P,
    #[serde(skip)]
    types: PhantomData<fn(F, T) -> U>,
}

impl<P, F, T, U> Map<P, F, T, U> {
    pub(crate) fn new(params: P) -> Map<P, F, T, U> {
        Map { params, types: PhantomData }
    }
}

impl<P, F, T, U> Kernel for Map<P, F, T, U>
where
    P: Portable,
    F: Fn(&P, T) -> U + Copy,
    T: Element,
    U: Element,
{
    type Args = (In<T>, Out<U>);
    type Output = ();

    fn name() -> &'static str {
        "map"
    }

    fn run(&self, chunk: Chunk, (x, y): (&[T], &mut [U])) {
        let f = conjure::<F>();
        let f = |x: T| f(&self.params, x);
        stream(&chunk, y, |y, first| {
            fetch_ahead(x, first, y.len());
            map(&x[first..], y, f);
        });
    }
}

/// The loop, compiled for wider vectors too and chosen at run time; the bits are the same.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn map<T: Element, U: Element, F: Fn(T) -> U>(x: &[T], y: &mut [U], f: F) {
    y.iter_mut().zip(x).for_each(|(y, x)| *y = f(*x));
}

/// As [`map`].
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn zip_map<A: Element, B: Element, C: Element, F: Fn(A, B) -> C>(
    x: &[A],
    y: &[B],
    z: &mut [C],
    f: F,
) {
    z.iter_mut().zip(x).zip(y).for_each(|((z, x), y)| *z = f(*x, *y));
}

/// `z[i] = f(&params, x[i], y[i])`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "P: Portable")]
pub(crate) struct ZipMap<P, F, A, B, C> {
    params: P,
    #[serde(skip)]
    types: PhantomData<fn(F, A, B) -> C>,
}

impl<P, F, A, B, C> ZipMap<P, F, A, B, C> {
    pub(crate) fn new(params: P) -> ZipMap<P, F, A, B, C> {
        ZipMap { params, types: PhantomData }
    }
}

impl<P, F, A, B, C> Kernel for ZipMap<P, F, A, B, C>
where
    P: Portable,
    F: Fn(&P, A, B) -> C + Copy,
    A: Element,
    B: Element,
    C: Element,
{
    type Args = (In<A>, In<B>, Out<C>);
    type Output = ();

    fn name() -> &'static str {
        "zip_map"
    }

    fn run(&self, chunk: Chunk, (x, y, z): (&[A], &[B], &mut [C])) {
        let f = conjure::<F>();
        let f = |x: A, y: B| f(&self.params, x, y);
        stream(&chunk, z, |z, first| {
            fetch_ahead(x, first, z.len());
            fetch_ahead(y, first, z.len());
            zip_map(&x[first..], &y[first..], z, f);
        });
    }
}

/// Folds values of a user's own reduction: `of(x)` for each element, combined in order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReduceWith<F, T, R> {
    #[serde(skip)]
    types: PhantomData<fn(F, T) -> R>,
}

impl<F, T, R> ReduceWith<F, T, R> {
    pub(crate) fn new() -> ReduceWith<F, T, R> {
        ReduceWith { types: PhantomData }
    }
}

impl<F, T, R> Kernel for ReduceWith<F, T, R>
where
    F: Fn(T) -> R + Copy,
    T: Element,
    R: Reduce,
{
    type Args = In<T>;
    type Output = R;

    fn name() -> &'static str {
        "reduce"
    }

    fn run(&self, _: Chunk, x: &[T]) -> R {
        let of = conjure::<F>();
        x.iter().fold(R::identity(), |left, x| R::combine(left, of(*x)))
    }
}

/// Reads a part of the coordinator's open file into each chunk.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReadFile {
    /// The coordinator, and its descriptor of the file.
    pub(crate) pid: u32,
    pub(crate) descriptor: i32,
    /// The file's device and inode, as /proc may be that of another PID namespace, where the process
    /// of this number is somebody else.
    pub(crate) identity: (u64, u64),
    /// Where in the file the array begins.
    pub(crate) offset_bytes: u64,
    pub(crate) encoding: Encoding,
}

impl ReadFile {
    /// In place of the system's error number: the file ended too early.
    pub(crate) const CUT_SHORT: u32 = u32::MAX;

    fn open(&self) -> std::io::Result<File> {
        let file = File::open(format!("/proc/{}/fd/{}", self.pid, self.descriptor))?;
        if ReadFile::identity_of(&file)? == self.identity {
            return Ok(file);
        }
        Err(std::io::Error::from_raw_os_error(libc::ENOENT))
    }

    pub(crate) fn identity_of(file: &File) -> std::io::Result<(u64, u64)> {
        let data = file.metadata()?;
        Ok((data.dev(), data.ino()))
    }
}

impl Kernel for ReadFile {
    type Args = Out<u8>;
    /// 0, or what went wrong in some chunk.
    type Output = super::reduce::Max<u32>;

    fn name() -> &'static str {
        "reading a file"
    }

    fn run(&self, chunk: Chunk, bytes: &mut [u8]) -> u32 {
        let at = self.offset_bytes + self.encoding.stored_bytes(chunk.start() as u64);
        let read = |bytes: &mut [u8]| self.open()?.read_exact_at(bytes, at);
        match self.encoding.fill(bytes, read) {
            Ok(()) => 0,
            Err(e) => e.raw_os_error().map_or(ReadFile::CUT_SHORT, |code| code as u32),
        }
    }

    fn grain(&self, _: &Shapes) -> usize {
        4 << 20
    }
}

/// The kernel behind [`Engine::sum`](crate::Engine::sum), for plans, where a later step reads the
/// scalar, and for kernels of one's own that sum in the same way.
///
/// It yields the total before its last rounding or check: `f64` for `f32` and `f64`, a pair of
/// `f64` for complex elements, `i128` or `u128` for integers. See [`Summand`].
///
/// ```
/// use gristmill::{Engine, Total};
///
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let x = engine.filled(1000, 0.1f32)?;
/// let total: f64 = engine.run(&Total::new(), &x)?;
/// assert_eq!(engine.sum(&x)?, total as f32);
/// # Ok(()) }
/// ```
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Total<T> {
    #[serde(skip)]
    types: PhantomData<fn(T)>,
}

impl<T> Total<T> {
    /// The kernel; its element type follows from the array.
    pub const fn new() -> Total<T> {
        Total { types: PhantomData }
    }
}

impl<T> Default for Total<T> {
    fn default() -> Total<T> {
        Total::new()
    }
}

impl<T: Summand> Kernel for Total<T> {
    type Args = In<T>;
    type Output = T::Partial;

    fn name() -> &'static str {
        "sum"
    }

    fn run(&self, _: Chunk, x: &[T]) -> <T::Partial as Output>::Value {
        T::sum(x)
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        shapes.grain(256, 4096)
    }
}
