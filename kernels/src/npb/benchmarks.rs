//! EP, CG and IS in the published classes, with their check values: what `gristmill npb` runs.

use super::cg::InverseIteration;
use super::ep::deviates;
use super::is::{Ranking, keys};
use super::matrix::makea;
use gristmill::scale::Work;
use gristmill::{Array, Benchmark, Check, Engine, Outcome, Result, Suite};
use ndarray::Ix1;
use std::time::Instant;

/// All of them.
pub(crate) fn suite() -> Suite {
    let title = "NAS Parallel Benchmarks, in the style of NPB, unofficial";
    Suite::new("npb", title).add::<Ep>("ep").add::<Cg>("cg").add::<Is>("is")
}

/// EP: Gaussian deviates of 2^m pairs of uniform ones.
#[derive(Debug, Clone, Copy)]
pub struct Ep {
    class: &'static str,
    /// Base-2 logarithm of the number of pairs.
    pub m: u32,
    /// The published sum of the first deviates of all pairs.
    pub sum_x: f64,
    /// The published sum of the second ones.
    pub sum_y: f64,
}

impl Benchmark for Ep {
    type Ready = ();
    const SUMMARY: &'static str = "pairs of Gaussian deviates by the polar method";
    const CLASSES: &'static [Ep] = &[
        Ep { class: "S", m: 24, sum_x: -3.24783465203474e3, sum_y: -6.958407078382297e3 },
        Ep { class: "W", m: 25, sum_x: -2.863319731645753e3, sum_y: -6.320053679109499e3 },
        Ep { class: "A", m: 28, sum_x: -4.295875165629892e3, sum_y: -1.580732573678431e4 },
        Ep { class: "B", m: 30, sum_x: 4.033815542441498e4, sum_y: -2.660669192809235e4 },
        Ep { class: "C", m: 32, sum_x: 4.764367927995374e4, sum_y: -8.084072988043731e4 },
    ];

    fn class(&self) -> &'static str {
        self.class
    }

    fn size(&self) -> String {
        format!("2^{} pairs", self.m)
    }

    fn prepare(&self, _: &Engine) -> Result<()> {
        Ok(())
    }

    fn run(&self, engine: &Engine, (): &mut ()) -> Result<Outcome> {
        const TOLERANCE: f64 = 1e-8;
        let start = Instant::now();
        let found = deviates(engine, self.m)?;
        let time = start.elapsed();
        let check =
            |name, computed, published| Check { name, computed, published, tolerance: TOLERANCE };
        let checks = vec![check("sum X", found.x, self.sum_x), check("sum Y", found.y, self.sum_y)];
        Ok(Outcome { iterations: 1, time, operations: 2f64.powi(self.m as i32 + 1), checks })
    }
}

/// CG: the smallest eigenvalue of a sparse matrix.
#[derive(Debug, Clone, Copy)]
pub struct Cg {
    class: &'static str,
    /// Rows of the matrix.
    pub n: usize,
    /// Random elements of each vector that it is made of.
    pub nonzer: usize,
    /// How many iterations are timed.
    pub iterations: u64,
    /// What is taken from the diagonal.
    pub shift: f64,
    /// The published estimate.
    pub zeta: f64,
    /// Elements of the matrix that are not 0.
    pub nonzeros: usize,
}

impl Cg {
    const fn new(
        class: &'static str,
        [n, nonzer, nonzeros]: [usize; 3],
        iterations: u64,
        shift: f64,
        zeta: f64,
    ) -> Cg {
        Cg { class, n, nonzer, iterations, shift, zeta, nonzeros }
    }

    /// As the reference counts its floating-point operations.
    fn operations(&self) -> f64 {
        let (n, row) = (self.n as f64, (self.nonzer * (self.nonzer + 1)) as f64);
        2.0 * self.iterations as f64 * n * (3.0 + row + 25.0 * (5.0 + row) + 3.0)
    }
}

