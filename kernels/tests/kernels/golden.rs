//! Bits that must not change from version to version: sums and products of arrays of many chunks,
//! which use nothing but `+`, `*` and the documented order, so they are the same on every CPU.

use crate::data::{array, engine, mixed};
use gristmill_kernels::{Dot, Mean, Prod, Sum};
use num_complex::Complex;

/// Several chunks, the last one of a length that no number of lanes divides.
const N: usize = 100_003;

#[test]
fn sums_and_products_keep_their_bits() {
    let x: Vec<f64> = (0..N).map(mixed).collect();
    let y: Vec<f64> = (0..N).map(|i| mixed(i + 7)).collect();
    let narrow: Vec<f32> = x.iter().map(|x| *x as f32).collect();
    let complex: Vec<Complex<f64>> = x.iter().zip(&y).map(|(x, y)| Complex::new(*x, *y)).collect();
    let near_one: Vec<f64> = x.iter().map(|x| 1.0 + x.fract() * 1e-3).collect();
    let (x, y, narrow) = (array(&x), array(&y), array(&narrow));
    let (complex, near_one) = (array(&complex), array(&near_one));
    let sum = engine().sum(&complex).unwrap();
    let dot = engine().run(&Dot::new(), (&complex, &complex)).unwrap();
    let numbers = [
        ("sum", engine().sum(&x).unwrap(), 0xc297_93a4_35e0_6fc2),
        ("sum of the other", engine().run(&Sum::new(), &y).unwrap(), 0xc295_98d6_4620_bd3d),
        ("sum of f32", engine().run(&Sum::new(), &narrow).unwrap(), 0xc297_93a4_0bc3_df02),
        ("complex sum, real", sum.re, 0xc297_93a4_35e0_6fb9),
        ("complex sum, imaginary", sum.im, 0xc295_98d6_4620_bd3b),
        ("mean", engine().run(&Mean::new(), &y).unwrap().mean(), 0xc18c_4e8a_335f_073a),
        ("dot", engine().run(&Dot::new(), (&x, &y)).unwrap(), 0xc53b_5f78_d5a0_ab07),
        ("complex dot", dot.0, 0x459e_90b0_337e_909c),
        ("product", engine().run(&Prod::new(), &near_one).unwrap(), 0x3ff5_463b_3cd4_ddf5),
    ];
    let wrong: Vec<String> = numbers
        .iter()
        .filter(|(_, own, golden)| own.to_bits() != *golden)
        .map(|(name, own, golden)| format!("{name}: {:#018x}, not {golden:#018x}", own.to_bits()))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
