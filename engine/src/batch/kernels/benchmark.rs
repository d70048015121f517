//! Computations that are measured and verified: benchmarks with published answers, in suites that
//! the command line runs, each as a command of its own.

use super::work::Work;
use crate::error::Result;
use crate::roles::Engine;
use std::time::Duration;

/// A problem with a known answer, in sizes that have names: what [`Suite::add`] takes.
///
/// A value is one size.
///
/// ```
/// use gristmill::{Array, Benchmark, Check, Engine, Outcome, Result, Suite};
/// use ndarray::Ix1;
/// use std::time::Instant;
///
/// /// The sum of 0 to below n.
/// struct Series { class: &'static str, n: usize, sum: u64 }
///
/// impl Benchmark for Series {
///     type Ready = Array<u64, Ix1>;
///     const SUMMARY: &'static str = "the sum of the first numbers";
///     const CLASSES: &'static [Series] = &[
///         Series { class: "small", n: 1_000, sum: 499_500 },
///         Series { class: "large", n: 1_000_000, sum: 499_999_500_000 },
///     ];
///     fn class(&self) -> &'static str { self.class }
///     fn size(&self) -> String { format!("{} numbers", self.n) }
///     fn prepare(&self, engine: &Engine) -> Result<Self::Ready> {
///         engine.from_fn(self.n, |i| i as u64)
///     }
///     fn run(&self, engine: &Engine, x: &mut Self::Ready) -> Result<Outcome> {
///         let start = Instant::now();
///         let sum = engine.sum(x)?;
///         let time = start.elapsed();
///         let checks = vec![Check::exact("sum", sum as f64, self.sum as f64)];
///         Ok(Outcome { iterations: 1, time, operations: self.n as f64, checks })
///     }
/// }
///
/// let suite = Suite::new("series", "Sums of series").add::<Series>("sum");
/// let registry = gristmill::Registry::new().add_suite(suite);
/// // gristmill::cli::main(&registry) has the command `series sum small`.
/// # let engine = Engine::builder().workers(2).build()?;
/// # let small = &Series::CLASSES[0];
/// # let outcome = small.run(&engine, &mut small.prepare(&engine)?)?;
/// # assert!(outcome.is_verified());
/// # Ok::<(), gristmill::Error>(())
/// ```
pub trait Benchmark: Sync + Sized + 'static {
    /// Its data, as they are before it is timed.
    type Ready: 'static;
    /// What it computes, in a line.
    const SUMMARY: &'static str;
    /// Its sizes, the smallest first.
    const CLASSES: &'static [Self];

    /// The name of this size; upper and lower case are the same to the command line.
    fn class(&self) -> &'static str;

    /// This size in words: numbers with units.
    fn size(&self) -> String;

    /// What is done in the timed part, for scaling studies, as far as it is known.
    fn work(&self) -> Work {
        Work::default()
    }

    /// Makes its data, and warms up, if its definition says so.
    ///
    /// # Errors
    ///
    /// If they could not be made.
    fn prepare(&self, engine: &Engine) -> Result<Self::Ready>;

    /// Computes it: measures, and compares with what is known. It may be called again with the same
    /// data, and then does the same.
    ///
    /// # Errors
    ///
    /// If it could not be computed. A wrong result is no error but a [`Check`] that fails.
    fn run(&self, engine: &Engine, ready: &mut Self::Ready) -> Result<Outcome>;
}

/// What a [`Benchmark`] came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// How often the timed part repeats its work.
    pub iterations: u64,
    /// How long the timed part took.
    pub time: Duration,
    /// Operations of the timed part, as the benchmark counts them.
    pub operations: f64,
    /// What was computed, beside what is known. Without any, nothing is verified.
    pub checks: Vec<Check>,
}

impl Outcome {
    /// Whether there are checks, and all hold.
    pub fn is_verified(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(Check::holds)
    }

    /// Why it is not verified, in words; none if it is.
    pub(crate) fn failure(&self) -> Option<String> {
        let failed = self.checks.iter().filter(|check| !check.holds());
        let reasons: Vec<String> = failed.map(ToString::to_string).collect();
        match (self.checks.is_empty(), reasons.is_empty()) {
            (true, _) => Some("it checks nothing".into()),
            (false, true) => None,
            (false, false) => Some(reasons.join("; ")),
        }
    }

