//! A figure with the interval in which it lies.

use serde::{Deserialize, Serialize};

/// A figure, and the ends of its interval of 95 % confidence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Estimate {
    /// The interval's width, as a part of the figure.
    pub fn relative_width(&self) -> f64 {
        (self.high - self.low) / self.value
    }

    /// The figure and its interval times a factor that is known.
    #[must_use]
    pub fn times(&self, factor: f64) -> Estimate {
        let Estimate { value, low, high } = *self;
        Estimate { value: value * factor, low: low * factor, high: high * factor }
    }
}
