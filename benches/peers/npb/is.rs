//! IS with rayon, as the reference does it: the keys are brought into buckets, whose keys are then
//! counted; and its other variant, in which each thread counts its keys for itself.

use super::rows;
use crate::measure::{Bench, Row, times};
use crate::openmp::{self, Wait};
use crate::pool;
use gristmill_kernels::npb::{Is, keys, out_of_order};
use rayon::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Keys, and what ranking them needs.
struct Sort {
    keys: Vec<u32>,
    moved: Vec<AtomicU32>,
    ranks: Vec<u32>,
    /// A table per thread.
    tables: Vec<Vec<u32>>,
}

impl Sort {
    fn new(problem: &Is, threads: usize) -> Sort {
        let (count, values) = (1 << problem.keys, 1 << problem.values);
        Sort {
            keys: keys(count, values as u32),
            moved: (0..count).map(|_| AtomicU32::new(0)).collect(),
            ranks: vec![0; values],
            tables: vec![vec![0; values]; threads],
        }
    }

    /// A block of keys per thread is counted by bucket, then moved to where its part of each
    /// bucket begins; then each bucket has its own keys counted.
    fn by_buckets(&mut self) {
        let Sort { keys, moved, ranks, tables } = self;
        // The reference has 2^10 buckets, and 2^9 in class S.
        let buckets: usize = if keys.len() > 1 << 16 { 1 << 10 } else { 1 << 9 };
        let values = ranks.len() / buckets;
        let shift = values.trailing_zeros();
        let block = keys.len().div_ceil(tables.len());
        let sizes = keys.par_chunks(block).map(|keys| {
            let mut sizes = vec![0u32; buckets];
            keys.iter().for_each(|key| sizes[(key >> shift) as usize] += 1);
            sizes
        });
        let mut places: Vec<Vec<u32>> = sizes.collect();
        let mut ends = vec![0; buckets];
        let mut place = 0;
        for bucket in 0..buckets {
            for places in &mut places {
                let size = std::mem::replace(&mut places[bucket], place);
                place += size;
            }
            ends[bucket] = place;
        }
        keys.par_chunks(block).zip(places).for_each(|(keys, mut places)| {
            for key in keys {
                let place = &mut places[(key >> shift) as usize];
                moved[*place as usize].store(*key, Ordering::Relaxed);
                *place += 1;
            }
        });
        ranks.par_chunks_mut(values).enumerate().for_each(|(bucket, ranks)| {
            ranks.fill(0);
            let mut rank = if bucket > 0 { ends[bucket - 1] } else { 0 };
            for key in &moved[rank as usize..ends[bucket] as usize] {
                ranks[key.load(Ordering::Relaxed) as usize & (values - 1)] += 1;
            }
            for value in ranks {
                rank += *value;
                *value = rank;
            }
        });
    }

    fn by_tables(&mut self) {
        let Sort { keys, ranks, tables, .. } = self;
        let block = keys.len().div_ceil(tables.len());
        keys.par_chunks(block).zip(tables.par_iter_mut()).for_each(|(keys, table)| {
            table.fill(0);
            keys.iter().for_each(|key| table[*key as usize] += 1);
        });
        let (tables, piece) = (&*tables, ranks.len().div_ceil(tables.len()));
        ranks.par_chunks_mut(piece).enumerate().for_each(|(number, ranks)| {
            ranks.fill(0);
            for table in tables {
                let table = &table[number * piece..][..ranks.len()];
                ranks.iter_mut().zip(table).for_each(|(rank, count)| *rank += count);
            }
        });
        let mut rank = 0;
        for value in ranks {
            rank += *value;
            *value = rank;
        }
    }
}

/// All iterations of the benchmark, verified.
fn iterate(problem: &Is, sort: &mut Sort, start: &[u32], rank: fn(&mut Sort)) -> Duration {
    sort.keys.copy_from_slice(start);
    let mut passed = 0;
    let begin = Instant::now();
    for iteration in 1..=Is::ITERATIONS {
        problem.change(&mut sort.keys, iteration);
        rank(sort);
        passed += problem.passed(iteration, &sort.keys, &sort.ranks);
    }
    let took = begin.elapsed();
    assert_eq!(passed as u64, Is::TESTS);
    assert_eq!(out_of_order(&sort.keys, &sort.ranks), 0);
    took
}

pub(crate) fn is(bench: &Bench) -> Vec<Row> {
    rows(bench, "npb_is", 1.3, |problem: &Is, workers| {
        let problem = *problem;
        let rayon = |name, rank: fn(&mut Sort)| {
            let (pool, mut sort) = (pool(workers), Sort::new(&problem, workers));
            let start = sort.keys.clone();
            times(name, move || pool.install(|| iterate(&problem, &mut sort, &start, rank)))
        };
        let openmp = |name, row| {
            let sizes = [problem.keys, problem.values].map(|log| log as usize);
            let peer = openmp::side(name, Wait::Active, workers, row, &sizes);
            peer.map(|peer| peer.checked(Some(Is::TESTS as f64 + 1.0)))
        };
        let mut sides = vec![
            rayon("rayon, buckets", Sort::by_buckets),
            rayon("rayon, tables", Sort::by_tables),
        ];
        sides.extend(openmp("OpenMP, buckets", "npb_is"));
        sides.extend(openmp("OpenMP, tables", "npb_is_tables"));
        sides
    })
}
