//! The steps along an azimuth, and the horizon that is seen from the cells of one row.

use multiversion::multiversion;

/// One step along an azimuth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    /// Rows and columns from the cell where one stands.
    pub(super) rows: isize,
    pub(super) columns: isize,
    /// One by the distance to that cell's centre, in 1/m.
    pub(super) per_metre: f64,
}

/// The steps 1 to `radius` along azimuth `number` of `azimuths`, clockwise from north.
pub(super) fn steps(number: u32, azimuths: u32, radius: u32, cell: [f64; 2]) -> Vec<Step> {
    let (sin, cos) = sin_cos_of_turn(number, azimuths);
    let step = |k: u32| {
        // `round` rounds halves away from zero.
        let (north, east) = ((f64::from(k) * cos).round(), (f64::from(k) * sin).round());
        let (metres_north, metres_east) = (north * cell[0], east * cell[1]);
        let distance = (metres_north * metres_north + metres_east * metres_east).sqrt();
        Step { rows: -north as isize, columns: east as isize, per_metre: 1.0 / distance }
    };
    (1..=radius).map(step).collect()
}

/// Sine and cosine of `number / azimuths` of a turn. Exact where they are rational (0, 1/2, 1),
/// as only there can a step end exactly between two cells; and as symmetric as the circle is.
fn sin_cos_of_turn(number: u32, azimuths: u32) -> (f64, f64) {
    let (quarters, all) = (4 * u64::from(number), u64::from(azimuths));
    let (quadrant, part) = (quarters / all % 4, quarters % all);
    // Sine of part/all of a right angle, taken from its nearer side.
    let sin = |part: u64| {
        let angle = |part: u64| part as f64 / all as f64 * std::f64::consts::FRAC_PI_2;
        match part {
            _ if 3 * part == all => 0.5,
            _ if 2 * part <= all => angle(part).sin(),
            _ => angle(all - part).cos(),
        }
    };
    let (sin, cos) = (sin(part), sin(all - part));
    match quadrant {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// A grid of elevations in C order.
#[derive(Clone, Copy)]
pub(super) struct Grid<'a> {
    pub(super) elevation: &'a [f64],
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// Cells of a row that look at the horizon together: a few vector registers.
const WIDTH: usize = 16;

/// Adds to each element of `sums` the sine of the horizon's angle at that cell of `row`.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
pub(super) fn add_sines(grid: Grid<'_>, row: usize, steps: &[Step], sums: &mut [f64]) {
    let inside = steps.partition_point(|step| {
        row.checked_add_signed(step.rows).is_some_and(|row| row < grid.rows)
    });
    let steps = &steps[..inside];
    if grid.columns < WIDTH {
        for (column, sum) in sums.iter_mut().enumerate() {
            *sum += sines::<1>(grid, row, column, steps)[0];
        }
        return;
    }
    for column in (0..grid.columns).step_by(WIDTH) {
        // The last group reaches back into the one before it, whose sums are complete.
        let start = column.min(grid.columns - WIDTH);
        let sines = sines::<WIDTH>(grid, row, start, steps);
        for (sum, sine) in sums[column..].iter_mut().zip(&sines[column - start..]) {
            *sum += sine;
        }
    }
}

/// The sines of the horizon's angles seen from `W` neighbouring cells, the first in `column`.
/// All steps lie inside the grid's rows.
#[inline(always)]
fn sines<const W: usize>(grid: Grid<'_>, row: usize, column: usize, steps: &[Step]) -> [f64; W] {
    let Grid { elevation, columns, .. } = grid;
    let from = row * columns + column;
    let eye = *elevation[from..].first_chunk::<W>().expect("the group lies in its row");
    let mut steepest = [0.0; W];
    // Steps only move away, so those that keep the whole group inside come first.
    let whole = steps.partition_point(|step| {
        let first = column.checked_add_signed(step.columns);
        first.is_some_and(|first| first + W <= columns)
    });
    for step in &steps[..whole] {
        let to = from.wrapping_add_signed(step.rows * columns as isize + step.columns);
        let seen = elevation[to..].first_chunk::<W>().expect("the step stays inside");
        for lane in 0..W {
            let slope = (seen[lane] - eye[lane]) * step.per_metre;
            // NaN is never greater, so such cells hide nothing.
            steepest[lane] = if slope > steepest[lane] { slope } else { steepest[lane] };
        }
    }
    for step in &steps[whole..] {
        let first = column as isize + step.columns;
        let lanes = (-first).max(0)..(columns as isize - first).min(W as isize);
        if lanes.is_empty() {
            break;
        }
        for lane in lanes {
            let to = (row as isize + step.rows) * columns as isize + first + lane;
            let slope = (elevation[to as usize] - eye[lane as usize]) * step.per_metre;
            let steepest = &mut steepest[lane as usize];
            *steepest = if slope > *steepest { slope } else { *steepest };
        }
    }
    steepest.map(sine_of_slope)
}

/// The sine of the angle whose tangent is `slope`, which is not negative.
#[inline(always)]
fn sine_of_slope(slope: f64) -> f64 {
    /// From here on the sine rounds to 1; the square of greater ones might overflow.
    const STEEP: f64 = 1e9;
    if slope > STEEP { 1.0 } else { slope / (1.0 + slope * slope).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offsets(number: u32, azimuths: u32, radius: u32) -> Vec<(isize, isize)> {
        let steps = steps(number, azimuths, radius, [1.0, 1.0]);
        steps.iter().map(|step| (step.rows, step.columns)).collect()
    }

    #[test]
    fn azimuths_turn_clockwise_from_north() {
        assert_eq!(offsets(0, 4, 2), [(-1, 0), (-2, 0)]);
        assert_eq!(offsets(1, 4, 2), [(0, 1), (0, 2)]);
        assert_eq!(offsets(2, 4, 2), [(1, 0), (2, 0)]);
        assert_eq!(offsets(3, 4, 2), [(0, -1), (0, -2)]);
        assert_eq!(offsets(1, 8, 2), [(-1, 1), (-1, 1)]);
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        // Of 30 degrees the sine is exactly 1/2.
        assert_eq!(offsets(1, 12, 3), [(-1, 1), (-2, 1), (-3, 2)]);
        assert_eq!(offsets(7, 12, 3), [(1, -1), (2, -1), (3, -2)]);
        assert_eq!(offsets(4, 12, 1), [(1, 1)]);
    }

    #[test]
    fn distances_are_metres_between_centres() {
        let step = steps(1, 8, 1, [3.0, 4.0])[0];
        assert_eq!(1.0 / step.per_metre, 5.0);
    }
}
