//! Headers of .npy files: what is read, and how the rest is refused.

use super::fixture::{npy, npy_of};
use crate::memory::{ElementType, Encoding, NpyError, NpyHeader, Order};

fn read(bytes: &[u8]) -> Result<NpyHeader, NpyError> {
    NpyHeader::read(&mut &bytes[..], bytes.len() as u64)
}

#[track_caller]
fn refused(bytes: &[u8], message: &str, help: &str) {
    let error = read(bytes).unwrap_err();
    assert!(error.message.contains(message), "{error:?}");
    assert!(error.help.contains(help), "{error:?}");
    let offset = error.offset.unwrap_or_else(|| panic!("no byte is named in {error:?}"));
    assert!(error.message.ends_with(&format!("(at byte {offset})")), "{error:?}");
    assert!(offset <= bytes.len() as u64, "{error:?}");
}

/// The byte that a refusal names.
#[track_caller]
fn refused_at(bytes: &[u8]) -> u64 {
    read(bytes).unwrap_err().offset.unwrap()
}

#[test]
fn every_element_type_is_read() {
    for (descr, element) in [
        ("<f4", ElementType::F32),
        ("<f8", ElementType::F64),
        ("|i1", ElementType::I8),
        ("<i2", ElementType::I16),
        ("<i4", ElementType::I32),
        ("<i8", ElementType::I64),
        ("|u1", ElementType::U8),
        ("<u2", ElementType::U16),
        ("<u4", ElementType::U32),
        ("<u8", ElementType::U64),
        ("<c8", ElementType::C32),
        ("<c16", ElementType::C64),
    ] {
        let header = read(&npy(descr, "(2, 3)", 6 * element.size_bytes())).unwrap();
        assert_eq!((header.element, header.shape.as_slice()), (element, &[2, 3][..]));
        assert_eq!(
            (header.data_offset_bytes, header.data_bytes),
            (128, 6 * element.size_bytes() as u64)
        );
    }
}

#[test]
fn versions_2_and_3_and_old_spellings_are_read() {
    let header = b"{\"shape\": (3L, 7L), 'fortran_order': True , 'descr': '<f8'}\n";
    for version in [2, 3] {
        let mut file = vec![0x93, b'N', b'U', b'M', b'P', b'Y', version, 0];
        file.extend((header.len() as u32).to_le_bytes());
        file.extend(header);
        file.extend([0; 168]);
        let header = read(&file).unwrap();
        assert_eq!((header.shape.as_slice(), header.order), (&[3, 7][..], Order::Fortran));
    }
}

#[test]
fn a_header_without_a_newline_is_read_if_the_data_end_with_the_file() {
    let header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }";
    for blanks in [0, 3] {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16 + blanks).to_le_bytes());
        file.extend(header);
        file.extend(vec![b' '; blanks.into()]);
        let data_offset = file.len() as u64;
        file.extend([0; 16]);
        let header = read(&file).unwrap();
        assert_eq!((header.shape.as_slice(), header.data_offset_bytes), (&[2][..], data_offset));
        file.push(0);
        refused(&file, "17 bytes follow it in place of 16", "numpy.save");
    }
}

#[test]
fn one_long_axis_has_no_order() {
    for (shape, order) in [
        ("()", Order::C),
        ("(8,)", Order::C),
        ("(1, 8, 1)", Order::C),
        ("(8, 1)", Order::C),
        ("(2, 4)", Order::Fortran),
        ("(0, 4)", Order::Fortran),
    ] {
        let header = format!("{{'descr': '<f8', 'fortran_order': True, 'shape': {shape}}}");
        assert_eq!(read(&npy_of(&header, 64)).unwrap().order, order, "{shape}");
    }
}

#[test]
fn foreign_encodings_are_told_apart() {
    for (descr, element, encoding, bytes) in [
        (">f4", ElementType::F32, Encoding::Swapped(4), 24),
        (">f8", ElementType::F64, Encoding::Swapped(8), 48),
        (">i2", ElementType::I16, Encoding::Swapped(2), 12),
        (">c8", ElementType::C32, Encoding::Swapped(4), 48),
        (">c16", ElementType::C64, Encoding::Swapped(8), 96),
        (">u1", ElementType::U8, Encoding::Native, 6),
        ("=i8", ElementType::I64, Encoding::Native, 48),
        ("f8", ElementType::F64, Encoding::Native, 48),
        ("|b1", ElementType::U8, Encoding::Bool, 6),
        ("<f2", ElementType::F32, Encoding::Half { swapped: false }, 12),
        (">f2", ElementType::F32, Encoding::Half { swapped: true }, 12),
    ] {
        let header = read(&npy(descr, "(2, 3)", bytes)).unwrap();
        assert_eq!((header.element, header.encoding), (element, encoding), "{descr}");
        assert_eq!(header.data_bytes, bytes as u64, "{descr}");
        refused(&npy(descr, "(2, 3)", bytes - 1), "cut short", "copy or write it again");
    }
}

#[test]
fn the_terrain_is_read() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/terrain.npy");
    let (_, header) = NpyHeader::open(&path).unwrap();
    assert_eq!((header.element, header.shape.as_slice()), (ElementType::I16, &[344, 403][..]));
    assert_eq!((header.data_offset_bytes, header.data_bytes), (128, 2 * 344 * 403));
}

