//! IS of the NAS Parallel Benchmarks: ranks of integer keys.
//!
//! The keys are counted where they lie, into a private table per worker; the tables are merged, and
//! the counts summed up. There are as many counters as values, more than the nearest caches hold, but
//! nothing waits for them; the reference brings the keys together first, and moves each twice for it.

use super::random::{BITS, Lcg};
use crate::grain::cheap_grain;
use crate::scan::{Scan, blocks, scan_steps};
use gristmill::{Add, Array, Chunk, Engine, In, Kernel, Merge, Result, Shapes};
use ndarray::Ix1;
use serde::{Deserialize, Serialize};

const SEED: u64 = 314_159_265;

/// The keys of benchmark IS of the NAS Parallel Benchmarks: each is the sum of four uniform
/// deviates times `key_max / 4`, rounded down.
///
/// ```
/// let keys = gristmill_kernels::npb::keys(1000, 64);
/// assert!(keys.iter().all(|key| *key < 64));
/// ```
pub fn keys(count: usize, key_max: u32) -> Vec<u32> {
    let mut numbers = Lcg::new(SEED);
    let factor = u128::from(key_max / 4);
    let mut key = || {
        let sum: u64 = (0..4).map(|_| numbers.bits()).sum();
        ((u128::from(sum) * factor) >> BITS) as u32
    };
    (0..count).map(|_| key()).collect()
}

/// Counts how often each key occurs.
///
/// Arrays: the keys, and a count per value, from 0 on, begun anew. A key that has no count is a
/// programming error: its chunk panics.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::npb::Population;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let keys = engine.array_from(&ndarray::arr1(&[3, 0, 3, 1]))?;
/// let mut counts = engine.zeros(4)?;
/// engine.run(&Population, (&keys, &mut counts))?;
/// assert_eq!(counts.as_slice(), [1, 1, 0, 2]);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Population;

impl Kernel for Population {
    type Args = (In<u32>, Merge<u32, Add>);
    type Output = ();

    fn run(&self, _: Chunk, (keys, counts): (&[u32], &mut [u32])) {
        keys.iter().for_each(|key| counts[*key as usize] += 1);
    }

    fn grain(&self, shapes: &Shapes) -> usize {
        cheap_grain(shapes)
    }
}

/// Ranks keys below some bound, again and again: the benchmark IS of the NAS Parallel Benchmarks.
///
/// Source: D. Bailey and others, NAS Technical Report 95-020, section 2.2.5.
///
/// ```
/// # use gristmill::Engine;
/// # use gristmill_kernels::npb::Ranking;
/// # fn main() -> gristmill::Result<()> {
/// let engine = Engine::builder().workers(2).build()?;
/// let keys = engine.array_from(&ndarray::arr1(&[3, 0, 3, 1]))?;
/// let mut ranking = Ranking::new(&engine, 4)?;
/// assert_eq!(ranking.rank(&engine, &keys)?, [1, 2, 2, 4]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Ranking {
    counts: Array<u32, Ix1>,
    offsets: Array<u32, Ix1>,
    ranks: Array<u32, Ix1>,
}

impl Ranking {
    /// Makes room for keys from 0 to below `key_max`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`](gristmill::Error::OutOfMemory).
    pub fn new(engine: &Engine, key_max: u32) -> Result<Ranking> {
        let values = key_max as usize;
        let (counts, ranks) = (engine.zeros(values)?, engine.zeros(values)?);
        Ok(Ranking { counts, offsets: engine.zeros(blocks(values))?, ranks })
    }

    /// How many keys are at most as great as each value, from 0 on: those that equal k get the ranks
    /// from that of k - 1 to below that of k.
    ///
    /// # Errors
    ///
    /// As [`Engine::run`]; a key that is out of bounds makes a chunk panic. There can be 2^32 - 1
    /// keys at most.
    pub fn rank(&mut self, engine: &Engine, keys: &Array<u32, Ix1>) -> Result<&[u32]> {
        let Ranking { counts, offsets, ranks } = self;
        engine.plan(|p| {
            let (keys, mut counts) = (p.read(keys), p.write(counts));
            let (mut offsets, mut ranks) = (p.write(offsets), p.write(ranks));
            p.step(&Population, (&keys, &mut counts));
            scan_steps(p, &counts, &mut offsets, &mut ranks, Scan::Inclusive);
        })?;
        Ok(self.ranks())
    }

    /// The ranks that were found last.
    pub(crate) fn ranks(&self) -> &[u32] {
        self.ranks.as_slice()
    }
}
