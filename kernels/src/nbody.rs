//! Bodies that attract each other: all pairs, and leapfrog steps.

use crate::Axpy;
use crate::elementary::{RSQRT_FLOPS, rsqrt};
use bytemuck::{Pod, Zeroable};
use gristmill::{
    Array, Chunk, Engine, Error, Kernel, Reduce, Result, Shapes, Tile, TileOut, Whole,
};
use multiversion::{multiversion, target::match_target};
use ndarray::{ArrayView2, ArrayViewMut2, Ix1, Ix2};
use serde::{Deserialize, Serialize};

/// The accelerations of bodies by the gravity of all others, softened:
/// `a_i = G sum_j m_j (x_j - x_i) / (|x_j - x_i|^2 + softening^2)^(3/2)`.
///
/// Arrays: masses, n; positions and accelerations, 3 x n each, rows for x, y and z. Units are up
/// to you, and G (`constant`) with them: 6.674e-11 in SI, 1 in N-body units, 4 pi^2 with solar
/// masses, astronomical units and years.
///
/// The sum runs over j from 0 on, itself included, to which it is 0. So each acceleration has the
/// same bits whatever the chunk. A difference whose square overflows gives NaN.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::Gravity;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let masses = engine.array_from(&ndarray::arr1(&[1.0, 3.0]))?;
/// let positions = engine.array_from(&ndarray::arr2(&[[0.0, 2.0], [0.0, 0.0], [0.0, 0.0]]))?;
/// let mut accelerations = engine.zeros((3, 2))?;
/// let gravity = Gravity { constant: 1.0, softening: 1e-9 };
/// engine.run(&gravity, (&masses, &positions, &mut accelerations))?;
/// assert!((accelerations.view()[[0, 0]] - 0.75).abs() < 1e-15);
/// assert!((accelerations.view()[[0, 1]] + 0.25).abs() < 1e-15);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`Error::Refused`] if shapes do not fit together, if the constant is not finite, or if the
/// softening lies outside 1e-75 to 1e75: without one, two bodies at one place would divide by 0.
///
/// Source: S. Aarseth, "Gravitational N-Body Simulations", Cambridge University Press, 2003,
/// chapter 2. The square root is had by Newton's method in its form of fourth order (see
/// [`rsqrt`](crate::elementary::rsqrt)), which is more than twice as fast as to take the root and
/// to divide.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Gravity {
    /// The gravitational constant, in the units of the arrays.
    pub constant: f64,
    /// The length within which attraction is weakened, in the unit of positions.
    pub softening: f64,
}

impl Gravity {
    /// Floating-point operations of a pair, as [`pull`] does them. With the root and the division
    /// counted as one each they would be 20.
    pub(crate) const FLOPS_PER_PAIR: usize = 18 + RSQRT_FLOPS;

    /// Of masses, positions and what is named here.
    fn check_bodies(&self, shapes: &Shapes, third: &str) -> Result<(), String> {
        let bodies = shapes.of(0)[0];
        check_vectors("positions", shapes.of(1), bodies)?;
        check_vectors(third, shapes.of(2), bodies)?;
        self.check_parameters()
    }

    fn check_parameters(&self) -> Result<(), String> {
        if !self.constant.is_finite() {
            return Err(format!("the gravitational constant {} is not finite", self.constant));
        }
        if !(1e-75..=1e75).contains(&self.softening) {
            return Err(format!("a softening of {} is not between 1e-75 and 1e75", self.softening));
        }
        Ok(())
    }
}

/// Refuses what are not the positions, or velocities, of so many bodies.
fn check_vectors(name: &str, shape: &[usize], bodies: usize) -> Result<(), String> {
    if shape == [3, bodies] {
        return Ok(());
    }
    Err(format!("{name} of {bodies} bodies have the shape [3, {bodies}], not {shape:?}"))
}

impl Kernel for Gravity {
    type Args = (Whole<f64>, Whole<f64, Ix2>, TileOut<f64>);
    type Output = ();

    fn run(
        &self,
        tile: Chunk,
        (masses, positions, mut accelerations): (&[f64], ArrayView2<f64>, ArrayViewMut2<f64>),
    ) {
        let bodies = Bodies::new(masses, &positions);
        let softening = self.softening * self.softening;
        let mut first = tile.columns().start;
        for mut block in accelerations.axis_chunks_iter_mut(ndarray::Axis(1), LANES) {
            let forces = attraction(&bodies, &bodies.block(first), softening);
            for ((axis, lane), value) in block.indexed_iter_mut() {
                *value = self.constant * forces[axis][lane];
            }
            first += LANES;
        }
    }

    fn tile(&self, _: &Shapes) -> [usize; 2] {
        [3, TILE]
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        self.check_bodies(shapes, "accelerations")
    }
}