    /// 10^6 operations per second.
    pub fn mops(&self) -> f64 {
        self.operations / self.time.as_secs_f64() / 1e6
    }
}

/// A number that was computed, and what it must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Check {
    /// What it is.
    pub name: &'static str,
    /// As computed.
    pub computed: f64,
    /// As published.
    pub published: f64,
    /// The most that the relative error may be.
    pub tolerance: f64,
}

impl Check {
    /// A number that must be just this one: a count.
    pub fn exact(name: &'static str, computed: f64, published: f64) -> Check {
        Check { name, computed, published, tolerance: 0.0 }
    }

    /// The difference by the published value; if that is 0, the difference itself.
    pub fn relative_error(&self) -> f64 {
        let scale = if self.published == 0.0 { 1.0 } else { self.published.abs() };
        (self.computed - self.published).abs() / scale
    }

    /// Whether it is near enough; what is not a number never is.
    pub fn holds(&self) -> bool {
        self.relative_error() <= self.tolerance
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Check { name, computed, published, tolerance } = self;
        let error = self.relative_error();
        write!(
            f,
            "{name} is {computed:e}, {published:e} was published: off by {error:.1e}, and \
             {tolerance:e} may be"
        )
    }
}

/// Benchmarks that belong together, under the name of a command.
#[derive(Debug)]
pub struct Suite {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) benchmarks: Vec<Named>,
}

/// A benchmark with its type erased.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    pub(crate) classes: Vec<Class>,
}

/// A benchmark of one size with its data: each call runs it once.
pub(crate) type Running<'e> = Box<dyn FnMut() -> Result<Outcome> + 'e>;

/// Makes a benchmark's data on an engine.
type PrepareFn = Box<dyn for<'e> Fn(&'e Engine) -> Result<Running<'e>> + Send + Sync>;

/// One of its sizes.
pub(crate) struct Class {
    pub(crate) name: &'static str,
    pub(crate) size: String,
    pub(crate) work: Work,
    prepare: PrepareFn,
}

impl Class {
    fn of<B: Benchmark>(problem: &'static B) -> Class {
        let (name, size, work) = (problem.class(), problem.size(), problem.work());
        Class { name, size, work, prepare: Box::new(|engine| running(problem, engine)) }
    }

    pub(crate) fn prepare<'e>(&self, engine: &'e Engine) -> Result<Running<'e>> {
        (self.prepare)(engine)
    }

    pub(crate) fn run(&self, engine: &Engine) -> Result<Outcome> {
        self.prepare(engine)?()
    }
}

fn running<'e, B: Benchmark>(problem: &'static B, engine: &'e Engine) -> Result<Running<'e>> {
    let mut ready = problem.prepare(engine)?;
    Ok(Box::new(move || problem.run(engine, &mut ready)))
}

impl std::fmt::Debug for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Class").field("name", &self.name).field("size", &self.size).finish()
    }
}

impl Suite {
    /// A suite without benchmarks; its name becomes a command, and its title says what it is.
    pub fn new(name: &'static str, title: &'static str) -> Suite {
        Suite { name, title, benchmarks: vec![] }
    }

    /// Adds a benchmark under a name.
    ///
    /// # Panics
    ///
    /// If the suite has the name already.
    #[must_use]
    #[allow(clippy::should_implement_trait, reason = "nothing is summed here")]
    pub fn add<B: Benchmark>(mut self, name: &'static str) -> Suite {
        let is_new = self.benchmarks.iter().all(|other| other.name != name);
        assert!(is_new, "the suite `{}` has two benchmarks of the name `{name}`", self.name);
        let classes = B::CLASSES.iter().map(Class::of).collect();
        self.benchmarks.push(Named { name, summary: B::SUMMARY, classes });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_hold_within_their_tolerance() {
        let near = Check { name: "x", computed: -1.0 - 1e-9, published: -1.0, tolerance: 1e-8 };
        assert!(near.holds());
        assert!(!Check { tolerance: 1e-10, ..near }.holds());
        assert!(!Check { computed: f64::NAN, ..near }.holds());
        assert!(!Check { computed: 1.0, ..near }.holds());
        assert!(Check::exact("count", 0.0, 0.0).holds());
        assert!(!Check::exact("count", 1.0, 0.0).holds());
        let unchecked =
            Outcome { iterations: 1, time: Duration::ZERO, operations: 1.0, checks: vec![] };
        assert!(!unchecked.is_verified());
    }
}
