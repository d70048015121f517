//! Elementary functions against those of musl, which are within 1 ulp.

use gristmill_kernels::elementary::{exp, ln, normal_cdf, normal_cdf_pair, rsqrt};
use proptest::prelude::*;

/// By how many units in the last place `a` differs from a normal `b`.
fn ulps(a: f64, b: f64) -> f64 {
    let unit = b.abs().next_up() - b.abs();
    (a - b).abs() / unit
}

fn by_library(x: f64) -> f64 {
    0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn exponentials(x in prop_oneof![-708.0f64..709.7, -2.0f64..2.0, -1e-6f64..1e-6]) {
        prop_assert!(ulps(exp(x), libm::exp(x)) <= 2.2, "{x}: {}", exp(x));
    }

    #[test]
    fn logarithms(x in prop_oneof![0.0f64..1e308, 0.0f64..4.0, 0.999f64..1.001, 0.0f64..1e-300]) {
        prop_assert!(ulps(ln(x), libm::log(x)) <= 2.2, "{x}: {}", ln(x));
    }

    #[test]
    fn the_normal_distribution(x in prop_oneof![-6.0f64..6.0, -0.01f64..0.01]) {
        // 8 of ours, 1 of the library; the argument of erfc is rounded, which tells in the tail.
        let tolerance = 9.0 + 2.0 * x * x;
        prop_assert!(ulps(normal_cdf(x), by_library(x)) <= tolerance, "{x}: {}", normal_cdf(x));
        let [below, above] = normal_cdf_pair(x);
        prop_assert_eq!([normal_cdf(x), normal_cdf(-x)], [below, above]);
        prop_assert!((below + above - 1.0).abs() <= f64::EPSILON);
    }

    #[test]
    fn square_roots(x in prop_oneof![1e-200f64..1e200, 0.5f64..8.0, 1e-300f64..1e-290]) {
        prop_assert!(ulps(rsqrt(x), 1.0 / x.sqrt()) <= 2.2, "{x}: {}", rsqrt(x));
    }
}

/// Numbers of 20 digits, computed with 60.
#[test]
fn known_values_of_the_normal_distribution() {
    for (x, value) in [
        (-37.0, 5.725_571_222_524_576_4e-300),
        (-20.0, 2.753_624_118_606_233_7e-89),
        (-5.0, 2.866_515_718_791_939e-7),
        (-1.0, 0.158_655_253_931_457_05),
        (-0.004_870_675_865_361_789, 0.498_056_889_146_072_4),
        (0.0, 0.5),
        (1.96, 0.975_002_104_851_779_5),
        (8.0, 0.999_999_999_999_999_4),
    ] {
        let bound = if x < -1.5 { 5.0 } else { 8.0 };
        assert!(ulps(normal_cdf(x), value) <= bound, "{x}: {} {value}", normal_cdf(x));
    }
}

#[test]
fn ends_of_the_ranges() {
    let [inf, nan] = [f64::INFINITY, f64::NAN];
    assert_eq!([exp(inf), exp(710.0), exp(-inf), exp(-746.0)], [inf, inf, 0.0, 0.0]);
    assert_eq!([exp(0.0), exp(-0.0), exp(-745.1)], [1.0, 1.0, 5e-324]);
    assert_eq!([ln(inf), ln(1.0), ln(0.0), ln(-0.0)], [inf, 0.0, -inf, -inf]);
    assert!((ln(5e-324) + 744.440_071_921_381_2).abs() < 1e-12);
    assert_eq!([normal_cdf(inf), normal_cdf(50.0), normal_cdf(-inf)], [1.0, 1.0, 0.0]);
    assert!([exp(nan), ln(nan), ln(-1.0), ln(-inf), normal_cdf(nan)].iter().all(|x| x.is_nan()));
}