#[test]
fn what_no_array_can_hold_is_refused_with_its_remedy() {
    let pickle = "stored as a pickle, and pickles are not executed ('|O')";
    refused(&npy("|O", "(2,)", 16), pickle, "astype(\"float64\")");
    refused(&npy("<U5", "(2,)", 40), "texts", "astype(\"float64\")");
    refused(&npy("<M8[ns]", "(2,)", 16), "dates", "int64");
    refused(&npy("|V8", "(2,)", 16), "raw bytes", "uint8");
    refused(&npy("<f16", "(2,)", 32), "long doubles", "float64");
    refused(&npy("<x9", "(2,)", 32), "unknown type", "astype(\"float64\")");
    refused(&npy("", "(2,)", 32), "unknown type", "astype(\"float64\")");
    refused(&npy("é", "(2,)", 32), "unknown type", "astype(\"float64\")");
    let structured =
        "{'descr': [('x', '<f8', (2, 2)), ('y]', '<i4')], 'fortran_order': False, 'shape': (2,), }";
    refused(&npy_of(structured, 24), "structured", "array[\"FIELD\"]");
    // As numpy writes fields called a"b'c, and \.
    let escaped =
        r#"{'descr': [('a"b\'c', '<f8'), ('\\', '<i4')], 'fortran_order': False, 'shape': (2,), }"#;
    refused(&npy_of(escaped, 24), "structured", "array[\"FIELD\"]");
    for sub_array in ["('<f8', (3,))", "('<f8', 3)", "(('<f8', 2), (3,))"] {
        let header = format!("{{'descr': {sub_array}, 'fortran_order': False, 'shape': (2,), }}");
        refused(&npy_of(&header, 48), "a sub-array type", "the array's last ones");
    }
    assert_eq!(refused_at(&npy("<U5", "(2,)", 40)), 20);
    refused(&npy("<f8", "(1,1,1,1,1,1,1)", 8), "7 dimensions", "reshape");
}

#[test]
fn lying_headers_are_refused_before_anything_is_allocated() {
    assert_eq!(refused_at(&npy("<f8", "(4,)", 31)), 159);
    refused(&npy("<f8", "(1099511627776,)", 0), "declares 8796093022208 bytes", "copy");
    refused(&npy("<f8", "(4,)", 31), "declares 32 bytes of data from byte 128 on, but only 31", "");
    refused(&npy("<f8", "(4611686018427387904, 8)", 0), "impossible size", "");
    refused(&npy("<f8", "(0, 4611686018427387904, 8)", 0), "impossible size", "");
    refused(&npy("<f8", "(1152921504606846976,)", 0), "impossible size", "");
    refused(&npy("<f8", "(99999999999999999999,)", 0), "fits into 64 bits", "");
    let mut long = b"\x93NUMPY\x02\x00".to_vec();
    long.extend(u32::MAX.to_le_bytes());
    refused(&long, "claims 4294967295 bytes", "numpy.save");
}

#[test]
fn damage_is_named_by_its_byte() {
    let file = npy("<f8", "(2,)", 16);
    for end in 0..128 {
        assert!(read(&file[..end]).is_err(), "{end}");
    }
    refused(b"", "the file is empty (at byte 0)", "numpy.save");
    refused(b"\x93NUMBER", "not a .npy file", "numpy.save");
    assert_eq!(refused_at(b"\x93NUMBER"), 4);
    refused(&file[..7], "ends inside the .npy header (at byte 7)", "copy");
    refused(&file[..100], "ends inside the .npy header (at byte 100)", "copy");
    let mut version = file.clone();
    version[6] = 9;
    refused(&version, "version 9.0 of the .npy format", "numpy.save");
    refused(&npy_of("{'descr' '<f8'}", 0), "damaged: expected ':' (at byte 19)", "");
    refused(&npy_of("{'descr': '<f8}", 0), "no closing quote", "");
    refused(&npy_of("{'descr': [[(", 0), "not closed", "");
    refused(&npy_of("{'descr': '<f8', 'fortran_order': 1}", 0), "(at byte 44)", "");
    refused(&npy_of("{'descr': '<f8'}", 0), "has no `fortran_order`", "");
    refused(&npy_of("{'descr': '<f8', 'descr': '<f8'}", 0), "`descr` twice", "");
    refused(&npy_of("{'colour': '<f8'}", 0), "unknown entry `colour`", "");
    refused(&npy_of("{'shape': 'x'}", 0), "`shape` is the text 'x'", "");
    refused(&npy_of("{} x", 0), "nothing but blanks", "");
    let tuple = format!("({})", "1,".repeat(65));
    refused(&npy("<f8", &tuple, 0), "a tuple of more than 64 numbers", "numpy.save");
    let entries = format!("{{{}}}", "'a': 1,".repeat(9).replace('1', "True"));
    refused(&npy_of(&entries, 0), "too many entries", "numpy.save");
    // A length that lies: the dictionary is cut, or data belong to it.
    for (length, message) in [(60u16, "newline"), (126, "nothing but blanks"), (50, "damaged")] {
        let mut lying = npy("<f8", "(2,)", 16);
        lying[8..10].copy_from_slice(&length.to_le_bytes());
        refused(&lying, message, "numpy.save");
    }
    refused(&npy("<f8", "(-2,)", 16), "whole number from 0 on", "");
}
