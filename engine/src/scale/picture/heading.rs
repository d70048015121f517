//! What stands above a picture: its title, and a line about where it comes from.

use super::canvas::{Anchor, Canvas, Drawn};
use super::style::{EDGE, LINE, TEXT, TITLE, WIDTH, wrap};

/// A title and the line below it.
#[derive(Debug)]
pub(crate) struct Heading {
    title: String,
    below: Vec<String>,
}

impl Heading {
    /// With a title that fits one line.
    pub(crate) fn new(title: &str, below: &str) -> Heading {
        Heading { title: title.to_owned(), below: wrap(below, TEXT, WIDTH - 2.0 * EDGE) }
    }

    /// The height at which the picture goes on.
    pub(crate) fn end(&self) -> f64 {
        EDGE + LINE * (self.below.len() + 1) as f64 + 10.0
    }

    /// Draws it at the top of a picture.
    pub(crate) fn draw(&self, canvas: &Canvas<'_>) -> Drawn {
        let mut y = EDGE + LINE / 2.0;
        canvas.text(&self.title, (EDGE, y), TITLE, Anchor::Right)?;
        for line in &self.below {
            y += LINE;
            canvas.text(line, (EDGE, y + 2.0), TEXT, Anchor::Right)?;
        }
        Ok(())
    }
}
