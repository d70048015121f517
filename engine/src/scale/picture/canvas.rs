//! Drawing in pixels of a picture 600 wide, by plotters.
//!
//! plotters has whole numbers for pixels, which shows at slopes; so it is given tenths of pixels, in
//! a group that makes them small again. It draws each dash as an element, which makes pictures ten
//! times as long; so a broken line is drawn with an opacity that means how it is broken, and that is
//! put into words of SVG at the end.

use super::style::{BLACK, Dash, Shape, TITLE, WHITE, WIDTH};
use plotters::coord::Shift;
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{Color, DrawingArea, DrawingAreaErrorKind, IntoDrawingArea, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, TextStyle};
use std::cell::RefCell;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[error("a picture could not be drawn: {0}")]
pub(crate) struct PictureError(#[from] DrawingAreaErrorKind<std::io::Error>);

pub(crate) type Drawn = Result<(), PictureError>;

/// A place in pixels, from the upper left corner.
pub(crate) type Place = (f64, f64);

/// How many of the units that plotters is given make a pixel.
const FINE: f64 = 10.0;
/// plotters divides sizes of fonts by this to get pixels.
const FONT_FACTOR: f64 = 1.24;

/// A picture that is being drawn.
pub(crate) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    /// Lengths of dashes and gaps that were used; an opacity stands for each.
    dashes: RefCell<Vec<(f64, f64)>>,
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stroke {
    /// Its colour.
    pub(crate) colour: RGBColor,
    /// Its width in pixels.
    pub(crate) width: f64,
    /// How it is broken.
    pub(crate) dash: Dash,
}

impl Stroke {
    /// The same in another width.
    pub(crate) fn wide(self, width: f64) -> Stroke {
        Stroke { width, ..self }
    }
}

/// Where a text lies, seen from the place at which it is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// To the right, and as high as the place.
    Right,
    /// To the left, and as high as the place.
    Left,
    /// Below, its middle under the place.
    Below,
    /// Around the place, and read from below.
    Upwards,
}

fn fine(value: f64) -> i32 {
    // Places are finite and within a picture; the cast saturates in any case.
    (value * FINE).round() as i32
}

/// The opacity that stands for the dashes at this place of the list. Seen, it is 1.
fn opacity_of_dashes(index: usize) -> f64 {
    1.0 - (index + 1) as f64 * 1e-6
}

fn fine_place((x, y): Place) -> (i32, i32) {
    (fine(x), fine(y))
}

/// A text as an attribute has it.
fn escaped(text: &str) -> String {
    let escape = |c| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '"' => "&quot;".to_owned(),
        c if c.is_control() => " ".to_owned(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

/// Draws a picture of this height, and returns it as SVG. `told` says in a sentence what it shows,
/// to those who do not see it.
///
/// # Errors
///
/// plotters cannot draw.
pub(crate) fn picture(
    height: f64,
    told: &str,
    draw: impl FnOnce(&Canvas<'_>) -> Drawn,
) -> Result<String, PictureError> {
    let mut drawn = String::new();
    let size = (WIDTH * FINE, height.ceil() * FINE);
    let dashes = {
        let backend = SVGBackend::with_string(&mut drawn, (size.0 as u32, size.1 as u32));
        let canvas = Canvas { area: backend.into_drawing_area(), dashes: RefCell::default() };
        canvas.area.fill(&WHITE)?;
        draw(&canvas)?;
        canvas.area.present()?;
        canvas.dashes.into_inner()
    };
    for (index, (on, off)) in dashes.into_iter().enumerate() {
        let written = format!("opacity=\"{}\"", opacity_of_dashes(index));
        let meant = format!("stroke-dasharray=\"{} {}\"", fine(on), fine(off));
        drawn = drawn.replace(&written, &meant);
    }
    let inner = drawn.split_once('>').map_or("", |(_, rest)| rest);
    let inner = inner.rsplit_once("</svg>").map_or(inner, |(inner, _)| inner);
    let (width, height, told) = (WIDTH, height.ceil(), escaped(told));
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{told}\">\n\
         <g transform=\"scale({})\" stroke-linejoin=\"round\">{inner}</g>\n</svg>\n",
        1.0 / FINE,
    ))
}

impl Canvas<'_> {
    /// A line through places.
    pub(crate) fn line(&self, places: &[Place], stroke: Stroke) -> Drawn {
        let points: Vec<_> = places.iter().copied().map(fine_place).collect();
        let opacity = stroke.dash.map_or(1.0, |dash| {
            let mut dashes = self.dashes.borrow_mut();
            let known = dashes.iter().position(|known| *known == dash);
            opacity_of_dashes(known.unwrap_or_else(|| {
                dashes.push(dash);
                dashes.len() - 1
            }))
        });
        let style = stroke.colour.mix(opacity).stroke_width(fine(stroke.width).unsigned_abs());
        Ok(self.area.draw(&PathElement::new(points, style))?)
    }

    /// The area within places, filled; `opacity` from 0 to 1.
    pub(crate) fn fill(&self, places: &[Place], colour: RGBColor, opacity: f64) -> Drawn {
        let points: Vec<_> = places.iter().copied().map(fine_place).collect();
        Ok(self.area.draw(&Polygon::new(points, colour.mix(opacity)))?)
    }

    /// A rectangle, filled; `opacity` from 0 to 1.
    pub(crate) fn block(&self, [from, to]: [Place; 2], colour: RGBColor, opacity: f64) -> Drawn {
        let corners = [fine_place(from), fine_place(to)];
        Ok(self.area.draw(&Rectangle::new(corners, colour.mix(opacity).filled()))?)
    }

    /// A marker: hollow ones are white within.
    pub(crate) fn marker(
        &self,
        place: Place,
        (shape, radius): (Shape, f64),
        colour: RGBColor,
        is_hollow: bool,
    ) -> Drawn {
        let (inner, edge) = if is_hollow { (WHITE, colour) } else { (colour, WHITE) };
        let width: f64 = if is_hollow { 1.6 } else { 0.7 };
        let width = width.min(radius * 0.5);
        if shape == Shape::Circle {
            let circle = |style| Circle::new(fine_place(place), fine(radius), style);
            self.area.draw(&circle(inner.filled()))?;
            let style = edge.stroke_width(fine(width).unsigned_abs());
            return Ok(self.area.draw(&circle(style))?);
        }
        let mut corners = shape.corners(place, radius);
        self.fill(&corners, inner, 1.0)?;
        // Closed beyond its beginning, so that this corner is joined as the others are.
        let first: Vec<Place> = corners.iter().take(2).copied().collect();
        corners.extend(first);
        self.line(&corners, Stroke { colour: edge, width, dash: None })
    }

    /// A text.
    pub(crate) fn text(&self, text: &str, place: Place, size: f64, anchor: Anchor) -> Drawn {
        let style = if size >= TITLE { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::SansSerif, size * FONT_FACTOR * FINE, style);
        let (horizontal, vertical) = match anchor {
            Anchor::Right => (HPos::Left, VPos::Center),
            Anchor::Left => (HPos::Right, VPos::Center),
            Anchor::Below => (HPos::Center, VPos::Top),
            Anchor::Upwards => (HPos::Center, VPos::Center),
        };
        let font = match anchor {
            Anchor::Upwards => font.transform(FontTransform::Rotate270),
            _ => font,
        };
        let style = TextStyle::from(font).color(&BLACK).pos(Pos::new(horizontal, vertical));
        // XML has no control characters.
        let text = text.replace(char::is_control, " ");
        Ok(self.area.draw(&Text::new(text, fine_place(place), style))?)
    }
}
