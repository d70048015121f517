//! A map as a PNG picture: one pixel per cell, rows downwards.
//!
//! | what | how |
//! |---|---|
//! | range | the 2nd to the 98th percentile of the finite values fill the colours, so that a few outliers do not flatten the rest; values beyond take the end colours. Nearly constant there: minimum to maximum |
//! | NaN | transparent, which no value is |
//! | infinities | the end colours; they do not count for the range |
//! | larger than 4096 cells on a side | each pixel is the mean of a square of cells (those that are not NaN), as few cells as fit |
//!
//! The range, and the scale if it is not 1, are in the PNG's text chunk `Description`. There are no
//! axes and no legend here.

use std::borrow::Cow;

use super::colours::{self, Palette};

/// Pixels on a side at most.
const SIDE_MAX: usize = 4096;
/// Values at most from which percentiles are taken; of larger maps, every n-th.
const SAMPLE_MAX: usize = 1 << 20;
/// A spread below this part of the values' size counts as constant.
const CONSTANT: f64 = 1e-9;

/// A picture and how it came about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Picture {
    /// The PNG file.
    pub(crate) png: Vec<u8>,
    /// The values that the lowest and the highest colour stand for; `None` when no value is finite.
    pub(crate) range: Option<[f64; 2]>,
    /// Cells per pixel on a side: 1 unless the map was too large.
    pub(crate) scale: usize,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PictureError {
    /// Nothing to draw, or not what it is said to be.
    #[error(
        "{values} values are no map of {rows} rows and {columns} columns; draw a map that is not empty"
    )]
    Shape { values: usize, rows: usize, columns: usize },
    /// The PNG encoder's own.
    #[error("cannot encode the picture: {0}; this is a defect of gristmill")]
    Encode(#[from] png::EncodingError),
}

/// Draws a map of `[rows, columns]` in C order.
pub(crate) fn draw(
    values: &[f64],
    [rows, columns]: [usize; 2],
    palette: Palette,
) -> Result<Picture, PictureError> {
    if values.is_empty() || rows.checked_mul(columns) != Some(values.len()) {
        return Err(PictureError::Shape { values: values.len(), rows, columns });
    }
    let scale = rows.max(columns).div_ceil(SIDE_MAX);
    let pixels = shrink(values, [rows, columns], scale);
    let size = [rows.div_ceil(scale), columns.div_ceil(scale)];
    let range = range(values);
    let png = encode(&pixels, size, palette, range, scale)?;
    Ok(Picture { png, range: range.map(|range| range.limits), scale })
}

/// Means of squares of `scale` cells, those at the lower and right edge cut.
fn shrink(values: &[f64], [rows, columns]: [usize; 2], scale: usize) -> Cow<'_, [f64]> {
    if scale == 1 {
        return Cow::Borrowed(values);
    }
    let mut pixels = Vec::with_capacity(rows.div_ceil(scale) * columns.div_ceil(scale));
    for top in (0..rows).step_by(scale) {
        for left in (0..columns).step_by(scale) {
            let (mut sum, mut count) = (0.0, 0u32);
            for row in top..(top + scale).min(rows) {
                let start = row * columns;
                for &value in &values[start + left..start + (left + scale).min(columns)] {
                    sum += if value.is_nan() { 0.0 } else { value };
                    count += u32::from(!value.is_nan());
                }
            }
            // 0 / 0 is the NaN that is wanted.
            pixels.push(sum / f64::from(count));
        }
    }
    Cow::Owned(pixels)
}

#[derive(Debug, Clone, Copy)]
struct Range {
    limits: [f64; 2],
    robust: bool,
}

fn range(values: &[f64]) -> Option<Range> {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    // An odd stride does not fall in step with rows of even length.
    let stride = values.len().div_ceil(SAMPLE_MAX) | 1;
    let mut sample: Vec<f64> =
        values.iter().copied().step_by(stride).filter(|value| value.is_finite()).collect();
    if let Some(last) = sample.len().checked_sub(1) {
        let mut nth = |at: usize| *sample.select_nth_unstable_by(at, f64::total_cmp).1;
        // Rounded outwards: a map of a few cells is drawn with all of its range.
        let limits = [nth(last * 2 / 100), nth((last * 98).div_ceil(100))];
        if limits[1] - limits[0] > CONSTANT * limits[0].abs().max(limits[1].abs()) {
            return Some(Range { limits, robust: true });
        }
    }
    let first = finite().next()?;
    let limits = finite().fold([first; 2], |[low, high], value| [low.min(value), high.max(value)]);
    Some(Range { limits, robust: false })
}

fn encode(
    pixels: &[f64],
    [rows, columns]: [usize; 2],
    palette: Palette,
    range: Option<Range>,
    scale: usize,
) -> Result<Vec<u8>, PictureError> {
    let colours = colours::table(palette);
    let [low, high] = range.map_or([0.0, 0.0], |range| range.limits);
    let transparent = pixels.iter().any(|value| value.is_nan());
    let grey = palette == Palette::Grey;
    let (colour_type, channels) = match (grey, transparent) {
        (true, false) => (png::ColorType::Grayscale, 1),
        (true, true) => (png::ColorType::GrayscaleAlpha, 2),
        (false, false) => (png::ColorType::Rgb, 3),
        (false, true) => (png::ColorType::Rgba, 4),
    };
    let mut bytes = Vec::with_capacity(pixels.len() * channels);
    for &value in pixels {
        let colour = if value.is_nan() { [0; 3] } else { colours[index(value, low, high)] };
        bytes.extend_from_slice(if grey { &colour[..1] } else { &colour });
        if transparent {
            bytes.push(if value.is_nan() { 0 } else { 255 });
        }
    }
    let mut png = Vec::new();
    // Sides are at most SIDE_MAX.
    let mut encoder = png::Encoder::new(&mut png, columns as u32, rows as u32);
    encoder.set_color(colour_type);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.add_text_chunk("Software".into(), "gristmill".into())?;
    encoder.add_text_chunk("Description".into(), description(palette, range, scale))?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&bytes)?;
    writer.finish()?;
    Ok(png)
}

