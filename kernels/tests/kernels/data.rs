//! The engine that the tests share, and the data that they feed it.

use gristmill::{Array, Element, Engine};
use ndarray::{Array2, Ix1, Ix2};
use proptest::prelude::*;
use std::sync::OnceLock;

/// Elements of 8 bytes per chunk of a cheap kernel over a small array.
pub(crate) const GRAIN: usize = 4096;

/// An engine of two workers.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::builder().workers(2).build().expect("an engine starts"))
}

/// An array with the elements of a slice.
pub(crate) fn array<T: Element>(x: &[T]) -> Array<T, Ix1> {
    engine().array_from(&ndarray::aview1(x)).expect("room for a small array")
}

/// A grid with the elements of an ordinary one.
pub(crate) fn grid(x: &Array2<f64>) -> Array<f64, Ix2> {
    engine().array_from(&x.view()).expect("room for a small grid")
}

/// A grid of zeros.
pub(crate) fn zeros((rows, columns): (usize, usize)) -> Array<f64, Ix2> {
    engine().zeros((rows, columns)).expect("room for a small grid")
}

/// Lengths: short ones, and all around the boundaries of chunks.
pub(crate) fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => 0usize..100,
        1 => (1usize..4, 0usize..3).prop_map(|(chunks, off)| chunks * GRAIN + off - 1),
        1 => 0usize..4 * GRAIN,
    ]
}

/// Numbers of ordinary size.
pub(crate) fn tame() -> impl Strategy<Value = f64> {
    prop_oneof![-1e6f64..1e6, (-20i32..20).prop_map(f64::from)]
}

/// Numbers of ordinary size, and what arithmetic may trip over.
pub(crate) fn wild() -> impl Strategy<Value = f64> {
    prop_oneof![
        200 => tame(),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
        1 => Just(f64::NEG_INFINITY),
        1 => Just(-0.0),
        1 => Just(f64::MAX),
        1 => Just(5e-324),
    ]
}

/// An array of such a length, of such numbers. Long ones repeat a short one, as only few of their
/// places matter and proptest is slow to fill them.
pub(crate) fn numbers(number: impl Strategy<Value = f64>) -> impl Strategy<Value = Vec<f64>> {
    (length(), prop::collection::vec(number, 1..300))
        .prop_map(|(length, some)| some.iter().copied().cycle().take(length).collect())
}

/// Values of every kind of magnitude, of both signs, a function of the index alone.
pub(crate) fn mixed(i: usize) -> f64 {
    let bits = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let exponent = ((bits >> 20) % 80) as i32 - 40;
    let sign = if bits & 1 == 0 { 1.0 } else { -1.0 };
    sign * (1.0 + (bits >> 12) as f64 / 2f64.powi(52)) * 2f64.powi(exponent)
}

/// Whether two floats are the same number, any NaN being the same as any other.
pub(crate) fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

/// Whether two floats differ by no more than `tolerance`, or are the same.
pub(crate) fn near(a: f64, b: f64, tolerance: f64) -> bool {
    same(a, b) || (a - b).abs() <= tolerance
}

/// The elevation grid of the main job, in metres.
pub(crate) fn elevation() -> Array2<f64> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../data/terrain.npy");
    let metres: Array2<i16> = ndarray_npy::read_npy(path).expect("the grid is in the repository");
    metres.mapv(|metres| if metres == -32768 { f64::NAN } else { f64::from(metres) })
}
