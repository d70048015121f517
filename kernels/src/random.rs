//! Random numbers that depend on seed and place alone, not on who draws them or when.
//!
//! Philox 4x32-10 of J. Salmon, M. Moraes, R. Dror and D. Shaw, "Parallel random numbers: as easy
//! as 1, 2, 3", SC 2011: every block of four words is a function of a key and a counter. The key
//! is the seed after a bijective mixing, so that neighbouring seeds have unlike keys: the
//! finaliser of SplitMix64 (G. Steele, D. Lea and C. Flood, "Fast splittable pseudorandom number
//! generators", OOPSLA 2014), `z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9`,
//! `z = (z ^ z >> 27) * 0x94d049bb133111eb`, `z ^ z >> 31`; its lower half is the first word of
//! the key. The upper half of the counter is the stream, the lower half the block's place in it,
//! both lower word first.

use gristmill::{Chunk, Kernel, Out, Shapes, Sum};
use rand_philox::{Philox, u32_to_unit_f64};
use serde::{Deserialize, Serialize};

/// Words that are drawn at once.
const WORDS: usize = 512;

/// Fills an array with random numbers, uniform over [0, 1), multiples of 2^-53. Element i depends
/// on `seed`, `stream` and i alone.
///
/// They are those of Philox 4x32-10. Its key is `seed`, mixed by the finaliser of SplitMix64, its
/// counter `stream * 2^64 + i / 2`; element i is the upper 53 bits of words 0 and 1 of that block,
/// of words 2 and 3 for odd i, the lower word first.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::{Mean, Uniform};
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let mut x = engine.zeros(100_000)?;
/// engine.run(&Uniform { seed: 1, stream: 0 }, &mut x)?;
/// assert!((engine.run(&Mean::new(), &x)?.mean() - 0.5).abs() < 0.01);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Uniform {
    /// Any number; each gives other numbers.
    pub seed: u64,
    /// Which of the seed's independent streams.
    pub stream: u64,
}

impl Kernel for Uniform {
    type Args = Out<f64>;
    type Output = ();

    fn run(&self, chunk: Chunk, x: &mut [f64]) {
        fill_uniform(self.seed, self.stream, chunk.start() as u64, x);
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        shapes.grain(256, 4096)
    }
}

/// Elements `start ..` of the uniform numbers of a stream.
fn fill_uniform(seed: u64, stream: u64, start: u64, x: &mut [f64]) {
    /// A number takes two words, so a block of four words makes two numbers.
    const NUMBERS_PER_BLOCK: u64 = 2;
    let mut philox = Philox::from_u64_seed_stream(seed, stream);
    philox.seek((u128::from(stream) << 64) | u128::from(start / NUMBERS_PER_BLOCK));
    if start % NUMBERS_PER_BLOCK == 1 {
        philox.next_u64();
    }
    let mut words = [0; WORDS];
    for x in x.chunks_mut(WORDS / 2) {
        let words = &mut words[..2 * x.len()];
        philox.fill_u32(words);
        for (x, word) in x.iter_mut().zip(words.as_chunks::<2>().0) {
            let bits = u64::from(word[0]) | (u64::from(word[1]) << 32);
            *x = (bits >> 11) as f64 * (f64::EPSILON / 2.0);
        }
    }
}

/// Throws points into the unit square and counts those within the unit circle: pi / 4 of them, in
/// the long run.
///
/// The array is written with the hits of each stream: element i is stream i of the seed, of
/// `points` points. It yields the hits of all.
///
/// The words are those of [`Uniform`], one for each coordinate: word w stands for
/// `(w + 1/2) / 2^32`.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::PiHits;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let mut hits = engine.zeros(1000)?;
/// let total = engine.run(&PiHits { seed: 1, points: 1000 }, &mut hits)?;
/// assert!((4.0 * total as f64 / 1e6 - std::f64::consts::PI).abs() < 0.01);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct PiHits {
    /// Any number; each gives other points.
    pub seed: u64,
    /// Points per stream.
    pub points: u64,
}

impl Kernel for PiHits {
    type Args = Out<u64>;
    type Output = Sum<u64>;

    fn run(&self, chunk: Chunk, hits: &mut [u64]) -> u64 {
        for (stream, hits) in chunk.range().zip(hits.iter_mut()) {
            *hits = count_hits(self.seed, stream as u64, self.points);
        }
        hits.iter().sum()
    }

    /// About 256 chunks: a stream is work enough.
    fn grain(&self, shapes: &Shapes) -> usize {
        shapes.extent().div_ceil(256)
    }
}

fn count_hits(seed: u64, stream: u64, points: u64) -> u64 {
    let mut philox = Philox::from_u64_seed_stream(seed, stream);
    let mut words = [0; WORDS];
    let (mut hits, mut left) = (0, points);
    while left > 0 {
        let now = left.min(WORDS as u64 / 2);
        let words = &mut words[..2 * now as usize];
        philox.fill_u32(words);
        for point in words.as_chunks::<2>().0 {
            let (x, y) = (u32_to_unit_f64(point[0]), u32_to_unit_f64(point[1]));
            hits += u64::from(x * x + y * y < 1.0);
        }
        left -= now;
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand_philox::philox4x32_10;

    /// The vectors of the authors' Random123 library, file kat_vectors, philox4x32 of 10 rounds.
    #[test]
    fn known_answers() {
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ];
        for (counter, key, answer) in cases {
            assert_eq!(philox4x32_10(counter, key), answer);
        }
    }

    /// The generator as the paper defines it, in its own words.
    fn philox_by_the_paper(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
        for round in 0..10 {
            if round > 0 {
                key[0] = key[0].wrapping_add(0x9e37_79b9);
                key[1] = key[1].wrapping_add(0xbb67_ae85);
            }
            let first = u64::from(counter[0]) * 0xd251_1f53;
            let second = u64::from(counter[2]) * 0xcd9e_8d57;
            counter = [
                (second >> 32) as u32 ^ counter[1] ^ key[0],
                second as u32,
                (first >> 32) as u32 ^ counter[3] ^ key[1],
                first as u32,
            ];
        }
        counter
    }

    proptest! {
        #[test]
        fn blocks_are_those_of_the_paper(counter: [u32; 4], key: [u32; 2]) {
            prop_assert_eq!(philox4x32_10(counter, key), philox_by_the_paper(counter, key));
        }

        #[test]
        fn an_element_does_not_depend_on_its_chunk(
            seed: u64, stream: u64, start in 0u64..2000, len in 0usize..700
        ) {
            let mut whole = vec![0.0; start as usize + len];
            fill_uniform(seed, stream, 0, &mut whole);
            let mut part = vec![0.0; len];
            fill_uniform(seed, stream, start, &mut part);
            prop_assert_eq!(&part[..], &whole[start as usize..]);
            prop_assert!(part.iter().all(|x| (0.0..1.0).contains(x)));
        }
    }
}
