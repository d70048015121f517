//! What the machine can do at most, in the same run: without peers, for comparison with other rows.
//! Measured by the C program that is also the OpenMP peer.

use crate::alone_and_together;
use crate::measure::{Bench, Row, Unit};
use crate::openmp::{self, Wait::Active};

/// Elements of the 64 MiB arrays.
const N: usize = 8 << 20;

pub(crate) fn roof(bench: &Bench) -> Vec<Row> {
    const TURNS: usize = 5_000_000;
    const TRIPS: usize = 10_000;
    /// Operations of a turn and thread of `multiply_add`.
    const OPERATIONS: usize = 2 * 12 * 8;
    let row = |name: &str, threads: usize, peer: &str, size: usize, unit: Unit| {
        let side = openmp::side("roof", Active, threads, peer, &[size])?;
        Some(bench.compare(name, threads, unit, None, vec![side.into()]))
    };
    let of_machine = alone_and_together().into_iter().flat_map(|threads| {
        let bytes = |arrays: usize| Unit::GigabytesPerSecond((arrays * 8 * N) as f64);
        let operations = Unit::GigaflopsPerSecond((threads * OPERATIONS * TURNS) as f64);
        [
            row("roof, read", threads, "read", N, bytes(1)),
            row("roof, triad", threads, "stream_triad", N, bytes(3)),
            row("roof, FMA", threads, "multiply_add", TURNS, operations),
        ]
    });
    let trips = Unit::Microseconds(TRIPS as f64);
    let of_two = [
        row("roof, spin trip", 2, "spin_trips", TRIPS, trips),
        row("roof, futex trip", 2, "futex_trips", TRIPS, trips),
    ];
    of_machine.chain(of_two).flatten().collect()
}