/// Bodies per chunk, and those of them that are computed together.
const TILE: usize = 64;
const LANES: usize = 16;

/// Masses and coordinates.
struct Bodies<'a> {
    masses: &'a [f64],
    axes: [&'a [f64]; 3],
}

impl<'a> Bodies<'a> {
    fn new(masses: &'a [f64], positions: &'a ArrayView2<'_, f64>) -> Bodies<'a> {
        let all = positions.as_slice().expect("arrays are in C order");
        let n = masses.len();
        Bodies { masses, axes: [&all[..n], &all[n..2 * n], &all[2 * n..]] }
    }

    /// The coordinates of bodies `first ..`; zeros where there are none.
    fn block(&self, first: usize) -> [[f64; LANES]; 3] {
        self.axes.map(|axis| {
            std::array::from_fn(|lane| axis.get(first + lane).copied().unwrap_or_default())
        })
    }
}

/// What pulls at each of these points: the sum of m d / (d^2 + softening)^(3/2).
///
/// As many points at once as the registers hold.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn attraction(bodies: &Bodies<'_>, at: &[[f64; LANES]; 3], softening: f64) -> [[f64; LANES]; 3] {
    match_target! {
        "x86_64+avx512f+avx512vl" => pulls::<16>(bodies, at, softening),
        _ => pulls::<8>(bodies, at, softening),
    }
}

#[inline(always)]
fn pulls<const AT_ONCE: usize>(
    bodies: &Bodies<'_>,
    at: &[[f64; LANES]; 3],
    softening: f64,
) -> [[f64; LANES]; 3] {
    let mut all = [[0.0; LANES]; 3];
    for first in (0..LANES).step_by(AT_ONCE) {
        let some: [[f64; AT_ONCE]; 3] =
            std::array::from_fn(|axis| std::array::from_fn(|lane| at[axis][first + lane]));
        for (all, pull) in all.iter_mut().zip(pull(bodies, &some, softening)) {
            all[first..][..AT_ONCE].copy_from_slice(&pull);
        }
    }
    all
}

#[inline(always)]
fn pull<const N: usize>(bodies: &Bodies<'_>, at: &[[f64; N]; 3], softening: f64) -> [[f64; N]; 3] {
    let mut pull = [[0.0; N]; 3];
    let [x, y, z] = bodies.axes;
    for (((x, y), z), mass) in x.iter().zip(y).zip(z).zip(bodies.masses) {
        for lane in 0..N {
            let (dx, dy, dz) = (x - at[0][lane], y - at[1][lane], z - at[2][lane]);
            let square = dx.mul_add(dx, dy.mul_add(dy, dz.mul_add(dz, softening)));
            let near = rsqrt(square);
            let weight = mass * near * (near * near);
            pull[0][lane] = dx.mul_add(weight, pull[0][lane]);
            pull[1][lane] = dy.mul_add(weight, pull[1][lane]);
            pull[2][lane] = dz.mul_add(weight, pull[2][lane]);
        }
    }
    pull
}

/// Energies of bodies that attract each other.
#[derive(Debug, Clone, Copy, PartialEq, Pod, Zeroable, Serialize, Deserialize)]
#[repr(C)]
pub struct Energies {
    /// The sum of `m v^2 / 2`.
    pub kinetic: f64,
    /// Minus the sum of `G m_i m_j / sqrt(|x_j - x_i|^2 + softening^2)` over all pairs.
    pub potential: f64,
}

impl Energies {
    /// What the equations of motion conserve.
    pub fn total(&self) -> f64 {
        self.kinetic + self.potential
    }
}

impl Reduce for Energies {
    fn identity() -> Energies {
        Energies { kinetic: 0.0, potential: 0.0 }
    }

    fn combine(self, right: Energies) -> Energies {
        Energies {
            kinetic: self.kinetic + right.kinetic,
            potential: self.potential + right.potential,
        }
    }
}

/// The energies of bodies under softened [`Gravity`].
///
/// Arrays: masses, n; positions and velocities, 3 x n each. The energy's unit follows from theirs
/// and the constant's.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::{Energy, Gravity};
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let masses = engine.array_from(&ndarray::arr1(&[1.0, 3.0]))?;
/// let positions = engine.array_from(&ndarray::arr2(&[[0.0, 2.0], [0.0, 0.0], [0.0, 0.0]]))?;
/// let velocities = engine.array_from(&ndarray::arr2(&[[0.0, 0.0], [2.0, 0.0], [0.0, 0.0]]))?;
/// let gravity = Gravity { constant: 1.0, softening: 1e-9 };
/// let energies = engine.run(&Energy { gravity }, (&masses, &positions, &velocities))?;
/// assert!((energies.kinetic - 2.0).abs() < 1e-15 && (energies.potential + 1.5).abs() < 1e-15);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As for [`Gravity`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Energy {
    /// What attracts.
    pub gravity: Gravity,
}

