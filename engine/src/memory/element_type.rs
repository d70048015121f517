//! The element types that arrays in a job may have, their names, and which casts keep the values.
//!
//! It knows nothing of files or of Rust types: `npy` maps file types to these, the engine maps
//! these to its own.

use std::fmt;

/// The type of an array's elements. `C32` is a pair of `f32` (numpy's complex64), `C64` a pair of
/// `f64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum ElementType {
    F32,
    F64,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    C32,
    C64,
}

use ElementType::{C32, C64, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};

#[cfg_attr(not(feature = "cli"), expect(dead_code, reason = "casts are a matter of job files"))]
impl ElementType {
    /// All of them, in the order in which messages list them.
    pub(crate) const ALL: [ElementType; 12] =
        [F32, F64, I8, I16, I32, I64, U8, U16, U32, U64, C32, C64];

    /// The name as a job file writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            F32 => "f32",
            F64 => "f64",
            I8 => "i8",
            I16 => "i16",
            I32 => "i32",
            I64 => "i64",
            U8 => "u8",
            U16 => "u16",
            U32 => "u32",
            U64 => "u64",
            C32 => "c32",
            C64 => "c64",
        }
    }

    /// The element type of that name.
    pub(crate) fn from_name(name: &str) -> Option<ElementType> {
        ElementType::ALL.into_iter().find(|element| element.name() == name)
    }

    /// The element type of a Rust type, by the name that `std::any::type_name` gives it.
    pub(crate) fn of_rust(name: &str) -> Option<ElementType> {
        ElementType::ALL.into_iter().find(|element| element.rust_name() == name)
    }

    /// The Rust type's name, as `std::any::type_name` gives it.
    pub(crate) fn rust_name(self) -> &'static str {
        match self {
            C32 => std::any::type_name::<num_complex::Complex32>(),
            C64 => std::any::type_name::<num_complex::Complex64>(),
            other => other.name(),
        }
    }

    /// Bytes of one element.
    pub(crate) fn size_bytes(self) -> usize {
        match self {
            I8 | U8 => 1,
            I16 | U16 => 2,
            F32 | I32 | U32 => 4,
            F64 | I64 | U64 | C32 => 8,
            C64 => 16,
        }
    }

    /// True for `f32` and `f64`: the types that have a NaN for missing values.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, F32 | F64)
    }

    /// True for `c32` and `c64`.
    pub(crate) fn is_complex(self) -> bool {
        matches!(self, C32 | C64)
    }

    /// The values that an integer type holds, `None` for the others.
    pub(crate) fn integer_range(self) -> Option<(i128, i128)> {
        let bits = 8 * self.size_bytes() as u32;
        match self {
            I8 | I16 | I32 | I64 => Some((-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)),
            U8 | U16 | U32 | U64 => Some((0, (1i128 << bits) - 1)),
            _ => None,
        }
    }

    /// Whether a cast is possible: into an integer type that holds every value, or into any float
    /// or complex type (which may round). Otherwise the reason why not.
    pub(crate) fn cast_refused(self, to: ElementType) -> Option<String> {
        if self == to {
            return None;
        }
        if self.is_complex() && !to.is_complex() {
            return Some(format!("{self} has an imaginary part, {to} has none"));
        }
        match (self.integer_range(), to.integer_range()) {
            (Some((low, high)), Some((low_to, high_to))) if low < low_to || high > high_to => {
                Some(format!("{self} goes from {low} to {high}, {to} from {low_to} to {high_to}"))
            }
            (None, Some(_)) => Some(format!("{self} has fractions and NaN, {to} has neither")),
            _ => None,
        }
    }
}

impl fmt::Display for ElementType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_there_and_back() {
        for element in ElementType::ALL {
            assert_eq!(ElementType::from_name(element.name()), Some(element));
        }
        assert_eq!(ElementType::from_name("float64"), None);
    }

    #[test]
    fn casts_that_would_lose_more_than_digits_are_refused() {
        for element in ElementType::ALL {
            assert_eq!(element.cast_refused(element), None);
            assert_eq!(element.cast_refused(C64), None);
            assert_eq!(element.cast_refused(F64).is_some(), element.is_complex());
        }
        assert!(I16.cast_refused(I8).unwrap().contains("-32768 to 32767"));
        assert!(I8.cast_refused(U64).is_some());
        assert!(U64.cast_refused(I64).is_some());
        assert!(F32.cast_refused(I64).unwrap().contains("fractions"));
        assert_eq!(U32.cast_refused(I64), None);
    }
}
