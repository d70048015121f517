//! Results of which some chunks were set aside.

use crate::compute::{AccessSpec, Kind};
use crate::error::Poisoned;
use crate::memory::{ElementType, RawArray};
use num_complex::{Complex32, Complex64};

/// The result without what belongs to the chunks that were set aside: NaN there, 0 where the elements
/// are whole numbers. None where a chunk is no range of the array, so that what is missing could not
/// be told from the rest: results that are merged, and tiles.
pub(super) fn partial(
    mut array: RawArray,
    spec: &AccessSpec,
    poisoned: &Poisoned,
) -> Option<RawArray> {
    if !matches!(spec.kind, Kind::Write | Kind::Update) {
        return None;
    }
    let element = ElementType::of_rust(array.element())?;
    let elements_per_index = match (spec.shaped, array.shape().first()) {
        (true, Some(&rows)) => array.len().checked_div(rows)?,
        _ => 1,
    };
    let blank = blank(element);
    for chunk in &poisoned.chunks {
        let at = |index: usize| index * elements_per_index * blank.len();
        let bytes = array.bytes_mut().get_mut(at(chunk.place.start)..at(chunk.place.end))?;
        bytes.chunks_exact_mut(blank.len()).for_each(|bytes| bytes.copy_from_slice(&blank));
    }
    Some(array)
}

/// An element that stands for none.
fn blank(element: ElementType) -> Vec<u8> {
    match element {
        ElementType::F32 => f32::NAN.to_ne_bytes().into(),
        ElementType::F64 => f64::NAN.to_ne_bytes().into(),
        ElementType::C32 => bytemuck::bytes_of(&Complex32::new(f32::NAN, f32::NAN)).into(),
        ElementType::C64 => bytemuck::bytes_of(&Complex64::new(f64::NAN, f64::NAN)).into(),
        whole => vec![0; whole.size_bytes()],
    }
}
