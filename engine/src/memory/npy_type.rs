//! What a `.npy` header says of the elements: numpy's type strings and names, and what is refused.
//!
//! Strings and names are those that `numpy.dtype` takes on Linux with 64 bits, where `long` has as
//! many.

use super::element_type::ElementType;
use super::npy_encoding::Encoding;
use super::npy_literal::Literal;

/// What to do with a damaged file.
pub(super) const SAVE_AGAIN: &str = "write it again with numpy.save(\"NAME.npy\", array)";

/// What `numpy.dtype` takes for a type beside its code, which is a kind and a number of bytes:
/// letters, before which a byte order may stand, and names, before which none may.
const ALIASES: [(&str, &[char], &[&str]); 20] = [
    ("b1", &['?'], &["bool", "bool_"]),
    ("i1", &['b'], &["int8", "byte"]),
    ("i2", &['h'], &["int16", "short"]),
    ("i4", &['i'], &["int32", "intc"]),
    ("i8", &['l', 'q', 'p', 'n'], &["int64", "int", "int_", "intp", "long", "longlong"]),
    ("u1", &['B'], &["uint8", "ubyte"]),
    ("u2", &['H'], &["uint16", "ushort"]),
    ("u4", &['I'], &["uint32", "uintc"]),
    ("u8", &['L', 'Q', 'P', 'N'], &["uint64", "uint", "uintp", "ulong", "ulonglong"]),
    ("f2", &['e'], &["float16", "half"]),
    ("f4", &['f'], &["float32", "single"]),
    ("f8", &['d'], &["float64", "float", "double"]),
    ("c8", &['F'], &["complex64", "csingle"]),
    ("c16", &['D'], &["complex128", "complex", "cdouble"]),
    // These are refused, each with its remedy.
    ("f16", &['g'], &["float128", "longdouble"]),
    ("c32", &['G'], &["complex256", "clongdouble"]),
    ("O", &[], &["object", "object_"]),
    ("U", &[], &["str", "str_", "unicode", "bytes", "bytes_"]),
    ("M8", &[], &["datetime64", "timedelta64"]),
    ("V", &[], &["void"]),
];

/// The code of a type, of which this is the code already, or an alias.
fn code(descr: &str) -> &str {
    let kind = descr.strip_prefix(['<', '>', '|', '=']).unwrap_or(descr);
    let mut letters = kind.chars();
    let letter = letters.next().filter(|_| letters.next().is_none());
    let is_alias = |(_, letters, names): &&(&str, &[char], &[&str])| {
        letter.is_some_and(|letter| letters.contains(&letter)) || names.contains(&descr)
    };
    ALIASES.iter().find(is_alias).map_or(kind, |(code, _, _)| code)
}

/// The type of the elements and their encoding, or why they are not read and what to do.
pub(super) fn element_type(descr: &Literal) -> Result<(ElementType, Encoding), (String, String)> {
    let descr = match descr {
        Literal::Text(descr) => descr,
        Literal::List => {
            return Err((
                "the array is structured (several fields per element); plain numbers are read"
                    .into(),
                "in Python, save one field: numpy.save(\"NAME.npy\", array[\"FIELD\"])".into(),
            ));
        }
        Literal::Tuple => {
            return Err((
                "the elements are arrays themselves (a sub-array type); plain numbers are read"
                    .into(),
                format!("{SAVE_AGAIN}, which makes their axes the array's last ones"),
            ));
        }
        other => {
            return Err((
                format!("the header's `descr` is {}", other.describe()),
                SAVE_AGAIN.into(),
            ));
        }
    };
    let foreign = if cfg!(target_endian = "little") { '>' } else { '<' };
    let swapped = descr.starts_with(foreign);
    let code = code(descr);
    let element = match code {
        "b1" => return Ok((ElementType::U8, Encoding::Bool)),
        "f2" => return Ok((ElementType::F32, Encoding::Half { swapped })),
        "f4" => ElementType::F32,
        "f8" => ElementType::F64,
        "i1" => ElementType::I8,
        "i2" => ElementType::I16,
        "i4" => ElementType::I32,
        "i8" => ElementType::I64,
        "u1" => ElementType::U8,
        "u2" => ElementType::U16,
        "u4" => ElementType::U32,
        "u8" => ElementType::U64,
        "c8" => ElementType::C32,
        "c16" => ElementType::C64,
        _ => return Err(refusal(descr, code)),
    };
    let numbers = if element.is_complex() { 2 } else { 1 };
    let width = element.size_bytes() / numbers;
    let encoding = match swapped && width > 1 {
        true => Encoding::Swapped(width as u8),
        false => Encoding::Native,
    };
    Ok((element, encoding))
}

/// What elements of this code are, and what to do.
fn refusal(descr: &str, code: &str) -> (String, String) {
    let convert = |to| format!("in Python: numpy.save(\"NAME.npy\", array.astype(\"{to}\"))");
    let (what, help) = match code {
        "f16" | "f12" => ("are long doubles, which are not read", convert("float64")),
        "c32" | "c24" => ("are long complex numbers, which are not read", convert("complex128")),
        _ => match code.chars().next() {
            Some('O') => {
                let what = "are Python objects, stored as a pickle, and pickles are not executed";
                (what, convert("float64"))
            }
            Some('S' | 'U' | 'a') => ("are texts, which are not read", convert("float64")),
            Some('M' | 'm') => ("are dates or durations, which are not read", convert("int64")),
            Some('V') => {
                let help = "in Python: numpy.save(\"NAME.npy\", array.view(\"uint8\"))".into();
                ("are raw bytes, which are not read", help)
            }
            _ => ("are of an unknown type", convert("float64")),
        },
    };
    (format!("the elements {what} ('{descr}')"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(descr: &str) -> Option<(ElementType, Encoding)> {
        element_type(&Literal::Text(descr.into())).ok()
    }

    #[test]
    fn aliases_are_what_numpy_takes_them_for() {
        use ElementType::{C64, F32, F64, I8, I64, U8};
        let swapped = cfg!(target_endian = "little");
        let big = |width| if swapped { Encoding::Swapped(width) } else { Encoding::Native };
        for (descr, element, encoding) in [
            ("?", U8, Encoding::Bool),
            (">?", U8, Encoding::Bool),
            ("bool_", U8, Encoding::Bool),
            ("d", F64, Encoding::Native),
            ("=d", F64, Encoding::Native),
            (">d", F64, big(8)),
            ("float64", F64, Encoding::Native),
            (">q", I64, big(8)),
            (">b", I8, Encoding::Native),
            ("int", I64, Encoding::Native),
            (">D", C64, big(8)),
            (">e", F32, Encoding::Half { swapped }),
            ("half", F32, Encoding::Half { swapped: false }),
        ] {
            assert_eq!(read(descr), Some((element, encoding)), "{descr}");
        }
        for descr in [">float64", ">bool", "f8 ", " f8", "Float64", "dd", "", "<", "float128"] {
            assert_eq!(read(descr), None, "{descr}");
        }
        for (code, letters, names) in &ALIASES[..14] {
            let (letters, names) = (letters.iter().map(char::to_string), names.iter().copied());
            for alias in letters.chain(names.map(String::from)) {
                assert_eq!(read(&alias), read(code), "{alias}");
            }
        }
    }
}