impl Benchmark for Cg {
    type Ready = InverseIteration;
    const SUMMARY: &'static str =
        "the smallest eigenvalue of a sparse matrix by conjugate gradients";
    const CLASSES: &'static [Cg] = &[
        Cg::new("S", [1400, 7, 78_148], 15, 10.0, 8.5971775078648),
        Cg::new("W", [7000, 8, 508_402], 15, 12.0, 10.362595087124),
        Cg::new("A", [14_000, 11, 1_853_104], 15, 20.0, 17.130235054029),
        Cg::new("B", [75_000, 13, 13_708_072], 75, 60.0, 22.712745482631),
        Cg::new("C", [150_000, 15, 36_121_058], 75, 110.0, 28.973605592845),
    ];

    fn class(&self) -> &'static str {
        self.class
    }

    fn size(&self) -> String {
        format!("{} rows", self.n)
    }

    fn work(&self) -> Work {
        let moved = InverseIteration::moved(self.n, self.nonzeros);
        let [bytes_read, bytes_written] = moved.map(|bytes| bytes * self.iterations as f64);
        let [rows, elements] = [self.n, self.nonzeros].map(|count| count as f64);
        Work {
            bytes_read,
            bytes_written,
            // Values with columns of 4 bytes at most, and six vectors.
            footprint: Some(12.0 * elements + 6.0 * 8.0 * rows),
            flops: Some(self.operations()),
            ..Work::default()
        }
    }

    fn prepare(&self, engine: &Engine) -> Result<InverseIteration> {
        let mut search = InverseIteration::new(engine, &makea(self.n, self.nonzer, self.shift))?;
        // One for free, as the reference has it: all pages are touched.
        search.run(engine, self.shift, 1)?;
        Ok(search)
    }

    fn run(&self, engine: &Engine, search: &mut InverseIteration) -> Result<Outcome> {
        let start = Instant::now();
        let zeta = search.run(engine, self.shift, self.iterations)?.zeta;
        let time = start.elapsed();
        let checks =
            vec![Check { name: "zeta", computed: zeta, published: self.zeta, tolerance: 1e-10 }];
        Ok(Outcome { iterations: self.iterations, time, operations: self.operations(), checks })
    }
}

/// IS: ranks of integer keys.
#[derive(Debug, Clone, Copy)]
pub struct Is {
    class: &'static str,
    /// Base-2 logarithm of the number of keys.
    pub keys: u32,
    /// The same of the number of values that they can have.
    pub values: u32,
    tests: [Test; Is::TESTS_EACH],
}

/// A key, its rank, and how that changes from iteration to iteration.
#[derive(Debug, Clone, Copy)]
struct Test {
    index: usize,
    rank: i64,
    /// What is added to the rank at iteration i: i less this, or that taken away.
    offset: i64,
    rises: bool,
}

impl Test {
    fn rank_at(&self, iteration: i64) -> i64 {
        let change = iteration - self.offset;
        if self.rises { self.rank + change } else { self.rank - change }
    }
}

impl Is {
    /// How often the keys are ranked.
    pub const ITERATIONS: u64 = 10;
    /// Tests in each iteration.
    const TESTS_EACH: usize = 5;
    /// Tests in all.
    pub const TESTS: u64 = Is::ITERATIONS * Is::TESTS_EACH as u64;

    /// Ranks `rising` of the tests rise by the iteration less `rise`, the others fall by it less `fall`.
    const fn new(
        class: &'static str,
        [keys, values]: [u32; 2],
        indices: [usize; 5],
        ranks: [i64; 5],
        rising: [bool; 5],
        [rise, fall]: [i64; 2],
    ) -> Is {
        let mut tests = [Test { index: 0, rank: 0, offset: 0, rises: true }; 5];
        let mut i = 0;
        while i < tests.len() {
            let offset = if rising[i] { rise } else { fall };
            tests[i] = Test { index: indices[i], rank: ranks[i], offset, rises: rising[i] };
            i += 1;
        }
        Is { class, keys, values, tests }
    }

    fn key_max(&self) -> u32 {
        1 << self.values
    }

    /// The keys that come first, as they are before any changes.
    fn first_keys(&self, count: usize) -> Vec<u32> {
        keys(count, self.key_max())
    }

    /// What precedes each ranking: two keys change. Iterations are counted from 1.
    pub fn change(&self, keys: &mut [u32], iteration: u64) {
        let number = iteration as u32;
        keys[iteration as usize] = number;
        keys[(iteration + Is::ITERATIONS) as usize] = self.key_max() - number;
    }

    /// How many tests the ranks of one iteration pass; of each value, `ranks` has how many keys are at
    /// most as great.
    pub fn passed(&self, iteration: u64, keys: &[u32], ranks: &[u32]) -> usize {
        let passes = |test: &&Test| {
            let key = keys[test.index] as usize;
            key > 0 && i64::from(ranks[key - 1]) == test.rank_at(iteration as i64)
        };
        self.tests.iter().filter(passes).count()
    }
}

