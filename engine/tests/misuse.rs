//! What the types let through and must still do no harm: roles carried from plan to plan, shapes
//! that are known at run time only, memory that was somebody else's before.

mod support;

use gristmill::{Chunk, Engine, Error, FlatSlot, InOut, Kernel, Out, Shapes, Sum};
use ndarray::{ArrayViewMutD, IxDyn};
use serde::{Deserialize, Serialize};
use support::{Fuse, engine};

/// Fills its rows, and counts the elements that it was given.
#[derive(Serialize, Deserialize)]
struct FillRows;

impl Kernel for FillRows {
    type Args = Out<f64, IxDyn>;
    type Output = Sum<u64>;

    fn run(&self, _: Chunk, mut y: ArrayViewMutD<'_, f64>) -> u64 {
        y.fill(7.0);
        y.len() as u64
    }
}

#[derive(Serialize, Deserialize)]
struct Fill;

impl Kernel for Fill {
    type Args = Out<f64>;
    type Output = ();

    fn run(&self, _: Chunk, y: &mut [f64]) {
        y.fill(7.0);
    }
}

#[test]
fn arrays_of_any_dimension_are_cut_by_rows() {
    let engine = engine(2);
    for shape in [&[10, 10][..], &[7], &[5, 2, 3], &[1, 1, 40]] {
        let mut y = engine.zeros::<f64, _>(IxDyn(shape)).unwrap();
        let neighbour = engine.zeros::<f64, _>(4000).unwrap();
        assert_eq!(engine.run(&FillRows, &mut y).unwrap(), y.len() as u64);
        assert!(y.as_slice().iter().all(|v| *v == 7.0), "{shape:?}");
        assert!(neighbour.as_slice().iter().all(|v| *v == 0.0), "{shape:?}");
    }
}

#[test]
fn a_role_of_another_plan_is_refused() {
    let engine = engine(2);
    let mut x = engine.zeros::<f64, _>(64).unwrap();
    let small = engine.zeros::<u8, _>(64).unwrap();
    let mut kept = None;
    engine.plan(|p| kept = Some(p.write(&mut x))).unwrap();
    let mut kept = kept.unwrap();
    let error = engine
        .plan(|p| {
            p.read(&small);
            p.step(&Fill, &mut kept);
        })
        .unwrap_err();
    assert!(error.to_string().contains("another plan"), "{error}");
    assert!(small.as_slice().iter().all(|v| *v == 0));
}

#[test]
fn a_scalar_of_another_plan_is_refused() {
    let engine = engine(1);
    let mut x = engine.zeros::<f64, _>(IxDyn(&[4])).unwrap();
    let mut kept = None;
    engine
        .plan(|p| {
            let mut x = p.write(&mut x);
            kept = Some(p.step(&FillRows, &mut x));
        })
        .unwrap();
    let kept = kept.unwrap();
    let error = engine.plan(|p| p.repeat(3, |p| p.until(kept, |n| n > 1))).unwrap_err();
    assert!(error.to_string().contains("another plan"), "{error}");
    assert!(engine.plan(|_| kept).unwrap_err().to_string().contains("another plan"));
}

#[test]
fn roles_whose_names_were_exchanged_swap_by_their_arrays_shapes() {
    let engine = engine(2);
    let mut small = engine.zeros::<f64, _>(16).unwrap();
    let neighbour = engine.zeros::<f64, _>(4096).unwrap();
    let mut a = engine.zeros::<f64, _>(1000).unwrap();
    let mut c = engine.zeros::<f64, _>(1000).unwrap();
    let error = engine
        .plan(|p| {
            let (mut s, mut a, mut c) = (p.write(&mut small), p.write(&mut a), p.write(&mut c));
            std::mem::swap::<FlatSlot<f64>>(&mut a, &mut s);
            p.swap(&mut a, &mut c);
            p.step(&Fill, &mut c);
        })
        .unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    assert!(neighbour.as_slice().iter().all(|v| *v == 0.0));
}

#[test]
fn a_plan_that_was_exchanged_for_another_engines_is_refused() {
    let (ours, theirs) = (engine(1), engine(1));
    let mut x = ours.zeros::<f64, _>(4096).unwrap();
    let spectator = theirs.zeros::<f64, _>(4096).unwrap();
    let mut inner = Ok(());
    let outer = ours.plan(|p| {
        let mut x = p.write(&mut x);
        p.step(&Fill, &mut x);
        inner = theirs.plan(|q| std::mem::swap(p, q));
    });
    for refused in [outer.unwrap_err(), inner.unwrap_err()] {
        assert!(refused.to_string().contains("another engine"), "{refused}");
    }
    assert!(spectator.as_slice().iter().all(|v| *v == 0.0));
}

/// Adds 1 to each element, a chunk each, and dies in one of them.
#[derive(Serialize, Deserialize)]
struct Bump {
    fuse: Fuse,
    at: usize,
}

impl Kernel for Bump {
    type Args = InOut<u64>;
    type Output = ();

    fn run(&self, chunk: Chunk, y: &mut [u64]) {
        y.iter_mut().for_each(|y| *y += 1);
        if chunk.index() == self.at {
            self.fuse.burn();
        }
    }

    fn grain(&self, _: &Shapes) -> usize {
        1
    }
}

/// Marks of a launch with more chunks lie where arrays were before; whatever those held, no chunk
/// counts as done, and none as lying in the future.
#[test]
fn marks_that_grow_over_freed_arrays_say_nothing_of_old() {
    let folder = tempfile::tempdir().unwrap();
    for held in [2u64, 3, 4, 5, u64::MAX, 1.5f64.to_bits()] {
        let engine = Engine::builder().workers(2).capacity(256 << 20).build().unwrap();
        let mut y = engine.zeros::<u64, _>(8000).unwrap();
        let none = Bump { fuse: Fuse::of_times(&folder, "none", 0), at: 0 };
        engine.run(&none, &mut y[0..100]).unwrap();
        engine.run(&none, &mut y[0..4000]).unwrap();
        let arrays: Vec<_> = (0..40).map(|_| engine.filled(2000, held).unwrap()).collect();
        drop(arrays);
        y.as_mut_slice().fill(0);
        let fuse = Fuse::of_times(&folder, &format!("bump-{held}"), 2);
        engine.run(&Bump { fuse: fuse.clone(), at: 7000 }, &mut y).unwrap();
        assert_eq!(fuse.burnt(), 2);
        assert!(y.as_slice().iter().all(|y| *y == 1), "{held}");
    }
}

#[test]
fn shapes_of_impossible_size_are_refused_zeros_among_them_or_not() {
    let engine = engine(1);
    let kept = engine.filled(1000, 1u8).unwrap();
    assert!(engine.zeros::<u8, _>((1 << 40, 0, 1 << 40)).is_err());
    assert!(engine.zeros::<u8, _>((usize::MAX, 2)).is_err());
    assert!(engine.zeros::<u8, _>(usize::MAX - (2 << 20) + 1).is_err());
    assert!(engine.zeros::<u64, _>(usize::MAX / 8).is_err());
    let more: Vec<_> = (0..100).map(|_| engine.filled(1000, 9u8).unwrap()).collect();
    assert!(kept.as_slice().iter().all(|v| *v == 1));
    drop(more);
}
