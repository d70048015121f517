//! What a job file may ask for: the kernels as the check sees them, without knowing how they run.
//!
//! The engine's registry implements [`Catalogue`]; nothing here starts, allocates or reads
//! anything.

use crate::memory::ElementType;

/// The kernels that a job may name.
pub(crate) trait Catalogue {
    /// Every kernel, in the order in which they should be listed.
    fn kernels(&self) -> Vec<KernelInfo>;

    /// What the kernel makes of these inputs.
    ///
    /// It is called only with a kernel of [`Catalogue::kernels`], all parameters present (defaults
    /// filled in), of the type and within the bounds that [`ParamInfo`] declares, and every input
    /// given, with the dimensions and element types that [`InputInfo`] allows. What remains to be
    /// refused are combinations; all reasons at once.
    fn prepare(
        &self,
        kernel: &str,
        params: &toml::Table,
        inputs: &[NamedMeta],
    ) -> Result<Prepared, Vec<Refusal>>;
}

/// What a kernel makes of its inputs, known before it runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Prepared {
    /// The result's array, or `None` when its result is scalars alone.
    pub(crate) result: Option<ArrayMeta>,
    /// Into how many chunks its inputs are cut.
    pub(crate) chunks: u64,
    /// Bytes that it needs beside its inputs and its result while it runs, at least.
    pub(crate) spare_bytes: u64,
}

/// One kernel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KernelInfo {
    /// The name that a job file writes.
    pub(crate) name: String,
    /// One line: what it computes.
    pub(crate) summary: String,
    /// Its input arrays, in order.
    pub(crate) inputs: Vec<InputInfo>,
    /// Its parameters, in order.
    pub(crate) params: Vec<ParamInfo>,
    /// What comes out.
    pub(crate) result: ResultKind,
}

/// What a kernel's result consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResultKind {
    /// One array, named as the step.
    Array,
    /// Named numbers, printed and written to report.json.
    Scalars,
    /// An array and named numbers.
    Both,
}

/// One input array of a kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InputInfo {
    /// The name that `in = { NAME = "array" }` uses.
    pub(crate) name: String,
    /// The number of dimensions wanted; `None`: any.
    pub(crate) ndim: Option<usize>,
    /// The element types that the kernel takes; empty: any.
    pub(crate) elements: Vec<ElementType>,
    /// How it is read, in the engine's words, such as "rows with halo 1".
    pub(crate) access: &'static str,
}

/// One parameter of a kernel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ParamInfo {
    /// The name that `params = { NAME = value }` uses.
    pub(crate) name: String,
    /// Its value when the job file does not give one; `None`: it must be given.
    pub(crate) default: Option<toml::Value>,
    /// The type of its value.
    pub(crate) ty: ParamType,
    /// The least and the greatest value, of numbers.
    pub(crate) bounds: Option<[f64; 2]>,
    /// One line: meaning, unit, range.
    pub(crate) doc: String,
}

/// The type of a parameter's value in the job file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParamType {
    /// true or false.
    Bool,
    /// A whole number.
    Integer,
    /// A number; a whole number is taken as well, and handed on as a float.
    Number,
    /// Any text.
    Text,
    /// One of these words.
    Choice(Vec<String>),
    /// A list, of a fixed length or of any.
    List(Box<ParamType>, Option<usize>),
}

impl ParamInfo {
    /// Type and bounds as messages and listings call them, such as "whole number of at least 1".
    pub(crate) fn describe(&self) -> String {
        let ty = self.ty.describe();
        match self.bounds {
            None => ty,
            Some([f64::MIN, f64::MAX]) => format!("finite {ty}"),
            Some([low, f64::MAX]) => format!("{ty} of at least {low}"),
            Some([low, high]) => format!("{ty} from {low} to {high}"),
        }
    }

    /// Whether the value, of the parameter's type, lies within its bounds; NaN lies in none.
    pub(crate) fn allows(&self, value: &toml::Value) -> bool {
        let Some([low, high]) = self.bounds else { return true };
        match value {
            toml::Value::Integer(whole) => (low..=high).contains(&(*whole as f64)),
            toml::Value::Float(number) => (low..=high).contains(number),
            toml::Value::Array(values) => values.iter().all(|value| self.allows(value)),
            _ => true,
        }
    }
}

impl ParamType {
    /// How messages and listings call it, such as "list of 2, each a number".
    pub(crate) fn describe(&self) -> String {
        match self {
            ParamType::Bool => "true or false".into(),
            ParamType::Integer => "whole number".into(),
            ParamType::Number => "number".into(),
            ParamType::Text => "text".into(),
            ParamType::Choice(words) => format!("one of \"{}\"", words.join("\", \"")),
            ParamType::List(of, Some(length)) => {
                format!("list of {length}, each a {}", of.describe())
            }
            ParamType::List(of, None) => format!("list, each a {}", of.describe()),
        }
    }
}

/// What is known of an array before it exists.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ArrayMeta {
    /// Elements per dimension, C order.
    pub(crate) shape: Vec<usize>,
    /// The type of its elements.
    pub(crate) element: ElementType,
    /// Metres per row and per column, where the job file says so; it travels with the array.
    pub(crate) cell: Option<[f64; 2]>,
}

impl ArrayMeta {
    /// Shape and element type as messages show them, such as "344 x 403 i16".
    pub(crate) fn describe(&self) -> String {
        let shape: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        format!("{} {}", shape.join(" x "), self.element)
    }

    /// How many elements it has; `u64::MAX` if they are more.
    pub(crate) fn elements(&self) -> u64 {
        self.shape.iter().fold(1, |product: u64, &len| product.saturating_mul(len as u64))
    }

    /// Bytes of its elements; `u64::MAX` if they are more.
    pub(crate) fn bytes(&self) -> u64 {
        self.elements().saturating_mul(self.element.size_bytes() as u64)
    }
}

/// An array, bound to an input of a kernel.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NamedMeta {
    /// The kernel's input.
    pub(crate) input: String,
    /// The array's name in the job.
    pub(crate) array: String,
    /// What is known of it.
    pub(crate) meta: ArrayMeta,
}

/// Why a kernel will not run like this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The place in the step that is at fault.
    pub(crate) at: At,
    /// What is wrong, with the values.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: Option<String>,
}

/// The part of a step that a [`Refusal`] is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum At {
    /// The first of these parameters that the job gives.
    Params(Vec<String>),
    /// The kernel's input of that name.
    Input(String),
    /// The step as a whole.
    Step,
}
