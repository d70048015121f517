//! Tiles: rectangles that kernels read and write.

mod support;

use gristmill::{Chunk, Error, In, Kernel, Out, Shapes, Sum, Tile, TileOut, Whole};
use ndarray::{ArrayView2, ArrayViewMut2, Ix2};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use support::{Fuse, engine};

/// to = from transposed, a tile at a time.
#[derive(Serialize, Deserialize)]
struct Transpose {
    tile: [usize; 2],
    fuse: Option<Fuse>,
}

impl Kernel for Transpose {
    type Args = (Whole<f64, Ix2>, TileOut<f64>);
    type Output = ();

    fn run(&self, chunk: Chunk, (from, mut to): (ArrayView2<f64>, ArrayViewMut2<f64>)) {
        let (rows, columns) = (chunk.range(), chunk.columns());
        assert_eq!(to.dim(), (rows.len(), columns.len()));
        for ((i, j), to) in to.indexed_iter_mut() {
            *to = from[[columns.start + j, rows.start + i]];
        }
        if let Some(fuse) = &self.fuse
            && chunk.index() == chunk.count() / 2
        {
            fuse.burn();
        }
    }

    fn tile(&self, _: &Shapes) -> [usize; 2] {
        self.tile
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn tiles_cover_the_array(
        rows in 0usize..70, columns in 0usize..70, down in 1usize..40, across in 1usize..40
    ) {
        let engine = engine(3);
        let from = engine.from_fn((rows, columns), |(i, j)| (i * 1000 + j) as f64).unwrap();
        let mut to = engine.zeros((columns, rows)).unwrap();
        engine.run(&Transpose { tile: [down, across], fuse: None }, (&from, &mut to)).unwrap();
        prop_assert!(to.view() == from.view().t());
    }
}

#[test]
fn a_death_in_a_tile_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for workers in [1, 2, 3] {
        let engine = engine(workers);
        let from = engine.from_fn((100, 90), |(i, j)| (i * 1000 + j) as f64).unwrap();
        let mut to = engine.zeros((90, 100)).unwrap();
        let fuse = Some(Fuse::of_times(&folder, &format!("tile-{workers}"), 2));
        engine.run(&Transpose { tile: [16, 16], fuse }, (&from, &mut to)).unwrap();
        assert_eq!(to.view(), from.view().t());
        assert_eq!(engine.stats().deaths, 2);
    }
}

/// Sums products of two arrays by tiles, and yields the sum of all.
#[derive(Serialize, Deserialize)]
struct Multiply;

impl Kernel for Multiply {
    type Args = (Tile<f64>, Tile<f64>, TileOut<f64>);
    type Output = Sum<f64>;

    fn run(
        &self,
        _: Chunk,
        (a, b, mut c): (ArrayView2<f64>, ArrayView2<f64>, ArrayViewMut2<f64>),
    ) -> f64 {
        c.assign(&a);
        c *= &b;
        c.sum()
    }
}

#[test]
fn tiles_are_read_and_folded_to_the_same_bits() {
    let run = |workers: usize| {
        let engine = engine(workers);
        let a = engine.from_fn((300, 400), |(i, j)| ((i * 400 + j) as f64).sin()).unwrap();
        let b = engine.from_fn((300, 400), |(i, j)| ((i + 3 * j) as f64).cos()).unwrap();
        let mut c = engine.zeros((300, 400)).unwrap();
        let sum = engine.run(&Multiply, (&a, &b, &mut c)).unwrap();
        assert_eq!(c.view(), &a.view() * &b.view());
        sum.to_bits()
    };
    let one = run(1);
    assert!([2, 3, 5, 8].into_iter().all(|workers| run(workers) == one));
}

/// Cuts one array into rows and the other into tiles.
#[derive(Serialize, Deserialize)]
struct Mixed;

impl Kernel for Mixed {
    type Args = (In<f64, Ix2>, TileOut<f64>);
    type Output = ();

    fn run(&self, _: Chunk, _: (ArrayView2<f64>, ArrayViewMut2<f64>)) {}
}

/// Reads and writes tiles of arrays of two shapes.
#[derive(Serialize, Deserialize)]
struct Copy;

impl Kernel for Copy {
    type Args = (Tile<f64>, TileOut<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (from, mut to): (ArrayView2<f64>, ArrayViewMut2<f64>)) {
        to.assign(&from);
    }
}

/// Rows beside tiles cannot be; nor the other way round.
#[derive(Serialize, Deserialize)]
struct MixedOut;

impl Kernel for MixedOut {
    type Args = (Tile<f64>, Out<f64, Ix2>);
    type Output = ();

    fn run(&self, _: Chunk, _: (ArrayView2<f64>, ArrayViewMut2<f64>)) {}
}

#[test]
fn tiles_and_rows_are_not_mixed_and_shapes_are_equal() {
    let engine = engine(1);
    let a = engine.zeros((6, 4)).unwrap();
    let (mut same, mut other) = (engine.zeros((6, 4)).unwrap(), engine.zeros((6, 5)).unwrap());
    for error in [
        engine.run(&Mixed, (&a, &mut same)).unwrap_err(),
        engine.run(&MixedOut, (&a, &mut same)).unwrap_err(),
        engine.run(&Copy, (&a, &mut other)).unwrap_err(),
    ] {
        assert!(matches!(error, Error::Shape { .. }) && error.to_string().contains("tiles"));
    }
    engine.run(&Copy, (&a, &mut same)).unwrap();
}