impl Kernel for Energy {
    type Args = (Whole<f64>, Whole<f64, Ix2>, Tile<f64>);
    type Output = Energies;

    fn run(
        &self,
        tile: Chunk,
        (masses, positions, velocities): (&[f64], ArrayView2<f64>, ArrayView2<f64>),
    ) -> Energies {
        let bodies = Bodies::new(masses, &positions);
        let softening = self.gravity.softening * self.gravity.softening;
        let mut energies = Energies::identity();
        for (body, velocity) in tile.columns().zip(velocities.columns()) {
            let square: f64 = velocity.iter().map(|v| v * v).sum();
            energies.kinetic += 0.5 * masses[body] * square;
            // Each pair once: the other body comes later.
            let depth = depth(&bodies, body, softening);
            energies.potential -= self.gravity.constant * masses[body] * depth;
        }
        energies
    }

    fn tile(&self, _: &Shapes) -> [usize; 2] {
        [3, TILE]
    }

    fn check(&self, shapes: &Shapes) -> Result<(), String> {
        self.gravity.check_bodies(shapes, "velocities")
    }
}

/// The sum of m / sqrt(d^2 + softening) over the bodies after `body`.
fn depth(bodies: &Bodies<'_>, body: usize, softening: f64) -> f64 {
    let [x, y, z] = bodies.axes;
    let mut depth = 0.0;
    for other in body + 1..bodies.masses.len() {
        let (dx, dy, dz) = (x[other] - x[body], y[other] - y[body], z[other] - z[body]);
        let square = dx * dx + dy * dy + dz * dz + softening;
        depth += bodies.masses[other] / square.sqrt();
    }
    depth
}

/// Moves bodies under [`Gravity`] by `steps` steps of the leapfrog: kick by half a step, drift,
/// kick. The workers make all steps by themselves.
///
/// Arrays: masses, n; positions and velocities, 3 x n each. `time_step` is in the unit of time
/// that the others imply; one that is negative goes back. Each step takes one computation of the
/// accelerations, and one more is needed at the begin.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::{Gravity, leapfrog};
/// # use std::f64::consts::TAU;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// // The sun, and an earth on its way around it, for a year.
/// let masses = engine.array_from(&ndarray::arr1(&[1.0, 3e-6]))?;
/// let mut x = engine.array_from(&ndarray::arr2(&[[0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]))?;
/// let mut v = engine.array_from(&ndarray::arr2(&[[0.0, 0.0], [0.0, TAU], [0.0, 0.0]]))?;
/// let gravity = Gravity { constant: TAU * TAU, softening: 1e-6 };
/// leapfrog(&engine, &gravity, &masses, &mut x, &mut v, 1e-3, 1000)?;
/// let x = x.view();
/// assert!((x[[0, 1]] - 1.0).abs() < 1e-4 && x[[1, 1]].abs() < 1e-3);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// As [`Engine::run`] of [`Gravity`]; [`Error::Refused`] if the velocities are not 3 x n or the
/// time step is not finite; [`Error::OutOfMemory`] for the accelerations.
///
/// Source: R. Hockney and J. Eastwood, "Computer Simulation Using Particles", McGraw-Hill, 1981,
/// chapter 4; there in the form that keeps velocities between the steps.
pub fn leapfrog(
    engine: &Engine,
    gravity: &Gravity,
    masses: &Array<f64, Ix1>,
    positions: &mut Array<f64, Ix2>,
    velocities: &mut Array<f64, Ix2>,
    time_step: f64,
    steps: u64,
) -> Result<()> {
    let refused = |reason| Error::Refused { kernel: "leapfrog".into(), reason };
    check_vectors("velocities", velocities.shape(), masses.len()).map_err(refused)?;
    if !time_step.is_finite() {
        return Err(refused(format!("the time step {time_step} is not finite")));
    }
    let mut accelerations = engine.zeros(positions.dim())?;
    engine.plan(|p| {
        let (masses, mut x) = (p.read(masses), p.write(positions));
        let (mut v, mut a) = (p.write(velocities), p.write(&mut accelerations));
        let (kick, drift) = (Axpy { a: 0.5 * time_step }, Axpy { a: time_step });
        p.step(gravity, (&masses, &x, &mut a));
        p.repeat(steps, |p| {
            p.step(&kick, (&a, &mut v));
            p.step(&drift, (&v, &mut x));
            p.step(gravity, (&masses, &x, &mut a));
            p.step(&kick, (&a, &mut v));
        });
    })
}
