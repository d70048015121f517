//! How much a run does.

use serde::{Deserialize, Serialize};

/// What is done in a run, as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Work {
    /// Bytes that are read from arrays, each once: what must be moved at least.
    pub bytes_read: f64,
    /// Bytes that are written to arrays, each once.
    pub bytes_written: f64,
    /// Bytes of the arrays that it works on, where these are not what it moves: of steps that go
    /// over them again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footprint: Option<f64>,
    /// Floating-point operations.
    pub flops: Option<f64>,
    /// How much it is, in units of its own: what efficiency of weak scaling is by.
    pub units: f64,
}

impl Work {
    /// Bytes that are read and written.
    pub fn bytes(&self) -> f64 {
        self.bytes_read + self.bytes_written
    }

    /// Floating-point operations for each byte that is moved; none if one of them is not known.
    pub fn intensity(&self) -> Option<f64> {
        self.flops.filter(|_| self.bytes() > 0.0).map(|flops| flops / self.bytes())
    }
}
