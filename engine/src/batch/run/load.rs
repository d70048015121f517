//! Loads an input file as the array that the steps see: cast, with missing values as NaN.

use crate::batch::check::input::CheckedInput;
use crate::error::{Error, Result};
use crate::memory::{ElementType, NpyHeader, RawArray, npy_file};
use crate::roles::Engine;
use num_complex::{Complex32, Complex64};
use std::os::unix::fs::FileExt;

/// An element on its way from one type to another; integers keep every digit.
#[derive(Debug, Clone, Copy)]
enum Value {
    Integer(i128),
    Real(f64),
    Complex(Complex64),
}

/// Loads an input. What takes a cast or a look at every value is done by the calling thread.
pub(crate) fn load(engine: &Engine, input: &CheckedInput) -> Result<RawArray> {
    let failed = |reason: String| Error::File { path: input.path.display().to_string(), reason };
    let (file, header) = NpyHeader::open(&input.path)
        .map_err(|error| failed(format!("{}; {}", error.message, error.help)))?;
    if header != input.header {
        return Err(failed("it has changed since the job was checked; run the job again".into()));
    }
    let (from, to, shape) = (header.element, input.meta.element, &input.meta.shape);
    if from == to && input.nodata.is_none() {
        let block = engine.read_npy(&input.path, &file, &header)?;
        return Ok(RawArray::new(block, to.rust_name(), to.size_bytes(), shape));
    }
    let mut array = engine.zeros_raw(to.rust_name(), to.size_bytes(), shape)?;
    let nodata = input.nodata.map(|nodata| in_type(from, nodata));
    let bytes = array.bytes_mut();
    let convert = |elements: &[u8], first: usize, stride: usize| {
        let places = (first..).step_by(stride);
        for (source, place) in elements.chunks(from.size_bytes()).zip(places) {
            let target = &mut bytes[place * to.size_bytes()..][..to.size_bytes()];
            let value = decode(from, source);
            if nodata.is_some_and(|nodata| is(value, nodata)) {
                encode(to, Value::Real(f64::NAN), target);
            } else if from == to {
                // Not by way of a value, which would quieten a signalling NaN.
                target.copy_from_slice(source);
            } else {
                encode(to, value, target);
            }
        }
    };
    header
        .read_runs(|bytes, at| file.read_exact_at(bytes, at), convert)
        .map_err(|error| npy_file::unread(&input.path, &file, &header, &error))?;
    Ok(array)
}

/// The value as elements of this type hold it: 0.1 in a file of f32 is the f32 nearest to it.
fn in_type(element: ElementType, nodata: f64) -> f64 {
    match element {
        ElementType::F32 | ElementType::C32 => f64::from(nodata as f32),
        _ => nodata,
    }
}

/// Whether an element is the missing value, which the check has found to be one of its type's.
fn is(value: Value, nodata: f64) -> bool {
    match value {
        // Not the other way round: large integers would be rounded to it.
        Value::Integer(value) => value == nodata as i128,
        Value::Real(value) => value == nodata,
        Value::Complex(value) => value == Complex64::new(nodata, 0.0),
    }
}

fn decode(element: ElementType, bytes: &[u8]) -> Value {
    use bytemuck::pod_read_unaligned as read;
    match element {
        ElementType::I8 => Value::Integer(read::<i8>(bytes).into()),
        ElementType::I16 => Value::Integer(read::<i16>(bytes).into()),
        ElementType::I32 => Value::Integer(read::<i32>(bytes).into()),
        ElementType::I64 => Value::Integer(read::<i64>(bytes).into()),
        ElementType::U8 => Value::Integer(read::<u8>(bytes).into()),
        ElementType::U16 => Value::Integer(read::<u16>(bytes).into()),
        ElementType::U32 => Value::Integer(read::<u32>(bytes).into()),
        ElementType::U64 => Value::Integer(read::<u64>(bytes).into()),
        ElementType::F32 => Value::Real(read::<f32>(bytes).into()),
        ElementType::F64 => Value::Real(read(bytes)),
        ElementType::C32 => {
            let value: Complex32 = read(bytes);
            Value::Complex(Complex64::new(value.re.into(), value.im.into()))
        }
        ElementType::C64 => Value::Complex(read(bytes)),
    }
}

