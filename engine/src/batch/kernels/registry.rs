//! The kernels that job files can name, and suites of benchmarks: an explicit list, by name, each for one or several element
//! types. Users register their own as the stock kernels are registered.

use super::benchmark::Suite;
use super::catalogue::{ArrayMeta, At, Catalogue, KernelInfo, NamedMeta, Prepared, Refusal};
use super::job_kernel::{JobKernel, JobPlan};
use super::operation::{Operation, Typed};
use super::operation_plan::Planned;
use super::workload::Workload;
use crate::memory::ElementType;

/// Kernels and benchmarks by name, for the command line.
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
    suites: Vec<Suite>,
    workloads: Vec<Workload<'static>>,
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
    ///
    /// # Panics
    ///
    /// If the name is there already for arrays of the same element types, as one of the two could
    /// then never run, or with other inputs, parameters or results, which must not depend on the
    /// element type; and if the kernel takes elements that are no numbers.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "nothing is summed here")]
    pub fn add<K: JobKernel>(self, name: &'static str) -> Registry {
        self.with(name, Box::new(Typed::<K>::new()))
    }

    /// Adds a plan under a name, as [`add`](Registry::add) does a kernel.
    ///
    /// # Panics
    ///
    /// As [`add`](Registry::add).
    #[must_use]
    pub fn add_plan<P: JobPlan>(self, name: &'static str) -> Registry {
        self.with(name, Box::new(Planned::<P>::new()))
    }

    /// Adds a suite of benchmarks, which becomes a command.
    ///
    /// # Panics
    ///
    /// If there is a suite of its name; the command line panics if there is a command.
    #[must_use]
    pub fn add_suite(mut self, suite: Suite) -> Registry {
        let is_new = self.suites.iter().all(|other| other.name != suite.name);
        assert!(is_new, "there are two suites of the name `{}`", suite.name);
        self.suites.push(suite);
        self
    }

    /// Adds work that is measured by `gristmill scale` and `gristmill bench`, as registered kernels
    /// are without more ado: for what is no kernel of job files.
    ///
    /// # Panics
    ///
    /// If there is a workload of its name; a kernel of its name is hidden by it.
    #[must_use]
    pub fn add_workload(mut self, workload: Workload<'static>) -> Registry {
        let name = workload.name();
        let is_new = self.workloads.iter().all(|other| other.name() != name);
        assert!(is_new, "there are two workloads of the name `{name}`");
        self.workloads.push(workload);
        self
    }

    /// What was added by [`add_workload`](Registry::add_workload).
    pub(crate) fn workloads(&self) -> &[Workload<'static>] {
        &self.workloads
    }

    /// The names of kernels and plans.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.entries.iter().map(|entry| entry.name)
    }

    /// The kernel or plan of a name, for the element types that were added first.
    pub(crate) fn first(&self, name: &str) -> Option<&dyn Operation> {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        entry.map(|entry| &*entry.operations[0])
    }

    pub(crate) fn suites(&self) -> &[Suite] {
        &self.suites
    }

    fn with(mut self, name: &'static str, operation: Box<dyn Operation>) -> Registry {
        let elements = operation.elements();
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) else {
            self.entries.push(Entry { name, operations: vec![operation] });
            return self;
        };
        let same = entry.operations.iter().find(|other| other.elements() == elements);
        if let Some(same) = same {
            panic!(
                "the name `{name}` is registered twice for arrays of {}: as {same:?} and as \
                 {operation:?}; give one of them another name",
                listed(&elements)
            );
        }
        let first = &entry.operations[0];
        assert!(
            alike(&first.info(name), &operation.info(name)),
            "the name `{name}` is registered for {first:?} and for {operation:?}, whose inputs, \
             parameters or results differ in more than their element type; give one of them \
             another name"
        );
        entry.operations.push(operation);
        self
    }

    /// The operation of a kernel for inputs of these element types.
    pub(crate) fn find(&self, name: &str, inputs: &[ElementType]) -> Option<&dyn Operation> {
        let entry = self.entries.iter().find(|entry| entry.name == name)?;
        let mut operations = entry.operations.iter().map(AsRef::as_ref);
        operations.find(|operation: &&dyn Operation| operation.elements() == inputs)
    }
}

/// Whether two kernels look the same to a job file, element types apart.
fn alike(one: &KernelInfo, other: &KernelInfo) -> bool {
    let inputs = |info: &KernelInfo| -> Vec<_> {
        info.inputs.iter().map(|input| (input.name.clone(), input.ndim)).collect()
    };
    let same = one.params == other.params && one.result == other.result;
    same && inputs(one) == inputs(other)
}

/// "f64 and i32".
fn listed(elements: &[ElementType]) -> String {
    elements.iter().map(|element| element.name()).collect::<Vec<_>>().join(" and ")
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
    ) -> Result<Prepared, Vec<Refusal>> {
        let elements: Vec<ElementType> = inputs.iter().map(|input| input.meta.element).collect();
        let metas: Vec<ArrayMeta> = inputs.iter().map(|input| input.meta.clone()).collect();
        match self.find(kernel, &elements) {
            Some(operation) => operation.prepare(kernel, params, &metas),
            None => Err(vec![Refusal {
                at: At::Step,
                message: format!(
                    "`{kernel}` does not take arrays of {} together",
                    listed(&elements)
                ),
                help: Some("cast the inputs to one type, with `cast` under [inputs]".into()),
            }]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chunk, In, Kernel, Out};
    use serde::{Deserialize, Serialize};

    macro_rules! copies {
        ($($name:ident $element:ty, $arrays:expr;)*) => {
            $(#[derive(Serialize, Deserialize)]
            struct $name;

            impl Kernel for $name {
                type Args = (In<$element>, Out<$element>);
                type Output = ();
                fn run(&self, _: Chunk, (x, y): (&[$element], &mut [$element])) {
                    y.copy_from_slice(x);
                }
            }

            impl JobKernel for $name {
                const SUMMARY: &'static str = "a copy";
                const ARRAYS: &'static [&'static str] = $arrays;
            })*
        };
    }
    copies!(Doubles f64, &["x"]; OtherDoubles f64, &["x"]; Singles f32, &["x"]; Named i8, &["y"];);

    #[test]
    fn one_name_serves_several_element_types() {
        let registry = Registry::new().add::<Doubles>("copy").add::<Singles>("copy");
        assert_eq!(registry.kernels()[0].inputs[0].elements, [ElementType::F64, ElementType::F32]);
        assert!(registry.find("copy", &[ElementType::F32]).is_some());
    }

    #[test]
    #[should_panic(expected = "the name `copy` is registered twice for arrays of f64: as ")]
    fn a_name_given_twice_for_one_element_type_is_refused() {
        let _ = Registry::new().add::<Doubles>("copy").add::<OtherDoubles>("copy");
    }

    #[test]
    #[should_panic(expected = "differ in more than their element type")]
    fn a_name_given_to_kernels_with_other_inputs_is_refused() {
        let _ = Registry::new().add::<Doubles>("copy").add::<Named>("copy");
    }
}
