//! Loops that ask of a core and its memory what they have at most: the roof of scaling studies.
//!
//! Each runs on the calling thread alone. Who starts threads and looks at the clock is in
//! `scale::roof`.

use super::lanes::in_lanes;
use multiversion::multiversion;

/// Reads all of `x` in as many lanes as hide an addition's latency.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(crate) fn read(x: &[f64]) -> f64 {
    let add = |a: f64, b: f64| a + b;
    in_lanes(x, 0.0, add, add)
}

/// STREAM's triad, `x[i] = b[i] + 3 c[i]`, with stores past the caches where this CPU has them.
///
/// Stored at once rather than in blocks, as [`stream`](super::stream::stream) does it for any
/// kernel: measured over arrays in memory, that reaches nine tenths of this.
///
/// # Panics
///
/// If the lengths differ or are odd, or `x` does not begin at a multiple of 16 bytes.
pub(crate) fn triad(b: &[f64], c: &[f64], x: &mut [f64]) {
    assert!(b.len() == x.len() && c.len() == x.len() && x.len().is_multiple_of(2));
    assert!(x.as_ptr().addr().is_multiple_of(16));
    let (b, c) = (b.as_chunks::<2>().0, c.as_chunks::<2>().0);
    let pairs = x.as_chunks_mut::<2>().0.iter_mut().zip(b).zip(c);
    for ((x, b), c) in pairs {
        store_past_caches([b[0] + 3.0 * c[0], b[1] + 3.0 * c[1]], x);
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: part of every x86-64 CPU. It orders the stores before whatever says that they are
    // done.
    unsafe {
        std::arch::x86_64::_mm_sfence();
    }
}

/// To a place at a multiple of 16 bytes.
#[inline(always)]
fn store_past_caches(pair: [f64; 2], to: &mut [f64; 2]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: part of every x86-64 CPU; the place is of that length and begins where it must, and
    // `triad` orders these stores before others can look.
    unsafe {
        use std::arch::x86_64::{_mm_set_pd, _mm_stream_pd};
        _mm_stream_pd(to.as_mut_ptr(), _mm_set_pd(pair[1], pair[0]));
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        *to = pair;
    }
}

/// Multiplications and additions in vectors of one width, in as many independent chains as hide
/// their latency.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MultiplyAdd {
    /// Operations of one turn.
    pub(crate) turn_flops: f64,
    run: fn(u64) -> f64,
}

impl MultiplyAdd {
    /// In each width that this CPU has, the widest last. That need not be the fastest: a CPU may
    /// have fewer units of it, or lower its clock.
    pub(crate) fn all() -> Vec<MultiplyAdd> {
        let mut all = vec![];
        #[cfg(target_arch = "x86_64")]
        {
            let fused = is_x86_feature_detected!("fma");
            if fused && is_x86_feature_detected!("avx") {
                // SAFETY: the CPU has what `by_4` is compiled for.
                all.push(MultiplyAdd::new(4, |turns| unsafe { by_4(turns) }));
            }
            if is_x86_feature_detected!("avx512f") {
                // SAFETY: the CPU has what `by_8` is compiled for.
                all.push(MultiplyAdd::new(8, |turns| unsafe { by_8(turns) }));
            }
        }
        if all.is_empty() {
            all.push(MultiplyAdd::new(2, by_2));
        }
        all
    }

    fn new(width: usize, run: fn(u64) -> f64) -> MultiplyAdd {
        MultiplyAdd { turn_flops: (2 * width * CHAINS) as f64, run }
    }

    /// So many turns; a figure that depends on all of them.
    pub(crate) fn run(&self, turns: u64) -> f64 {
        (self.run)(turns)
    }
}

/// Two units and a latency of 4 or 5 need 8 to 10; with factor and addend they fit 16 registers.
const CHAINS: usize = 12;
const FACTOR: f64 = 0.999_999;
const ADDEND: f64 = 1e-6;

/// What a chain begins with; it tends to 1.
fn start(chain: usize) -> f64 {
    2.0 + 1e-3 * chain as f64
}

/// All chains, each of the vectors that `$all` makes of a value, `$turns` times. Written out for
/// each width: as loops over arrays the compiler keeps them in memory.
#[cfg(target_arch = "x86_64")]
macro_rules! chains {
    ($turns:ident, $all:ident, $multiply_add:ident, $first:ident) => {{
        let (factor, addend) = ($all(FACTOR), $all(ADDEND));
        let mut chains: [_; CHAINS] = std::array::from_fn(|chain| $all(start(chain)));
        for _ in 0..$turns {
            for chain in &mut chains {
                *chain = $multiply_add(*chain, factor, addend);
            }
        }
        chains.into_iter().map(|chain| $first(chain)).sum()
    }};
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx,fma")]
fn by_4(turns: u64) -> f64 {
    use std::arch::x86_64::{_mm256_cvtsd_f64, _mm256_fmadd_pd, _mm256_set1_pd};
    chains!(turns, _mm256_set1_pd, _mm256_fmadd_pd, _mm256_cvtsd_f64)
}

/// By AVX-512 even where `multiversion` avoids it, on the first CPUs that had it: what it costs
/// them is for the measurement to say.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn by_8(turns: u64) -> f64 {
    use std::arch::x86_64::{_mm512_cvtsd_f64, _mm512_fmadd_pd, _mm512_set1_pd};
    chains!(turns, _mm512_set1_pd, _mm512_fmadd_pd, _mm512_cvtsd_f64)
}
/// By what every CPU has: the compiler makes vectors of two of it.
fn by_2(turns: u64) -> f64 {
    let mut chains: [[f64; 2]; CHAINS] = std::array::from_fn(|chain| [start(chain); 2]);
    // Where there is no instruction for it, `mul_add` is a long function.
    let multiply_add = |value: f64| match cfg!(target_arch = "aarch64") {
        true => value.mul_add(FACTOR, ADDEND),
        false => value * FACTOR + ADDEND,
    };
    for _ in 0..turns {
        for [a, b] in &mut chains {
            (*a, *b) = (multiply_add(*a), multiply_add(*b));
        }
    }
    chains.into_iter().map(|[a, b]| (a + b) / 2.0).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_read() {
        let x: Vec<f64> = (0..1003).map(f64::from).collect();
        assert_eq!(read(&x), 1003.0 * 1002.0 / 2.0);
    }

    #[test]
    fn the_triad_is_whole() {
        let b: Vec<f64> = (0..5002).map(f64::from).collect();
        let c: Vec<f64> = b.iter().map(|b| 2.0 * b).collect();
        let mut x = vec![0.0; 5003];
        let start = usize::from(!x.as_ptr().addr().is_multiple_of(16));
        let x = &mut x[start..start + 5002];
        triad(&b, &c, x);
        assert!(x.iter().zip(&b).all(|(x, b)| *x == 7.0 * b));
    }

    #[test]
    fn every_turn_counts_in_every_width() {
        let mut all = MultiplyAdd::all();
        all.push(MultiplyAdd::new(2, by_2));
        for one in all {
            let above = |turns: u64| one.run(turns) - CHAINS as f64;
            assert!(above(0) > CHAINS as f64 && one.turn_flops >= 48.0, "{one:?}");
            // A turn takes a millionth of what is above 1.
            let left = above(1000) / above(0);
            assert!((left - FACTOR.powi(1000)).abs() < 1e-9, "{left}");
        }
    }
}
