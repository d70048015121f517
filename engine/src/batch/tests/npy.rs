//! Headers of .npy files: what is read, and how the rest is refused.

use super::fixture::{npy, npy_of};
use crate::memory::{ElementType, NpyError, NpyHeader};

fn read(bytes: &[u8]) -> Result<NpyHeader, NpyError> {
    NpyHeader::read(&mut &bytes[..], bytes.len() as u64)
}

#[track_caller]
fn refused(bytes: &[u8], message: &str, help: &str) {
    let error = read(bytes).unwrap_err();
    assert!(error.message.contains(message), "{error:?}");
    assert!(error.help.contains(help), "{error:?}");
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
    let header = b"{\"shape\": (0L, 7L), 'fortran_order': True , 'descr': '<f8'}";
    for version in [2, 3] {
        let mut file = vec![0x93, b'N', b'U', b'M', b'P', b'Y', version, 0];
        file.extend((header.len() as u32).to_le_bytes());
        file.extend(header);
        refused(&file, "Fortran order", "ascontiguousarray");
        let text = String::from_utf8_lossy(header).replace("True", "False");
        let file = [&file[..8], &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
        assert_eq!(read(&file).unwrap().shape, [0, 7]);
    }
    let vector = "{'descr': '<f8', 'fortran_order': True, 'shape': (1,)}";
    assert!(read(&npy_of(vector, 8)).is_ok(), "one dimension has no order");
}

#[test]
fn the_terrain_is_read() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/terrain.npy");
    let header = NpyHeader::of_file(&path).unwrap();
    assert_eq!((header.element, header.shape.as_slice()), (ElementType::I16, &[344, 403][..]));
    assert_eq!((header.data_offset_bytes, header.data_bytes), (128, 2 * 344 * 403));
}

#[test]
fn what_cannot_be_mapped_is_refused_with_its_remedy() {
    refused(&npy(">f8", "(2,)", 16), "other byte order ('>f8')", "array.astype(\"<f8\")");
    refused(&npy("|b1", "(2,)", 2), "booleans", "astype(\"uint8\")");
    refused(&npy("|O", "(2,)", 16), "Python objects", "astype(\"float64\")");
    refused(&npy("<U5", "(2,)", 40), "texts", "astype(\"float64\")");
    refused(&npy("<M8[ns]", "(2,)", 16), "dates", "int64");
    refused(&npy("|V8", "(2,)", 16), "raw bytes", "uint8");
    refused(&npy("<f2", "(2,)", 4), "half floats", "float32");
    refused(&npy("<f16", "(2,)", 32), "long doubles", "float64");
    refused(&npy("<x9", "(2,)", 32), "unknown type", "numpy.save");
    refused(&npy("", "(2,)", 32), "unknown type", "numpy.save");
    refused(&npy("é", "(2,)", 32), "unknown type", "numpy.save");
    let structured =
        "{'descr': [('x', '<f8', (2, 2)), ('y]', '<i4')], 'fortran_order': False, 'shape': (2,), }";
    refused(&npy_of(structured, 24), "structured", "array[\"FIELD\"]");
    refused(&npy("<f8", "()", 8), "0 dimensions", "reshape");
    refused(&npy("<f8", "(1,1,1,1,1,1,1)", 8), "7 dimensions", "reshape");
}

#[test]
fn lying_headers_are_refused_before_anything_is_allocated() {
    refused(&npy("<f8", "(4,)", 31), "declares 32 bytes of data from byte 128 on, but only 31", "");
    refused(&npy("<f8", "(4611686018427387904, 8)", 0), "impossible size", "");
    refused(&npy("<f8", "(0, 4611686018427387904, 8)", 0), "impossible size", "");
    refused(&npy("<f8", "(1152921504606846976,)", 0), "impossible size", "");
    refused(&npy("<f8", "(99999999999999999999,)", 0), "fits into 64 bits", "");
    let mut long = b"\x93NUMPY\x02\x00".to_vec();
    long.extend(u32::MAX.to_le_bytes());
    refused(&long, "claims 4294967295 bytes (at byte 8)", "numpy.save");
}

#[test]
fn damage_is_named_by_its_byte() {
    let file = npy("<f8", "(2,)", 16);
    for end in 0..128 {
        assert!(read(&file[..end]).is_err(), "{end}");
    }
    refused(&file[..7], "not a .npy file", "numpy.save");
    refused(&file[..100], "ends inside the .npy header, at byte 100", "copy");
    let mut version = file.clone();
    version[6] = 9;
    refused(&version, "version 9.0 of the .npy format (bytes 6 and 7)", "numpy.save");
    refused(&npy_of("{'descr' '<f8'}", 0), "damaged at byte 19: expected ':'", "");
    refused(&npy_of("{'descr': '<f8}", 0), "no closing quote", "");
    refused(&npy_of("{'descr': [[(", 0), "not closed", "");
    refused(&npy_of("{'descr': '<f8', 'fortran_order': 1}", 0), "damaged at byte 44", "");
    refused(&npy_of("{'descr': '<f8'}", 0), "has no `fortran_order`", "");
    refused(&npy_of("{'descr': '<f8', 'descr': '<f8'}", 0), "`descr` twice", "");
    refused(&npy_of("{'colour': '<f8'}", 0), "unknown entry `colour`", "");
    refused(&npy_of("{'shape': 'x'}", 0), "`shape` is the text 'x'", "");
    refused(&npy_of("{} x", 0), "nothing but blanks", "");
    refused(&npy("<f8", "(-2,)", 16), "whole number from 0 on", "");
}
