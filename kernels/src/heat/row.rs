//! Cells of one row, advanced by one step: compiled for wider vectors too, and chosen at run time;
//! the bits are the same.

use gristmill::greater;
use multiversion::multiversion;
use std::ops::Range;

/// The cells `columns` of a row, one step later: inner ones gain `rate` times the differences from
/// their neighbours, the row's first and last keep their values.
pub(super) fn advance(
    rate: f64,
    [north, here, south]: [&[f64]; 3],
    columns: Range<usize>,
    new: &mut [f64],
) {
    let Some(last) = here.len().checked_sub(1) else { return };
    let inner = columns.start.max(1)..columns.end.min(last);
    if columns.start == 0 {
        new[0] = here[0];
    }
    if columns.end > last {
        new[last - columns.start] = here[last];
    }
    if inner.is_empty() {
        return;
    }
    let beside = &here[inner.start - 1..inner.end + 1];
    let new = &mut new[inner.start - columns.start..inner.end - columns.start];
    advance_inner(rate, &north[inner.clone()], beside, &south[inner], new);
}

/// Floating-point operations of an inner cell in a step.
pub(crate) const FLOPS_PER_CELL: usize = 7;

/// `beside` has one cell more at either end.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn advance_inner(rate: f64, north: &[f64], beside: &[f64], south: &[f64], new: &mut [f64]) {
    let cells = new.len();
    let (west, here, east) = (&beside[..cells], &beside[1..=cells], &beside[2..2 + cells]);
    let (north, south) = (&north[..cells], &south[..cells]);
    for i in 0..cells {
        let around = (north[i] + south[i]) + (west[i] + east[i]);
        new[i] = here[i] + rate * (around - 4.0 * here[i]);
    }
}

/// Independent greatest changes. They are the same in any order, so no bits depend on it.
const WIDTH: usize = 16;

/// The greatest absolute change of a cell, NaN if there is any.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(super) fn greatest_change(old: &[f64], new: &[f64]) -> f64 {
    let mut greatest = [0.0; WIDTH];
    // 0 as long as all changes are finite, else NaN: NaN is lost in the comparisons.
    let mut trouble = [0.0; WIDTH];
    for (new, old) in new.chunks(WIDTH).zip(old.chunks(WIDTH)) {
        for (lane, (new, old)) in new.iter().zip(old).enumerate() {
            let change = (new - old).abs();
            greatest[lane] = if change > greatest[lane] { change } else { greatest[lane] };
            trouble[lane] += change * 0.0;
        }
    }
    if trouble != [0.0; WIDTH] {
        return new.iter().zip(old).map(|(n, o)| (n - o).abs()).fold(0.0, greater);
    }
    greatest.into_iter().fold(0.0, f64::max)
}
