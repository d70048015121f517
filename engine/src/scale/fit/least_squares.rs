//! Least squares with coefficients that are not negative.

use nalgebra::{DMatrix, DVector};

/// A column that is longer than this times what of it is independent of those before it is taken to
/// depend on them.
const CONDITION_MAX: f64 = 1e10;

/// What fits best.
#[derive(Debug)]
pub(super) struct Solution {
    /// The coefficients, none below 0.
    pub(super) coefficients: DVector<f64>,
    /// The sum of the squares of what is left.
    pub(super) squares: f64,
}

/// Coefficients without bounds, and their covariance if the values have a standard deviation of 1;
/// None if the points do not tell some of them apart.
pub(super) fn unbounded(
    terms: &DMatrix<f64>,
    values: &DVector<f64>,
) -> Option<(DVector<f64>, DMatrix<f64>)> {
    let factors = terms.clone().qr();
    let triangle = factors.r();
    let depends = |column: usize| {
        terms.column(column).norm() >= triangle[(column, column)].abs() * CONDITION_MAX
    };
    if (0..terms.ncols()).any(depends) {
        return None;
    }
    let inverse =
        triangle.solve_upper_triangular(&DMatrix::identity(terms.ncols(), terms.ncols()))?;
    let coefficients = &inverse * factors.q().tr_mul(values);
    Some((coefficients, &inverse * inverse.transpose()))
}

/// The coefficients, none below 0, for which terms times coefficients are nearest to the values.
///
/// At the optimum some of them are 0 and the others are as if these were not there; with 3
/// coefficients it is sooner found by trying all 7 choices than by an active set that grows and
/// shrinks (C. L. Lawson and R. J. Hanson, "Solving Least Squares Problems", 1974, chapter 23).
pub(super) fn nonnegative(terms: &DMatrix<f64>, values: &DVector<f64>) -> Option<Solution> {
    let count = terms.ncols();
    let choices = 1_u32..1 << count;
    let solutions = choices.filter_map(|choice| {
        let free: Vec<usize> = (0..count).filter(|column| choice >> column & 1 == 1).collect();
        let (fitted, _) = unbounded(&terms.select_columns(&free), values)?;
        let mut coefficients = DVector::zeros(count);
        free.iter().zip(fitted.iter()).for_each(|(column, fitted)| coefficients[*column] = *fitted);
        let squares = (values - terms * &coefficients).norm_squared();
        fitted.iter().all(|fitted| *fitted >= 0.0).then_some(Solution { coefficients, squares })
    });
    solutions.min_by(|one, other| one.squares.total_cmp(&other.squares))
}