/// How many keys, put where their ranks say, are out of order with the one before, or have no place;
/// of each value, `ranks` has how many keys are at most as great.
///
/// ```
/// # use gristmill_kernels::npb::out_of_order;
/// assert_eq!(out_of_order(&[3, 0, 3, 1], &[1, 2, 2, 4]), 0);
/// assert_eq!(out_of_order(&[3, 0, 3, 1], &[1, 2, 2, 5]), 2);
/// ```
pub fn out_of_order(keys: &[u32], ranks: &[u32]) -> usize {
    let mut free = ranks.to_vec();
    let mut sorted = vec![u32::MAX; keys.len()];
    let mut misplaced = 0;
    for key in keys {
        let rank = free[*key as usize].wrapping_sub(1);
        free[*key as usize] = rank;
        match sorted.get_mut(rank as usize) {
            Some(place) => *place = *key,
            None => misplaced += 1,
        }
    }
    misplaced + sorted.windows(2).filter(|pair| pair[0] > pair[1]).count()
}

const A_B: [bool; 5] = [true, true, true, false, false];

impl Benchmark for Is {
    type Ready = (Array<u32, Ix1>, Ranking);
    const SUMMARY: &'static str = "ranks of integer keys";
    const CLASSES: &'static [Is] = &[
        Is::new(
            "S",
            [16, 11],
            [48427, 17148, 23627, 62548, 4431],
            [0, 18, 346, 64917, 65463],
            A_B,
            [0, 0],
        ),
        Is::new(
            "W",
            [20, 16],
            [357773, 934767, 875723, 898999, 404505],
            [1249, 11698, 1039987, 1043896, 1048018],
            [true, true, false, false, false],
            [2, 0],
        ),
        Is::new(
            "A",
            [23, 19],
            [2112377, 662041, 5336171, 3642833, 4250760],
            [104, 17523, 123928, 8288932, 8388264],
            A_B,
            [1, 1],
        ),
        Is::new(
            "B",
            [25, 21],
            [41869, 812306, 5102857, 18232239, 26860214],
            [33422937, 10244, 59149, 33135281, 99],
            [false, true, true, false, true],
            [0, 0],
        ),
        Is::new(
            "C",
            [27, 23],
            [44172927, 72999161, 74326391, 129606274, 21736814],
            [61147, 882988, 266290, 133997595, 133525895],
            A_B,
            [0, 0],
        ),
    ];

    fn class(&self) -> &'static str {
        self.class
    }

    fn size(&self) -> String {
        format!("2^{} keys below 2^{}", self.keys, self.values)
    }

    /// A ranking reads the keys, writes their counts, and makes the ranks of these.
    fn work(&self) -> Work {
        let [keys, values] = [self.keys, self.values].map(|log| 4.0 * f64::from(log).exp2());
        let iterations = Self::ITERATIONS as f64;
        Work {
            bytes_read: iterations * (keys + values),
            bytes_written: iterations * 2.0 * values,
            footprint: Some(keys + 2.0 * values),
            ..Work::default()
        }
    }

    fn prepare(&self, engine: &Engine) -> Result<(Array<u32, Ix1>, Ranking)> {
        let mut keys = engine.array_from(&ndarray::aview1(&self.first_keys(1 << self.keys)))?;
        let mut ranking = Ranking::new(engine, self.key_max())?;
        // One for free, as the reference has it: all pages are touched.
        self.change(keys.as_mut_slice(), 1);
        ranking.rank(engine, &keys)?;
        Ok((keys, ranking))
    }

    fn run(
        &self,
        engine: &Engine,
        (keys, ranking): &mut (Array<u32, Ix1>, Ranking),
    ) -> Result<Outcome> {
        // What an earlier run has changed.
        let first = self.first_keys(2 * Self::ITERATIONS as usize + 1);
        keys.as_mut_slice()[..first.len()].copy_from_slice(&first);
        let mut passed = 0;
        let start = Instant::now();
        for iteration in 1..=Self::ITERATIONS {
            self.change(keys.as_mut_slice(), iteration);
            let ranks = ranking.rank(engine, keys)?;
            passed += self.passed(iteration, keys.as_slice(), ranks);
        }
        let time = start.elapsed();
        let unsorted = out_of_order(keys.as_slice(), ranking.ranks());
        let checks = vec![
            Check::exact("partial tests passed", passed as f64, Is::TESTS as f64),
            Check::exact("keys out of order", unsorted as f64, 0.0),
        ];
        let operations = (Self::ITERATIONS << self.keys) as f64;
        Ok(Outcome { iterations: Self::ITERATIONS, time, operations, checks })
    }
}
