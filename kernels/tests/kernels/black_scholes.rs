//! Prices of options against the formula with the functions of musl.

use crate::data::{array, engine};
use gristmill_kernels::BlackScholes;
use proptest::prelude::*;

fn run(market: &BlackScholes, options: &[[f64; 3]]) -> Vec<[f64; 2]> {
    let [stock, strike, years] =
        [0, 1, 2].map(|at| array(&options.iter().map(|option| option[at]).collect::<Vec<_>>()));
    let [mut call, mut put] = [(); 2].map(|()| engine().zeros(options.len()).unwrap());
    engine().run(market, (&stock, &strike, &years, &mut call, &mut put)).unwrap();
    call.as_slice().iter().zip(put.as_slice()).map(|(call, put)| [*call, *put]).collect()
}

fn naive(market: &BlackScholes, [stock, strike, years]: [f64; 3]) -> [f64; 2] {
    let BlackScholes { rate, volatility } = *market;
    let normal = |x: f64| 0.5 * libm::erfc(-x / 2f64.sqrt());
    let deviation = volatility * years.sqrt();
    let growth = (rate + volatility * volatility / 2.0) * years;
    let d1 = (libm::log(stock / strike) + growth) / deviation;
    let d2 = d1 - deviation;
    let paid = strike * libm::exp(-rate * years);
    [stock * normal(d1) - paid * normal(d2), paid * normal(-d2) - stock * normal(-d1)]
}

fn option() -> impl Strategy<Value = [f64; 3]> {
    (0.01f64..1e4, 0.01f64..1e4, 1e-3f64..30.0).prop_map(|(s, k, t)| [s, k, t])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn options(
        some in prop::collection::vec(option(), 1..200), repeats in 0usize..40,
        rate in -0.1f64..0.3, volatility in 0.01f64..2.0,
    ) {
        let market = BlackScholes { rate, volatility };
        let options: Vec<_> = some.iter().copied().cycle().take(some.len() * repeats).collect();
        for (own, option) in run(&market, &options).iter().zip(&options) {
            let tolerance = 1e-13 * (option[0] + option[1] * (-rate * option[2]).exp());
            for (own, naive) in own.iter().zip(naive(&market, *option)) {
                prop_assert!((own - naive).abs() <= tolerance, "{option:?}: {own} {naive}");
            }
        }
    }
}

#[test]
fn without_time_or_volatility_it_is_what_exercise_brings() {
    let options = [[5.0, 3.0, 0.0], [3.0, 5.0, 0.0], [4.0, 4.0, 0.0]];
    let now = [[2.0, 0.0], [0.0, 2.0], [0.0, 0.0]];
    assert_eq!(run(&BlackScholes { rate: 0.1, volatility: 0.3 }, &options), now);
    let options = options.map(|[stock, strike, _]| [stock, strike, 1.0]);
    assert_eq!(run(&BlackScholes { rate: 0.0, volatility: 0.0 }, &options), now);
}

#[test]
fn worthless_stocks_and_strikes() {
    let market = BlackScholes { rate: 0.0, volatility: 0.3 };
    let prices = run(&market, &[[0.0, 5.0, 1.0], [5.0, 0.0, 1.0]]);
    assert_eq!(prices, [[0.0, 5.0], [5.0, 0.0]]);
}

#[test]
fn what_is_no_option_has_no_price() {
    let nan = f64::NAN;
    let options = [
        [-1.0, 5.0, 1.0],
        [5.0, -1.0, 1.0],
        [5.0, 5.0, -1.0],
        [-1.0, -5.0, 1.0],
        [0.0, -5.0, 1.0],
        [0.0, 0.0, 1.0],
        [nan, 5.0, 1.0],
        [5.0, nan, 1.0],
        [5.0, 5.0, nan],
    ];
    let prices = run(&BlackScholes { rate: 0.1, volatility: 0.3 }, &options);
    assert!(prices.iter().flatten().all(|price| price.is_nan()), "{prices:?}");
    assert!(run(&BlackScholes { rate: 0.1, volatility: 0.3 }, &[]).is_empty());
}