/// The colour's number. A map of one value has the middle colour.
fn index(value: f64, low: f64, high: f64) -> usize {
    if low == high {
        return match value.total_cmp(&low) {
            _ if value == low => 128,
            std::cmp::Ordering::Less => 0,
            _ => 255,
        };
    }
    // Halved first: the difference of two huge values may be infinite.
    let part = (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    // A float-to-integer cast saturates.
    (part * 255.0).round().min(255.0) as usize
}

fn description(palette: Palette, range: Option<Range>, scale: usize) -> String {
    let mut text = match range {
        None => "no finite value".to_string(),
        Some(Range { limits: [low, high], robust }) => {
            let which = if robust { "2nd to 98th percentile" } else { "minimum to maximum" };
            format!("{}: {low} to {high} ({which})", palette.name())
        }
    };
    text.push_str("; NaN is transparent");
    if scale > 1 {
        text.push_str(&format!("; each pixel is the mean of {scale} x {scale} cells"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Decoded {
        size: (u32, u32),
        colour_type: png::ColorType,
        pixels: Vec<u8>,
        description: String,
    }

    fn decode(png: &[u8]) -> Decoded {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let info = reader.info();
        let texts = &info.uncompressed_latin1_text;
        let description = texts.iter().find(|chunk| chunk.keyword == "Description").unwrap();
        Decoded {
            size: (info.width, info.height),
            colour_type: info.color_type,
            pixels,
            description: description.text.clone(),
        }
    }

    #[test]
    fn grey_goes_from_black_to_white_and_nan_is_transparent() {
        let picture = draw(&[0.0, 5.0, 10.0, f64::NAN, -1e9, 1e9], [2, 3], Palette::Grey);
        let decoded = decode(&picture.unwrap().png);
        assert_eq!(decoded.size, (3, 2));
        assert_eq!(decoded.colour_type, png::ColorType::GrayscaleAlpha);
        assert_eq!(decoded.pixels[6..8], [0, 0], "NaN");
        assert_eq!(decoded.pixels[8..10], [0, 255], "the lowest");

        let picture = draw(&[0.0, 5.0, 10.0], [3, 1], Palette::Grey).unwrap();
        let decoded = decode(&picture.png);
        assert_eq!(decoded.colour_type, png::ColorType::Grayscale);
        assert_eq!((picture.range, decoded.pixels), (Some([0.0, 10.0]), vec![0, 128, 255]));
    }

    #[test]
    fn outliers_do_not_flatten_the_rest() {
        let mut values: Vec<f64> = (0..1000).map(f64::from).collect();
        values[500] = 1e30;
        values[501] = f64::INFINITY;
        let picture = draw(&values, [10, 100], Palette::Viridis).unwrap();
        let [low, high] = picture.range.unwrap();
        assert!((15.0..25.0).contains(&low) && (975.0..985.0).contains(&high), "{low} {high}");
        let description = decode(&picture.png).description;
        assert!(description.contains("viridis: ") && description.contains("2nd to 98th"));
    }

    #[test]
    fn nearly_constant_maps_take_all_of_their_range() {
        let mut values = vec![7.0; 1000];
        values[3] = 9.0;
        assert_eq!(draw(&values, [10, 100], Palette::Magma).unwrap().range, Some([7.0, 9.0]));
        let flat = decode(&draw(&[7.0; 4], [2, 2], Palette::Grey).unwrap().png);
        assert_eq!(flat.pixels, [128; 4]);
    }

    #[test]
    fn maps_without_a_number_are_drawn_empty() {
        let picture = draw(&[f64::NAN; 4], [2, 2], Palette::Viridis).unwrap();
        assert_eq!(picture.range, None);
        assert!(decode(&picture.png).pixels.iter().all(|&byte| byte == 0));
        let picture = draw(&[f64::INFINITY, f64::NEG_INFINITY], [1, 2], Palette::Grey).unwrap();
        assert_eq!(decode(&picture.png).pixels, [255, 0]);
        draw(&[f64::MIN, f64::MAX, 0.0], [1, 3], Palette::Grey).unwrap();
    }

    #[test]
    fn large_maps_are_shrunk_by_means() {
        let columns = 2 * SIDE_MAX + 1;
        let mut values = vec![1.0; 3 * columns];
        values[0] = f64::NAN;
        values[1] = 4.0;
        let pixels = shrink(&values, [3, columns], 3);
        assert_eq!(pixels.len(), columns.div_ceil(3));
        assert_eq!(pixels[0], (4.0 + 7.0) / 8.0);
        let picture = draw(&values, [3, columns], Palette::Grey).unwrap();
        assert_eq!(picture.scale, 3);
        let decoded = decode(&picture.png);
        assert_eq!(decoded.size, (columns.div_ceil(3) as u32, 1));
        assert!(decoded.description.ends_with("the mean of 3 x 3 cells"));
    }

    #[test]
    fn what_is_no_map_is_refused() {
        assert!(draw(&[], [0, 3], Palette::Grey).is_err());
        assert!(draw(&[1.0], [2, 3], Palette::Grey).is_err());
        assert!(draw(&[1.0], [usize::MAX, 3], Palette::Grey).is_err());
    }
}
