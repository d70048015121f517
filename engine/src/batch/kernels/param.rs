//! Parameters of kernels as those who write kernels declare them.

use super::catalogue::{ParamInfo, ParamType};

/// A parameter of a kernel, as job files give it: name, type, default, meaning.
#[derive(Debug, Clone)]
#[must_use]
pub struct Param(pub(crate) ParamInfo);

impl Param {
    fn new(name: &str, doc: &str, ty: ParamType) -> Param {
        let (name, doc) = (name.into(), doc.into());
        Param(ParamInfo { name, default: None, ty, bounds: None, doc })
    }

    /// A number; whole numbers are taken as well.
    pub fn number(name: &str, doc: &str) -> Param {
        Param::new(name, doc, ParamType::Number)
    }

    /// A whole number.
    pub fn integer(name: &str, doc: &str) -> Param {
        Param::new(name, doc, ParamType::Integer)
    }

    /// true or false.
    pub fn flag(name: &str, doc: &str) -> Param {
        Param::new(name, doc, ParamType::Bool)
    }

    /// Any text.
    pub fn text(name: &str, doc: &str) -> Param {
        Param::new(name, doc, ParamType::Text)
    }

    /// A list of `len` numbers.
    pub fn numbers(name: &str, len: usize, doc: &str) -> Param {
        Param::new(name, doc, ParamType::List(Box::new(ParamType::Number), Some(len)))
    }

    /// One of these words.
    pub fn choice(name: &str, words: &[&str], doc: &str) -> Param {
        let words = words.iter().map(|word| (*word).into()).collect();
        Param::new(name, doc, ParamType::Choice(words))
    }

    /// The value that it has when the job gives none.
    pub fn or(mut self, default: impl Into<toml::Value>) -> Param {
        self.0.default = Some(default.into());
        self
    }

    /// Refuses numbers outside these bounds, and NaN, before anything runs.
    pub fn within(mut self, low: f64, high: f64) -> Param {
        self.0.bounds = Some([low, high]);
        self
    }

    /// As [`within`](Param::within), without an upper bound but that of finite numbers.
    pub fn at_least(self, low: f64) -> Param {
        self.within(low, f64::MAX)
    }

    /// Refuses NaN and infinities.
    pub fn finite(self) -> Param {
        self.within(f64::MIN, f64::MAX)
    }
}
