//! How all pictures look: colours, markers, dashes, sizes, and how wide a text is at most.

use plotters::style::RGBColor;

/// The width of every picture, in pixels; it may be scaled to any other.
pub(crate) const WIDTH: f64 = 600.0;
/// Room at the edges of a picture.
pub(crate) const EDGE: f64 = 12.0;
/// The height of a title's letters.
pub(crate) const TITLE: f64 = 15.0;
/// The height of all other letters: the least that is legible.
pub(crate) const TEXT: f64 = 12.5;
/// From one line of text to the next.
pub(crate) const LINE: f64 = 18.0;

pub(crate) const BLACK: RGBColor = RGBColor(0, 0, 0);
pub(crate) const WHITE: RGBColor = RGBColor(255, 255, 255);
/// Lines that compare, such as the ideal.
pub(crate) const GREY: RGBColor = RGBColor(110, 110, 110);
/// The grid.
pub(crate) const PALE: RGBColor = RGBColor(225, 225, 225);

/// Colours that the colour-blind can tell apart, by Masataka Okabe and Kei Ito, "Color Universal
/// Design", 2008. Without their yellow, which white paper swallows.
pub(crate) const CURVES: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(230, 159, 0),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    BLACK,
];

/// Lengths of a dash and of the gap behind it.
pub(crate) type Dash = Option<(f64, f64)>;

const DASHES: [Dash; 5] =
    [None, Some((9.0, 4.0)), Some((4.0, 3.0)), Some((14.0, 4.0)), Some((2.0, 3.0))];

/// What stands at a point. All can be filled or hollow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    TriangleDown,
    Plus,
    Star,
}

const SHAPES: [Shape; 7] = [
    Shape::Circle,
    Shape::Square,
    Shape::Triangle,
    Shape::Diamond,
    Shape::TriangleDown,
    Shape::Plus,
    Shape::Star,
];

impl Shape {
    /// Its corners around a centre; it covers about the same area as a circle of this radius.
    pub(crate) fn corners(self, (x, y): (f64, f64), radius: f64) -> Vec<(f64, f64)> {
        let regular = |count: u32, first: f64, radius: &dyn Fn(u32) -> f64| {
            let angle = |at: u32| first + std::f64::consts::TAU * f64::from(at) / f64::from(count);
            let corner = |at| {
                let (sin, cos) = angle(at).sin_cos();
                (x + radius(at) * cos, y + radius(at) * sin)
            };
            (0..count).map(corner).collect::<Vec<_>>()
        };
        let (up, down) = (-std::f64::consts::FRAC_PI_2, std::f64::consts::FRAC_PI_2);
        match self {
            Shape::Circle => regular(24, up, &|_| radius),
            Shape::Square => regular(4, up / 2.0, &|_| radius * 1.25),
            Shape::Triangle => regular(3, up, &|_| radius * 1.4),
            Shape::Diamond => regular(4, up, &|_| radius * 1.3),
            Shape::TriangleDown => regular(3, down, &|_| radius * 1.4),
            Shape::Plus => {
                let (long, short) = (radius * 1.25, radius * 0.45);
                let quarter = [(short, -long), (short, -short), (long, -short)];
                let turned = |turn: usize| {
                    quarter.map(|(right, below)| match turn {
                        0 => (x + right, y + below),
                        1 => (x - below, y + right),
                        2 => (x - right, y - below),
                        _ => (x + below, y - right),
                    })
                };
                (0..4).flat_map(turned).collect()
            }
            Shape::Star => regular(10, up, &|at| radius * if at % 2 == 0 { 1.55 } else { 0.7 }),
        }
    }
}

/// What tells a curve from the others, in three ways.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    /// Its colour.
    pub(crate) colour: RGBColor,
    /// What stands at its points.
    pub(crate) shape: Shape,
    /// How its line is broken.
    pub(crate) dash: Dash,
}

impl Look {
    /// The look of the curve at this place in a picture. 49 differ.
    pub(crate) fn of(index: usize) -> Look {
        Look {
            colour: CURVES[index % CURVES.len()],
            shape: SHAPES[(index + index / CURVES.len()) % SHAPES.len()],
            dash: DASHES[index % DASHES.len()],
        }
    }
}

/// How wide a text is at most, in the wider of the common sans-serif fonts: by character, and not
/// less than 0.56 of its height for each.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let em = |c: char| match c {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | '.' | ',' | ':' | ';' | '(' | ')' | '-' => 0.42,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 1.0,
        'A'..='Z' | '0'..='9' => 0.7,
        '\u{1100}'.. => 1.1,
        _ => 0.65,
    };
    let least = 0.56 * text.chars().count() as f64;
    text.chars().map(em).sum::<f64>().max(least) * size
}

/// A text in lines that are no wider than this. Words that are wider are cut; no-break spaces keep
/// words together.
pub(crate) fn wrap(text: &str, size: f64, width: f64) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    let fits = |line: &str, more: &str| text_width(line, size) + text_width(more, size) <= width;
    for word in text.split_ascii_whitespace() {
        match lines.last_mut() {
            Some(line) if fits(line, &format!(" {word}")) => {
                line.push(' ');
                line.push_str(word);
                continue;
            }
            _ => lines.push(String::new()),
        }
        for c in word.chars() {
            match lines.last_mut() {
                Some(line) if line.is_empty() || fits(line, c.encode_utf8(&mut [0; 4])) => {
                    line.push(c);
                }
                _ => lines.push(c.to_string()),
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifty_curves_look_different() {
        let looks: Vec<Look> = (0..49).map(Look::of).collect();
        for (at, look) in looks.iter().enumerate() {
            let same = |other: &Look| other.colour == look.colour && other.shape == look.shape;
            assert!(!looks[..at].iter().any(same), "{at}");
        }
    }

    #[test]
    fn wrapped_lines_are_no_wider_and_nothing_is_lost() {
        let text = "a line of words, and a-word-that-is-wider-than-any-line-could-be then more";
        let lines = wrap(text, TEXT, 120.0);
        assert!(lines.iter().all(|line| text_width(line, TEXT) <= 120.0), "{lines:?}");
        let letters = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(letters(&lines.concat()), letters(text));
        assert_eq!(wrap("", TEXT, 120.0), Vec::<String>::new());
        assert_eq!(wrap("one", TEXT, 120.0), ["one"]);
        assert_eq!(wrap("some more 12\u{a0}words", TEXT, 120.0), ["some more", "12\u{a0}words"]);
    }
}