/// An element as f64, its imaginary part left out.
pub(crate) fn real(element: ElementType, bytes: &[u8]) -> f64 {
    match decode(element, bytes) {
        Value::Integer(value) => value as f64,
        Value::Real(value) => value,
        Value::Complex(value) => value.re,
    }
}

/// Writes a value as an element. The check has refused casts that would lose more than digits.
fn encode(element: ElementType, value: Value, bytes: &mut [u8]) {
    let real = match value {
        Value::Integer(value) => value as f64,
        Value::Real(value) => value,
        Value::Complex(value) => value.re,
    };
    let imaginary = if let Value::Complex(value) = value { value.im } else { 0.0 };
    let integer = if let Value::Integer(value) = value { value } else { real as i128 };
    match element {
        ElementType::F32 => bytes.copy_from_slice(&(real as f32).to_ne_bytes()),
        ElementType::F64 => bytes.copy_from_slice(&real.to_ne_bytes()),
        ElementType::C32 => bytes
            .copy_from_slice(bytemuck::bytes_of(&Complex32::new(real as f32, imaginary as f32))),
        ElementType::C64 => {
            bytes.copy_from_slice(bytemuck::bytes_of(&Complex64::new(real, imaginary)));
        }
        // Two's complement: the low bytes are the value in any integer type that holds it.
        _ if cfg!(target_endian = "little") => {
            bytes.copy_from_slice(&integer.to_le_bytes()[..bytes.len()]);
        }
        _ => bytes.copy_from_slice(&integer.to_be_bytes()[16 - bytes.len()..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::fixture::Place;

    #[test]
    fn an_input_that_was_cut_since_it_was_checked_is_reported_with_both_lengths() {
        let engine = Engine::builder().workers(1).build().unwrap();
        // Read as it is, and converted.
        for (file, cast, declared) in [("map.npy", "", 96), ("small.npy", "cast = \"f64\"", 24)] {
            let place = Place::new();
            let input = format!("[inputs.x]\nfile = \"{file}\"\n{cast}\n");
            let steps = "[steps.summary]\nin = \"x\"\n";
            let job = place.check(&format!("format = 1\nname = \"t\"\n{input}{steps}")).unwrap();
            load(&engine, &job.inputs[0]).unwrap();
            let path = place.path().join(file);
            let offset = path.metadata().unwrap().len() - declared;
            std::fs::File::options().write(true).open(&path).unwrap().set_len(offset + 7).unwrap();
            let error = load(&engine, &job.inputs[0]).unwrap_err().to_string();
            let said = format!(
                "declares {declared} bytes of data from byte {offset} on, but only 7 follow"
            );
            assert!(error.contains(&said) && error.contains(file), "{error}");
        }
    }

    #[test]
    fn integers_keep_every_digit() {
        let value = u64::MAX - 1;
        let decoded = decode(ElementType::U64, &value.to_ne_bytes());
        let mut bytes = [0; 8];
        encode(ElementType::U64, decoded, &mut bytes);
        assert_eq!(u64::from_ne_bytes(bytes), value);
        let mut bytes = [0; 4];
        encode(ElementType::I32, decode(ElementType::I16, &(-7i16).to_ne_bytes()), &mut bytes);
        assert_eq!(i32::from_ne_bytes(bytes), -7);
    }

    #[test]
    fn missing_values_are_found_in_the_files_own_type() {
        assert!(is(decode(ElementType::I16, &(-32768i16).to_ne_bytes()), -32768.0));
        assert!(!is(decode(ElementType::F32, &f32::NAN.to_ne_bytes()), 0.0));
        let tenth = decode(ElementType::F32, &0.1f32.to_ne_bytes());
        assert!(is(tenth, in_type(ElementType::F32, 0.1)));
        assert!(!is(tenth, in_type(ElementType::F64, 0.1)));
        let exact = -(1i64 << 53);
        assert!(is(decode(ElementType::I64, &exact.to_ne_bytes()), exact as f64));
        assert!(!is(decode(ElementType::I64, &(exact - 1).to_ne_bytes()), exact as f64));
    }
}
