//! How floating-point operations are counted, for scaling studies: `+ - * /` and roots as one each,
//! a fused multiply-add as two, comparisons and changes of sign not at all. What is done once for a
//! chunk is left out.

/// So many for each element of the first input; none are nothing to tell.
pub(crate) fn for_each(inputs: &[&[usize]], flops: usize) -> Option<f64> {
    let elements: usize = inputs.first()?.iter().product();
    (flops > 0).then_some((flops * elements) as f64)
}

/// Those of a polynomial of so many coefficients.
pub(crate) const fn of_polynomial(coefficients: usize) -> usize {
    2 * (coefficients - 1)
}
