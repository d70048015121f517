//! How many instructions the engine's shortest paths take, counted under valgrind: the same on a
//! busy machine and on an idle one, so that a slow-down shows. `.ci/instructions` runs it, and
//! fails where a path takes more than its limit in `instructions.limits`.
//!
//! What several processes do to each other's cache lines on these paths no count of instructions
//! tells: for that there is `cargo bench --bench peers`.

#![allow(missing_docs, reason = "the macros of gungraun make items without")]

use gristmill::counting::{Kind, Words};
use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};

/// A line per path: its name, and the most instructions that it may take.
const LIMITS: &str = include_str!("instructions.limits");

/// Fails where the path takes more than its limit.
fn limited(path: &str) -> LibraryBenchmarkConfig {
    let lines = LIMITS.lines().filter_map(|line| line.split_once(char::is_whitespace));
    let limit = lines.into_iter().find(|(name, _)| *name == path).map(|(_, limit)| limit.trim());
    let limit: Option<u64> = limit.and_then(|limit| limit.parse().ok());
    let limit = limit.unwrap_or_else(|| panic!("{path} has no limit in instructions.limits"));
    let mut callgrind = Callgrind::with_args(["--cache-sim=no"]);
    callgrind.hard_limits([(EventKind::Ir, limit)]);
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(callgrind);
    config
}

// Claims of a worker's own chunks, each settled and marked, and all of them counted.
#[library_benchmark(config = limited("settle"))]
#[bench::of_4096(Words::new(1))]
fn settle(words: Words) -> (usize, Words) {
    (words.step(Kind::Map, 4096), words)
}

// The same with the words that guard an update in place.
#[library_benchmark(config = limited("settle_in_place"))]
#[bench::of_4096(Words::new(1))]
fn settle_in_place(words: Words) -> (usize, Words) {
    (words.step(Kind::InPlace, 4096), words)
}

// 64 chunks of 64 workers, of which one steals all but its own.
#[library_benchmark(config = limited("steal"))]
#[bench::of_64(Words::new(64))]
fn steal(words: Words) -> (usize, Words) {
    (words.step(Kind::Map, 64), words)
}

// Steps of one chunk: issued, led, and a rest published, by two workers' words.
#[library_benchmark(config = limited("lead"))]
#[bench::of_1(Words::new(2))]
fn lead(words: Words) -> (usize, Words) {
    (words.step(Kind::Map, 1), words)
}

// Chunks that are merged into the reduction cell, 256 a commit.
#[library_benchmark(config = limited("commit"))]
#[bench::of_4096(Words::new(1))]
fn commit(words: Words) -> (usize, Words) {
    (words.step(Kind::Cell, 4096), words)
}

// The robust lock, taken and released when nobody else wants it.
#[library_benchmark(config = limited("lock"))]
#[bench::times_1000(Words::new(1))]
fn lock(words: Words) -> Words {
    words.locks(1000);
    words
}

// Tasks put, leased, settled and taken.
#[library_benchmark(config = limited("queue"))]
#[bench::of_1000(Words::new(1))]
fn queue(words: Words) -> (usize, Words) {
    (words.tasks(1000), words)
}

library_benchmark_group!(
    name = paths,
    benchmarks = [settle, settle_in_place, steal, lead, commit, lock, queue]
);

main!(library_benchmark_groups = paths);
