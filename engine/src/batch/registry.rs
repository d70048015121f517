//! The kernels that job files can name: an explicit list, by name, each for one or several element
//! types. Users register their own as the stock kernels are registered.

use super::catalogue::{ArrayMeta, At, Catalogue, KernelInfo, NamedMeta, ParamInfo, Refusal};
use super::operation::{JobKernel, Operation, Typed};
use crate::memory::ElementType;

/// Kernels by name, for the command line.
///
/// ```
/// use gristmill::{Chunk, In, JobKernel, Kernel, Out, Param, Registry};
/// use serde::{Deserialize, Serialize};
///
/// /// y = a x
/// #[derive(Serialize, Deserialize)]
/// struct Scale { a: f64 }
///
/// impl Kernel for Scale {
///     type Args = (In<f64>, Out<f64>);
///     type Output = ();
///     fn run(&self, _: Chunk, (x, y): (&[f64], &mut [f64])) {
///         y.iter_mut().zip(x).for_each(|(y, x)| *y = self.a * x);
///     }
/// }
///
/// impl JobKernel for Scale {
///     const SUMMARY: &'static str = "every value times a";
///     const ARRAYS: &'static [&'static str] = &["x"];
///     fn params() -> Vec<Param> {
///         vec![Param::number("a", "the factor").or(2.0)]
///     }
/// }
///
/// let registry = Registry::new().add::<Scale>("scale");
/// // fn main() -> std::process::ExitCode { gristmill::cli::main(&registry) }
/// ```
#[derive(Debug, Default)]
pub struct Registry {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    /// One per element type; the first explains them all.
    operations: Vec<Box<dyn Operation>>,
}

impl Registry {
    /// An empty list.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Adds a kernel under a name. A name can be added again with another element type: the
    /// arrays' types then decide.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "nothing is summed here")]
    pub fn add<K: JobKernel>(mut self, name: &'static str) -> Registry {
        let operation: Box<dyn Operation> = Box::new(Typed::<K>::new());
        match self.entries.iter_mut().find(|entry| entry.name == name) {
            Some(entry) => entry.operations.push(operation),
            None => self.entries.push(Entry { name, operations: vec![operation] }),
        }
        self
    }

    /// The operation of a kernel for inputs of these element types.
    pub(crate) fn find(&self, name: &str, inputs: &[ElementType]) -> Option<&dyn Operation> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        let mut operations = entry.operations.iter().map(AsRef::as_ref);
        operations.find(|operation: &&dyn Operation| operation.elements() == inputs)
    }
}

impl Catalogue for Registry {
    fn kernels(&self) -> Vec<KernelInfo> {
        let info = |entry: &Entry| {
            let mut info = entry.operations[0].info(entry.name);
            for operation in &entry.operations[1..] {
                for (input, element) in info.inputs.iter_mut().zip(operation.elements()) {
                    input.elements.push(element);
                }
            }
            info.inputs.iter_mut().for_each(|input| input.elements.dedup());
            info
        };
        self.entries.iter().map(info).collect()
    }

    fn prepare(
        &self,
        kernel: &str,
        params: &toml::Table,
        inputs: &[NamedMeta],
    ) -> Result<Option<ArrayMeta>, Vec<Refusal>> {
        let elements: Vec<ElementType> = inputs.iter().map(|input| input.meta.element).collect();
        let metas: Vec<ArrayMeta> = inputs.iter().map(|input| input.meta.clone()).collect();
        match self.find(kernel, &elements) {
            Some(operation) => operation.prepare(params, &metas),
            None => Err(vec![Refusal {
                at: At::Step,
                message: format!(
                    "`{kernel}` does not take arrays of {} together",
                    elements.iter().map(|e| e.name()).collect::<Vec<_>>().join(" and ")
                ),
                help: Some("cast the inputs to one type, with `cast` under [inputs]".into()),
            }]),
        }
    }
}

/// A parameter of a kernel, as job files give it: name, type, default, meaning.
#[derive(Debug, Clone)]
#[must_use]
pub struct Param(pub(crate) ParamInfo);

impl Param {
    fn new(name: &str, doc: &str, ty: super::catalogue::ParamType) -> Param {
        Param(ParamInfo { name: name.into(), default: None, ty, doc: doc.into() })
    }

    /// A number; whole numbers are taken as well.
    pub fn number(name: &str, doc: &str) -> Param {
        Param::new(name, doc, super::catalogue::ParamType::Number)
    }

    /// A whole number.
    pub fn integer(name: &str, doc: &str) -> Param {
        Param::new(name, doc, super::catalogue::ParamType::Integer)
    }

    /// true or false.
    pub fn flag(name: &str, doc: &str) -> Param {
        Param::new(name, doc, super::catalogue::ParamType::Bool)
    }

    /// Any text.
    pub fn text(name: &str, doc: &str) -> Param {
        Param::new(name, doc, super::catalogue::ParamType::Text)
    }

    /// A list of `len` numbers.
    pub fn numbers(name: &str, len: usize, doc: &str) -> Param {
        use super::catalogue::ParamType::{List, Number};
        Param::new(name, doc, List(Box::new(Number), Some(len)))
    }

    /// One of these words.
    pub fn choice(name: &str, words: &[&str], doc: &str) -> Param {
        let words = words.iter().map(|word| (*word).into()).collect();
        Param::new(name, doc, super::catalogue::ParamType::Choice(words))
    }

    /// The value that it has when the job gives none.
    pub fn or(mut self, default: impl Into<toml::Value>) -> Param {
        self.0.default = Some(default.into());
        self
    }
}
