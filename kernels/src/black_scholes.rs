//! Prices of European options.

use crate::elementary::{EXP_FLOPS, LN_FLOPS, NORMAL_CDF_PAIR_FLOPS, exp, ln, normal_cdf_pair};
use gristmill::{Chunk, In, Kernel, Out, Shapes};
use multiversion::multiversion;
use serde::{Deserialize, Serialize};

/// Prices of European calls and puts on a stock that pays no dividend, by the formula of Black,
/// Scholes and Merton.
///
/// Arrays of any shape: the stock's price and the strike, in one currency, and the time to expiry
/// in years; then the call's price and the put's, in that currency.
///
/// With `d1 = (ln(stock / strike) + (rate + volatility^2 / 2) years) / (volatility sqrt(years))`,
/// `d2 = d1 - volatility sqrt(years)` and `paid = strike e^(-rate years)`, the call is
/// `stock N(d1) - paid N(d2)`, the put `paid N(-d2) - stock N(-d1)`. With no time left, or without
/// volatility, that is what exercise would bring. Negative times, prices that are negative or NaN,
/// and a price and a strike that are both 0, give NaN. The functions are those of
/// [`elementary`](crate::elementary), so bits are the same on every CPU, but those without a fused
/// multiply-add are slow at it.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::BlackScholes;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let one = |value: f64| engine.filled(1, value);
/// let (stock, strike, years) = (one(42.0)?, one(40.0)?, one(0.5)?);
/// let (mut call, mut put) = (one(0.0)?, one(0.0)?);
/// let market = BlackScholes { rate: 0.1, volatility: 0.2 };
/// engine.run(&market, (&stock, &strike, &years, &mut call, &mut put))?;
/// // Hull's example 15.6.
/// assert!((call[0] - 4.76).abs() < 0.005 && (put[0] - 0.81).abs() < 0.005);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`Error::Refused`](gristmill::Error::Refused) if the rate is not finite, or the volatility is
/// negative or not finite.
///
/// Source: J. Hull, "Options, Futures, and Other Derivatives", Pearson, 9th edition 2014,
/// equations 15.20 and 15.21; F. Black and M. Scholes, "The pricing of options and corporate
/// liabilities", Journal of Political Economy 81, 1973.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct BlackScholes {
    /// The risk-free interest rate per year, continuously compounded.
    pub rate: f64,
    /// The standard deviation of the stock's return in a year.
    pub volatility: f64,
}

impl Kernel for BlackScholes {
    type Args = (In<f64>, In<f64>, In<f64>, Out<f64>, Out<f64>);
    type Output = ();

    fn run(
        &self,
        _: Chunk,
        (stock, strike, years, call, put): (&[f64], &[f64], &[f64], &mut [f64], &mut [f64]),
    ) {
        prices(self, [stock, strike, years], [call, put]);
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        shapes.grain(256, 4096)
    }

    fn check(&self, _: &Shapes) -> Result<(), String> {
        if !self.rate.is_finite() {
            return Err(format!("the rate {} is not finite", self.rate));
        }
        if !(self.volatility >= 0.0 && self.volatility.is_finite()) {
            return Err(format!(
                "a volatility of {} is not finite, or negative; 20 % are 0.2",
                self.volatility
            ));
        }
        Ok(())
    }
}

/// Options that are priced together, a stage at a time: each stage is short enough for a CPU to
/// overlap its turns, and what passes between them stays in the nearest cache.
const BLOCK: usize = 64;

/// Prices of many, compiled for wider vectors too and chosen at run time; the bits are the same.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2+fma"))]
fn prices(market: &BlackScholes, inputs: [&[f64]; 3], [call, put]: [&mut [f64]; 2]) {
    let [stock, strike, years] = inputs.map(|input| input.as_chunks::<BLOCK>());
    let (call, call_rest) = call.as_chunks_mut::<BLOCK>();
    let (put, put_rest) = put.as_chunks_mut::<BLOCK>();
    let inputs = stock.0.iter().zip(strike.0).zip(years.0);
    for (((stock, strike), years), (call, put)) in inputs.zip(call.iter_mut().zip(put)) {
        market.price_block([stock, strike, years], call, put);
    }
    let rest = [stock.1, strike.1, years.1].map(|rest| {
        let mut block = [1.0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        block
    });
    if !call_rest.is_empty() {
        let (mut call, mut put) = ([0.0; BLOCK], [0.0; BLOCK]);
        market.price_block(rest.each_ref(), &mut call, &mut put);
        call_rest.copy_from_slice(&call[..call_rest.len()]);
        put_rest.copy_from_slice(&put[..put_rest.len()]);
    }
}

impl BlackScholes {
    /// Floating-point operations of an option, those of its functions included.
    pub(crate) const FLOPS_PER_OPTION: usize =
        LN_FLOPS + EXP_FLOPS + 2 * NORMAL_CDF_PAIR_FLOPS + 15;

    #[inline(always)]
    fn price_block(
        &self,
        [stock, strike, years]: [&[f64; BLOCK]; 3],
        call: &mut [f64; BLOCK],
        put: &mut [f64; BLOCK],
    ) {
        let [mut logarithm, mut d1, mut d2, mut paid] = [[0.0; BLOCK]; 4];
        for i in 0..BLOCK {
            // Of two negative prices the quotient would be one like any other.
            let is_negative = (stock[i] < 0.0) | (strike[i] < 0.0);
            logarithm[i] = ln(if is_negative { f64::NAN } else { stock[i] / strike[i] });
        }
        let drift = (0.5 * self.volatility).mul_add(self.volatility, self.rate);
        for i in 0..BLOCK {
            let deviation = self.volatility * years[i].sqrt();
            let distance = drift.mul_add(years[i], logarithm[i]);
            // Without time or volatility the quotient is infinite, or at the money 0.
            let least = f64::MIN_POSITIVE;
            d1[i] = distance / if deviation < least { least } else { deviation };
            d2[i] = d1[i] - deviation;
        }
        for i in 0..BLOCK {
            paid[i] = strike[i] * exp(-self.rate * years[i]);
        }
        for i in 0..BLOCK {
            let [held, not] = normal_cdf_pair(d1[i]);
            (call[i], put[i]) = (stock[i] * held, stock[i] * not);
        }
        for i in 0..BLOCK {
            let [due, not] = normal_cdf_pair(d2[i]);
            call[i] = paid[i].mul_add(-due, call[i]);
            put[i] = paid[i].mul_add(not, -put[i]);
        }
    }
}
