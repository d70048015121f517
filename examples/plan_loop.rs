//! A plan with a loop: conjugate gradients, run by the workers without the coordinator.
//!
//! Solves -Δx = b on a square with x = 0 around it, by the 5-point formula. Three steps a turn;
//! what a step yields is a scalar, of which `with` makes the parameters of later steps. Which of
//! them comes next, and whether the loop ends, is decided by whichever worker ends a step.

use gristmill::{Chunk, Engine, Halo, HaloView, In, InOut, Kernel, Out, Sum, with};
use ndarray::{ArrayView2, ArrayViewMut2, Ix2};
use serde::{Deserialize, Serialize};
use std::time::Instant;

const N: usize = 63;

/// q = A p. Yields p·q, and r·r, which conjugate gradients make equal to p·r.
#[derive(Serialize, Deserialize)]
struct Apply;

impl Kernel for Apply {
    type Args = (Halo<f64, Ix2>, In<f64, Ix2>, Out<f64, Ix2>);
    type Output = (Sum<f64>, Sum<f64>);

    fn run(
        &self,
        chunk: Chunk,
        (p, r, mut q): (HaloView<'_, f64, Ix2>, ArrayView2<'_, f64>, ArrayViewMut2<'_, f64>),
    ) -> (f64, f64) {
        let zeros = [0.0; N];
        let (mut pq, mut rr) = (0.0, 0.0);
        for (i, mut q) in q.rows_mut().into_iter().enumerate() {
            let (at, row) = (chunk.start() + i, i as isize);
            let here = p.row(row);
            let north = if at == 0 { &zeros } else { p.row(row - 1) };
            let south = if at + 1 == N { &zeros } else { p.row(row + 1) };
            for j in 0..N {
                let west = if j == 0 { 0.0 } else { here[j - 1] };
                let east = if j + 1 == N { 0.0 } else { here[j + 1] };
                q[j] = 4.0 * here[j] - (north[j] + south[j]) - (west + east);
                pq += here[j] * q[j];
                rr += r[[i, j]] * r[[i, j]];
            }
        }
        (pq, rr)
    }
}

/// x += alpha p, r -= alpha q. Yields the new r·r.
#[derive(Serialize, Deserialize)]
struct Descend {
    alpha: f64,
}

impl Kernel for Descend {
    type Args = (In<f64>, In<f64>, InOut<f64>, InOut<f64>);
    type Output = Sum<f64>;

    fn run(&self, _: Chunk, (p, q, x, r): (&[f64], &[f64], &mut [f64], &mut [f64])) -> f64 {
        for (i, x) in x.iter_mut().enumerate() {
            *x += self.alpha * p[i];
            r[i] -= self.alpha * q[i];
        }
        r.iter().map(|r| r * r).sum()
    }
}

/// p = r + beta p.
#[derive(Serialize, Deserialize)]
struct Turn {
    beta: f64,
}

impl Kernel for Turn {
    type Args = (In<f64>, InOut<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (r, p): (&[f64], &mut [f64])) {
        p.iter_mut().zip(r).for_each(|(p, r)| *p = r + self.beta * *p);
    }
}

fn main() -> gristmill::Result<()> {
    let engine = Engine::new()?;
    // A right side whose solution is known: two hills and some noise.
    let known = engine.from_fn((N, N), |(i, j)| {
        let (u, v) = (i as f64 / N as f64, j as f64 / N as f64);
        let hill = |a: f64, b: f64| (-40.0 * ((u - a).powi(2) + (v - b).powi(2))).exp();
        hill(0.3, 0.4) + 0.5 * hill(0.7, 0.6) + 0.01 * ((i * 7919 + j * 104_729) % 97) as f64
    })?;
    let mut r = engine.zeros((N, N))?;
    engine.run(&Apply, (&known, &known, &mut r))?; // r = b - A x, where x is 0 as yet
    let mut p = engine.array_from(&r.view())?;
    let mut q = engine.zeros((N, N))?;
    let mut x = engine.zeros((N, N))?;

    let launches = engine.stats().launches;
    let started = Instant::now();
    let (turns, residual) = engine.plan(|plan| {
        let (mut x, mut r) = (plan.write(&mut x), plan.write(&mut r));
        let (mut p, mut q) = (plan.write(&mut p), plan.write(&mut q));
        plan.repeat(1000, |plan| {
            let products = plan.step(&Apply, (&p, &r, &mut q));
            let descend = with(products, |(pq, rr)| Descend { alpha: rr / pq });
            let residual = plan.step(&descend, (&p, &q, &mut x, &mut r));
            plan.until((residual, 1e-20), |(residual, tolerance)| residual < tolerance);
            let turn = with((products, residual), |((_, rr), new)| Turn { beta: new / rr });
            plan.step(&turn, (&r, &mut p));
            residual
        })
    })?;
    let seconds = started.elapsed().as_secs_f64();

    let errors = x.view().into_iter().zip(known.view()).map(|(x, known)| (x - known).abs());
    println!("{} unknowns, {} workers", N * N, engine.workers());
    println!("{turns} turns, residual {:.1e}", residual.sqrt());
    println!("greatest error {:.1e}", errors.fold(0.0, f64::max));
    let (launches, steps) = (engine.stats().launches - launches, 3 * turns - 1);
    println!("{steps} steps in {launches} launch, {:.1} us per step", seconds * 1e6 / steps as f64);
    Ok(())
}
