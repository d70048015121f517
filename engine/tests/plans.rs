//! Plans: scalars that become parameters, loops, halos, conditions, and plans that are cancelled.

mod support;

use gristmill::{
    Array, Chunk, Engine, Error, Halo, HaloView, In, InOut, Kernel, Out, Sum, Whole, with,
};
use ndarray::{Array2, ArrayView2, ArrayViewMut2, Ix2};
use serde::{Deserialize, Serialize};
use support::engine;

/// Matrix times vector: rows of a, all of x.
#[derive(Serialize, Deserialize)]
struct MatVec;

impl Kernel for MatVec {
    type Args = (In<f64, Ix2>, Whole<f64>, Out<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (a, x, y): (ArrayView2<f64>, &[f64], &mut [f64])) {
        for (row, y) in a.rows().into_iter().zip(y) {
            *y = row.iter().zip(x).map(|(a, x)| a * x).sum();
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Dot;

impl Kernel for Dot {
    type Args = (In<f64>, In<f64>);
    type Output = Sum<f64>;

    fn run(&self, _: Chunk, (x, y): (&[f64], &[f64])) -> f64 {
        x.iter().zip(y).map(|(x, y)| x * y).sum()
    }
}

/// y = x + a y or y += a x, as `onto` says.
#[derive(Serialize, Deserialize)]
struct Axpy {
    a: f64,
    onto: bool,
}

impl Kernel for Axpy {
    type Args = (In<f64>, InOut<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (x, y): (&[f64], &mut [f64])) {
        for (x, y) in x.iter().zip(y) {
            *y = if self.onto { *y + self.a * x } else { x + self.a * *y };
        }
    }
}

/// Conjugate gradients in one plan: scalars become parameters of later steps.
fn conjugate_gradients(engine: &Engine, a: &Array<f64, Ix2>, b: &[f64]) -> (u64, f64, Vec<f64>) {
    let n = b.len();
    let mut x = engine.zeros(n).unwrap();
    let mut r = engine.from_fn(n, |i| b[i]).unwrap();
    let mut d = engine.from_fn(n, |i| b[i]).unwrap();
    let mut q = engine.zeros(n).unwrap();
    let (rounds, rest) = engine
        .plan(|p| {
            let a = p.read(a);
            let (mut x, mut r) = (p.write(&mut x), p.write(&mut r));
            let (mut d, mut q) = (p.write(&mut d), p.write(&mut q));
            p.repeat(200, |p| {
                let rho = p.step(&Dot, (&r, &r));
                p.step(&MatVec, (&a, &d, &mut q));
                let dq = p.step(&Dot, (&d, &q));
                p.step(
                    &with((rho, dq), |(rho, dq)| Axpy { a: rho / dq, onto: true }),
                    (&d, &mut x),
                );
                p.step(
                    &with((rho, dq), |(rho, dq)| Axpy { a: -rho / dq, onto: true }),
                    (&q, &mut r),
                );
                let rest = p.step(&Dot, (&r, &r));
                p.until((rest, 1e-20), |(rest, tolerance)| rest < tolerance);
                let ratio = with((rest, rho), |(rest, rho)| Axpy { a: rest / rho, onto: false });
                p.step(&ratio, (&r, &mut d));
                rest
            })
        })
        .unwrap();
    (rounds, rest, x.as_slice().to_vec())
}

#[test]
fn conjugate_gradients_in_one_plan() {
    let n = 60;
    let matrix = Array2::from_shape_fn((n, n), |(i, j)| match i.abs_diff(j) {
        0 => 4.0 + i as f64 / n as f64,
        1 => -1.0,
        _ => 0.0,
    });
    let b: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
    let mut first = None;
    for workers in [1, 2, 3] {
        let engine = engine(workers);
        let a = engine.array_from(&matrix).unwrap();
        let solved = conjugate_gradients(&engine, &a, &b);
        let (rounds, rest, x) = &solved;
        assert!(*rounds < 60 && *rest < 1e-20, "{rounds} rounds, {rest}");
        let product = matrix.dot(&ndarray::arr1(x));
        assert!(product.iter().zip(&b).all(|(p, b)| (p - b).abs() < 1e-9));
        assert!(*first.get_or_insert(solved.clone()) == solved, "{workers} workers");
    }
}

/// Shifts rows up by one.
#[derive(Serialize, Deserialize)]
struct Up;

impl Kernel for Up {
    type Args = (Halo<f64, Ix2>, Out<f64, Ix2>);
    type Output = ();

    fn run(&self, _: Chunk, (old, mut new): (HaloView<f64, Ix2>, ArrayViewMut2<f64>)) {
        for (row, mut to) in new.rows_mut().into_iter().enumerate() {
            to.iter_mut().zip(old.row(row as isize + 1)).for_each(|(to, from)| *to = *from);
        }
    }

    fn grain(&self, _: &gristmill::Shapes) -> usize {
        3
    }
}

#[test]
fn halos_reach_over_chunks_and_stop_at_edges() {
    let engine = engine(3);
    let x = engine.from_fn((10, 4), |(r, c)| (10 * r + c) as f64).unwrap();
    let mut y = engine.zeros((10, 4)).unwrap();
    engine.run(&Up, (&x, &mut y)).unwrap();
    for ((r, c), v) in y.view().indexed_iter() {
        assert_eq!(*v, (10 * (r + 1).min(9) + c) as f64);
    }
}

#[test]
fn a_plan_without_steps_and_loops_that_do_not_run() {
    let engine = engine(2);
    engine.plan(|_| ()).unwrap();
    let (times, ()) = engine.plan(|p| p.repeat(5, |_| ())).unwrap();
    assert_eq!(times, 5);
    let x = engine.filled(10, 2.0).unwrap();
    let never = engine.plan(|p| {
        let x = p.read(&x);
        p.repeat(0, |p| p.step(&Dot, (&x, &x)))
    });
    assert!(never.unwrap_err().to_string().contains("never computed"));
    // A step over nothing yields its identity, wherever it stands.
    let empty = engine.zeros::<f64, _>(0).unwrap();
    let (nothing, some) = engine
        .plan(|p| {
            let (empty, x) = (p.read(&empty), p.read(&x));
            (p.step(&Dot, (&empty, &empty)), p.step(&Dot, (&x, &x)))
        })
        .unwrap();
    assert_eq!((nothing, some), (0.0, 40.0));
}

#[test]
fn a_plan_of_many_small_steps_wraps_the_tags() {
    let engine = engine(2);
    let mut x = engine.filled(8, 0.0).unwrap();
    let one = engine.filled(8, 1.0).unwrap();
    let (times, ()) = engine
        .plan(|p| {
            let (mut x, one) = (p.write(&mut x), p.read(&one));
            p.repeat(40_000, |p| {
                p.step(&Axpy { a: 1.0, onto: true }, (&one, &mut x));
            })
        })
        .unwrap();
    assert_eq!(times, 40_000);
    assert!(x.as_slice().iter().all(|v| *v == 40_000.0));
}

#[test]
fn cancelling_ends_a_launch_with_its_own_error() {
    let engine = engine(2);
    let mut x = engine.filled(64, 0.0).unwrap();
    let one = engine.filled(64, 1.0).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while engine.progress().is_none_or(|progress| progress.steps < 100) {
                std::thread::yield_now();
            }
            engine.cancel();
        });
        let endless = engine.plan(|p| {
            let (mut x, one) = (p.write(&mut x), p.read(&one));
            p.repeat(u64::MAX, |p| {
                p.step(&Axpy { a: 1.0, onto: true }, (&one, &mut x));
            })
        });
        assert!(matches!(endless, Err(Error::Cancelled)));
    });
    assert_eq!(engine.sum(&one).unwrap(), 64.0);
}
