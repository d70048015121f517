//! Three steps that a plan runs together.

use crate::passages::Shape;
use crate::scenarios::{
    Affine, CHUNKS, GRAIN, IN_PLACE, LEN, Launch, Total, assert_bits, fold, number,
};
use gristmill::{Chunk, Engine, In, InOut, Kernel, Shapes};
use serde::{Deserialize, Serialize};

pub(crate) const SHAPE: Shape = Shape { followed: 2 * CHUNKS, ..IN_PLACE };

/// z = z / 3 + y
#[derive(Serialize, Deserialize)]
struct Mix;

impl Kernel for Mix {
    type Args = (In<f64>, InOut<f64>);
    type Output = ();

    fn run(&self, _: Chunk, (y, z): (&[f64], &mut [f64])) {
        z.iter_mut().zip(y).for_each(|(z, y)| *z = *z / 3.0 + y);
    }

    fn grain(&self, _: &Shapes) -> usize {
        GRAIN
    }
}

/// The second updates, with what the first wrote, what the third reads.
pub(crate) fn fused(engine: &Engine) -> Launch {
    let x = engine.from_fn(LEN, number).unwrap();
    let mut y = engine.zeros(LEN).unwrap();
    let mut z = engine.from_fn(LEN, |i| i as f64).unwrap();
    Box::new(move |engine| {
        let mixed = |(x, z): (&f64, &f64)| z / 3.0 + (3.0 * x + 1.0);
        let expected: Vec<f64> = x.as_slice().iter().zip(z.as_slice()).map(mixed).collect();
        y.as_mut_slice().fill(f64::NAN);
        let total = engine.plan(|p| {
            let (x, mut y, mut z) = (p.read(&x), p.write(&mut y), p.write(&mut z));
            p.step(&Affine, (&x, &mut y));
            p.step(&Mix, (&y, &mut z));
            p.step(&Total, &z)
        });
        let sums: Vec<f64> = expected.chunks(GRAIN).map(|chunk| chunk.iter().sum()).collect();
        assert_bits(&[total.unwrap()], &[fold(&sums)]);
        assert_bits(z.as_slice(), &expected);
    })
}
