//! Gravity against one pair at a time, and what it must conserve.

use crate::data::{array, engine, grid, near};
use gristmill_kernels::{Energies, Energy, Gravity, leapfrog};
use ndarray::Array2;
use proptest::prelude::*;

const GRAVITY: Gravity = Gravity { constant: 1.5, softening: 0.15 };

struct Bodies {
    masses: Vec<f64>,
    x: Array2<f64>,
    v: Array2<f64>,
}

/// Bodies in a cube, slow enough to stay together.
fn bodies(n: usize, seed: usize) -> Bodies {
    let unit = |i: usize| {
        let bits = ((i + seed * 7919) as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let bits = (bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (bits >> 11) as f64 / 2f64.powi(53)
    };
    Bodies {
        masses: (0..n).map(|i| (0.5 + unit(i)) / n as f64).collect(),
        x: Array2::from_shape_fn((3, n), |(axis, i)| unit(n + axis * n + i) - 0.5),
        v: Array2::from_shape_fn((3, n), |(axis, i)| 0.2 * (unit(4 * n + axis * n + i) - 0.5)),
    }
}

/// The sum over all pairs as it stands in the books, and the energies.
fn naive(Bodies { masses, x, v }: &Bodies) -> (Array2<f64>, Energies) {
    let mut a = Array2::zeros(x.dim());
    let mut energies = Energies { kinetic: 0.0, potential: 0.0 };
    for (i, mass) in masses.iter().enumerate() {
        for (j, other) in masses.iter().enumerate() {
            let d = &x.column(j) - &x.column(i);
            let distance = (d.dot(&d) + GRAVITY.softening.powi(2)).sqrt();
            a.column_mut(i).scaled_add(GRAVITY.constant * other / distance.powi(3), &d);
            if i != j {
                energies.potential -= 0.5 * GRAVITY.constant * mass * other / distance;
            }
        }
        energies.kinetic += 0.5 * mass * v.column(i).dot(&v.column(i));
    }
    (a, energies)
}

fn energy(bodies: &Bodies) -> Energies {
    let (masses, x, v) = (array(&bodies.masses), grid(&bodies.x), grid(&bodies.v));
    engine().run(&Energy { gravity: GRAVITY }, (&masses, &x, &v)).unwrap()
}

fn step(bodies: &Bodies, time_step: f64, steps: u64) -> Bodies {
    let masses = array(&bodies.masses);
    let (mut x, mut v) = (grid(&bodies.x), grid(&bodies.v));
    leapfrog(engine(), &GRAVITY, &masses, &mut x, &mut v, time_step, steps).unwrap();
    let masses = bodies.masses.clone();
    Bodies { masses, x: x.view().to_owned(), v: v.view().to_owned() }
}

fn all_near(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| near(*a, *b, tolerance))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn accelerations_and_energies(n in 0usize..150, seed in 0usize..1000) {
        let bodies = bodies(n, seed);
        let mut a = engine().zeros((3, n)).unwrap();
        engine().run(&GRAVITY, (&array(&bodies.masses), &grid(&bodies.x), &mut a)).unwrap();
        let (expected, energies) = naive(&bodies);
        prop_assert!(all_near(&a.view().to_owned(), &expected, 1e-11), "{a:?} {expected}");
        let own = energy(&bodies);
        prop_assert!(near(own.kinetic, energies.kinetic, 1e-12), "{own:?} {energies:?}");
        prop_assert!(near(own.potential, energies.potential, 1e-11), "{own:?} {energies:?}");
    }

    #[test]
    fn steps_conserve_energy_and_momentum_and_can_be_taken_back(
        n in 1usize..80, seed in 0usize..1000,
    ) {
        let start = bodies(n, seed);
        let end = step(&start, 1e-3, 200);
        let (before, after) = (energy(&start).total(), energy(&end).total());
        prop_assert!((before - after).abs() < 1e-4, "{before} {after}");
        let momentum = |bodies: &Bodies| bodies.v.dot(&ndarray::aview1(&bodies.masses));
        let change = momentum(&end) - momentum(&start);
        prop_assert!(change.iter().all(|p| p.abs() < 1e-12), "{change}");
        let back = step(&end, -1e-3, 200);
        prop_assert!(all_near(&back.x, &start.x, 1e-9) && all_near(&back.v, &start.v, 1e-9));
    }
}

#[test]
fn a_leap_is_a_kick_a_drift_and_a_kick() {
    let start = bodies(33, 1);
    let dt = 0.01;
    let mut own = bodies(33, 1);
    for _ in 0..3 {
        let (kick, _) = naive(&own);
        own.v.scaled_add(0.5 * dt, &kick);
        own.x.scaled_add(dt, &own.v.clone());
        let (kick, _) = naive(&own);
        own.v.scaled_add(0.5 * dt, &kick);
    }
    let end = step(&start, dt, 3);
    assert!(all_near(&end.x, &own.x, 1e-12) && all_near(&end.v, &own.v, 1e-12));
    assert_eq!(step(&start, dt, 0).x, start.x);
}

#[test]
fn what_is_not_finite_is_not_hidden() {
    let mut bodies = bodies(40, 2);
    bodies.x[[1, 7]] = f64::NAN;
    let mut a = engine().zeros((3, 40)).unwrap();
    engine().run(&GRAVITY, (&array(&bodies.masses), &grid(&bodies.x), &mut a)).unwrap();
    assert!(a.view().iter().all(|a| a.is_nan()));
}
