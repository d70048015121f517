//! Work that can be measured: what an engine does with data of a size, its types erased.
//!
//! A scaling study runs it on engines with different numbers of workers; what it knows of it is
//! what stands here.

use super::size::{Size, Sizes, number, written};
use super::work::Work;
use crate::error::Result;
use crate::roles::Engine;
use std::fmt::Debug;
use std::time::{Duration, Instant};

/// A part of the work that is timed by itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    /// Its name; empty for the whole.
    pub(crate) name: String,
    pub(crate) work: Work,
}

/// A workload that is ready to run on an engine: one run, and how long each part took.
pub(crate) type Ready<'e> = Box<dyn FnMut(&mut Vec<Duration>) -> Result<()> + 'e>;

/// How a workload is made ready.
pub(crate) trait Prepare: Send + Sync {
    /// Makes the data of this size, which is not timed.
    fn prepare<'e>(&'e self, engine: &'e Engine, size: u64) -> Result<Ready<'e>>;

    /// The parts that a run times, in order.
    fn parts(&self, size: u64) -> Result<Vec<Part>>;

    /// The size in words, if it knows better than by its number.
    fn words(&self, _size: u64) -> Option<String> {
        None
    }
}

impl Prepare for &dyn Prepare {
    fn prepare<'e>(&'e self, engine: &'e Engine, size: u64) -> Result<Ready<'e>> {
        (**self).prepare(engine, size)
    }

    fn parts(&self, size: u64) -> Result<Vec<Part>> {
        (**self).parts(size)
    }

    fn words(&self, size: u64) -> Option<String> {
        (**self).words(size)
    }
}

/// Work that an engine does, of a size: what a [`Study`](crate::scale::Study) measures.
///
/// The engine that it is given has other workers each time, so arrays must be made on that engine,
/// when the work is prepared. What is not timed may take as long as it likes.
///
/// ```
/// use gristmill::{Array, Engine};
/// use gristmill::scale::{Work, Workload};
/// use ndarray::Ix1;
///
/// let sums = Workload::prepared(
///     "sums",
///     |engine: &Engine, n| engine.from_fn(n as usize, |i| i as f64),
///     |engine: &Engine, x: &mut Array<f64, Ix1>| engine.sum(x),
/// )
/// .sizes("elements", 1 << 20)
/// .work(|n| Work { bytes_read: 8.0 * n as f64, flops: Some(n as f64), ..Work::default() });
/// # let _ = sums;
/// ```
pub struct Workload<'w> {
    name: String,
    sizes: Sizes,
    prepare: Box<dyn Prepare + 'w>,
}

impl Debug for Workload<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workload").field("name", &self.name).field("sizes", &self.sizes).finish()
    }
}

impl<'w> Workload<'w> {
    /// A closure that takes an engine, all of which is timed: also what it does beside the engine.
    pub fn new<T>(
        name: impl Into<String>,
        run: impl Fn(&Engine) -> Result<T> + Send + Sync + 'w,
    ) -> Workload<'w>
    where
        T: 'w,
    {
        let workload = Workload::prepared(name, |_, _| Ok(()), move |engine, ()| run(engine));
        Workload { sizes: Sizes::One("as it is".into()), ..workload }
    }

    /// Data that are prepared on the engine, and a run over them, all of which is timed.
    pub fn prepared<S: 'w, T: 'w>(
        name: impl Into<String>,
        prepare: impl Fn(&Engine, u64) -> Result<S> + Send + Sync + 'w,
        run: impl Fn(&Engine, &mut S) -> Result<T> + Send + Sync + 'w,
    ) -> Workload<'w> {
        Workload::timed(name, prepare, move |engine, data| {
            let start = Instant::now();
            std::hint::black_box(run(engine, data)?);
            Ok(start.elapsed())
        })
    }

    /// The same for a run that itself says how long the part of it took that counts: one that must
    /// first put its data back, say.
    pub fn timed<S: 'w>(
        name: impl Into<String>,
        prepare: impl Fn(&Engine, u64) -> Result<S> + Send + Sync + 'w,
        run: impl Fn(&Engine, &mut S) -> Result<Duration> + Send + Sync + 'w,
    ) -> Workload<'w> {
        let prepare = Closures { prepare, run, data: data::<S>() };
        let sizes = Sizes::Numbers { unit: "elements", usual: 1 << 23, power: 1 };
        Workload { name: name.into(), sizes, prepare: Box::new(prepare) }
    }

    /// One of the command line's own.
    pub(crate) fn own(name: String, sizes: Own, prepare: Box<dyn Prepare + 'w>) -> Workload<'w> {
        let sizes = match sizes {
            Own::Elements { usual } => Sizes::Numbers { unit: "elements", usual, power: 1 },
            Own::Names(names) => Sizes::Names(names),
            Own::One(words) => Sizes::One(words),
        };
        Workload { name, sizes, prepare }
    }

    /// The same workload, of whoever keeps it.
    pub(crate) fn borrowed(&self) -> Workload<'_> {
        Workload {
            name: self.name.clone(),
            sizes: self.sizes.clone(),
            prepare: Box::new(&*self.prepare),
        }
    }

    /// What its sizes count, in the plural, and the usual one.
    #[must_use]
    pub fn sizes(self, unit: &'static str, usual: u64) -> Workload<'w> {
        let power = match self.sizes {
            Sizes::Numbers { power, .. } => power,
            _ => 1,
        };
        Workload { sizes: Sizes::Numbers { unit, usual, power }, ..self }
    }

    /// The work grows as this power of the size: 3 for the product of two matrices of `n` rows. In
    /// weak scaling the size grows so that each worker has the same to do.
    ///
    /// # Panics
    ///
    /// If the power is 0.
    #[must_use]
    pub fn grows(self, power: u32) -> Workload<'w> {
        assert!(power > 0, "work that does not grow with its size cannot be weighed");
        let (unit, usual) = match self.sizes {
            Sizes::Numbers { unit, usual, .. } => (unit, usual),
            _ => ("elements", 1 << 23),
        };
        Workload { sizes: Sizes::Numbers { unit, usual, power }, ..self }
    }

    /// What is done in a run of a size. Where its `units` are 0 the size itself, to the power with
    /// which the work [grows](Workload::grows), is how much it is.
    #[must_use]
    pub fn work(self, work: impl Fn(u64) -> Work + Send + Sync + 'w) -> Workload<'w> {
        Workload { prepare: Box::new(Told { work, inner: self.prepare }), ..self }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The size that is taken if nothing is said.
    pub fn usual_size(&self) -> Size {
        self.size_of(match &self.sizes {
            Sizes::Numbers { usual, .. } => *usual,
            Sizes::Names(_) | Sizes::One(_) => 0,
        })
    }

    /// The size that somebody wrote: a number such as `8388608`, `8M`, `1e6` or `8Mi`, or a name.
    ///
    /// # Errors
    ///
    /// Why it is none, in words.
    pub fn size(&self, text: &str) -> Result<Size, String> {
        match &self.sizes {
            Sizes::Numbers { unit, .. } => match number(text) {
                Some(number) => Ok(self.size_of(number)),
                None => Err(format!(
                    "`{}` takes a number of {unit}, such as 1000000, 1M or 1Mi, not `{text}`",
                    self.name
                )),
            },
            Sizes::Names(names) => {
                let at = names.iter().position(|(name, _)| name.eq_ignore_ascii_case(text));
                at.map(|at| self.size_of(at as u64)).ok_or_else(|| {
                    let names: Vec<&str> = names.iter().map(|(name, _)| &**name).collect();
                    format!("`{}` has the sizes {}, not `{text}`", self.name, names.join(", "))
                })
            }
            Sizes::One(words) => {
                Err(format!("`{}` has one size, {words}, so none can be given", self.name))
            }
        }
    }

    /// The size that gives each of `workers` as much to do as this one gives a single worker.
    ///
    /// # Errors
    ///
    /// If its sizes do not grow.
    pub(crate) fn grown(&self, size: &Size, workers: usize) -> Result<Size, String> {
        let Sizes::Numbers { power, .. } = self.sizes else {
            return Err(format!(
                "`{}` cannot be scaled weakly: its size is not a number that could grow with the \
                 workers",
                self.name
            ));
        };
        let factor = (workers as f64).powf(1.0 / f64::from(power));
        Ok(self.size_of((size.number as f64 * factor).round() as u64))
    }

    fn size_of(&self, number: u64) -> Size {
        let words = self.prepare.words(number).unwrap_or_else(|| match &self.sizes {
            Sizes::Numbers { unit, .. } => format!("{number} {unit}"),
            Sizes::Names(names) => {
                let (name, words) = &names[number as usize];
                format!("{name} ({words})")
            }
            Sizes::One(words) => words.clone(),
        });
        let text = match &self.sizes {
            Sizes::Numbers { .. } => written(number),
            Sizes::Names(names) => names[number as usize].0.clone(),
            Sizes::One(_) => String::new(),
        };
        Size { number, text, words }
    }

    /// The parts that a run of this size times.
    pub(crate) fn parts(&self, size: &Size) -> Result<Vec<Part>> {
        let mut parts = self.prepare.parts(size.number)?;
        let power = match self.sizes {
            Sizes::Numbers { power, .. } => power,
            _ => 1,
        };
        for part in &mut parts {
            if part.work.units == 0.0 {
                part.work.units = units(size.number, power);
            }
        }
        Ok(parts)
    }

    pub(crate) fn prepare<'e>(&'e self, engine: &'e Engine, size: &Size) -> Result<Ready<'e>> {
        self.prepare.prepare(engine, size.number)
    }
}

/// Sizes of the command line's own workloads.
pub(crate) enum Own {
    Elements {
        usual: u64,
    },
    /// Each with what it means.
    Names(Vec<(String, String)>),
    One(String),
}

/// How much work of this size is, which grows as this power of it.
fn units(size: u64, power: u32) -> f64 {
    (size.max(1) as f64).powi(power as i32)
}

/// A workload of two closures.
struct Closures<S, P, R> {
    prepare: P,
    run: R,
    data: Data<S>,
}

/// Says that a workload makes such data, without having any.
type Data<S> = std::marker::PhantomData<fn() -> S>;

fn data<S>() -> Data<S> {
    std::marker::PhantomData
}

impl<S, P, R> Prepare for Closures<S, P, R>
where
    P: Fn(&Engine, u64) -> Result<S> + Send + Sync,
    R: Fn(&Engine, &mut S) -> Result<Duration> + Send + Sync,
{
    fn prepare<'e>(&'e self, engine: &'e Engine, size: u64) -> Result<Ready<'e>> {
        let mut data = (self.prepare)(engine, size)?;
        Ok(Box::new(move |times| {
            times.push((self.run)(engine, &mut data)?);
            Ok(())
        }))
    }

    fn parts(&self, _: u64) -> Result<Vec<Part>> {
        Ok(vec![Part { name: String::new(), work: Work::default() }])
    }
}

/// A workload whose work is told.
struct Told<'w, W> {
    work: W,
    inner: Box<dyn Prepare + 'w>,
}

impl<W: Fn(u64) -> Work + Send + Sync> Prepare for Told<'_, W> {
    fn prepare<'e>(&'e self, engine: &'e Engine, size: u64) -> Result<Ready<'e>> {
        self.inner.prepare(engine, size)
    }

    fn parts(&self, size: u64) -> Result<Vec<Part>> {
        Ok(vec![Part { name: String::new(), work: (self.work)(size) }])
    }

    fn words(&self, size: u64) -> Option<String> {
        self.inner.words(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_scaling_gives_each_worker_the_same() {
        let line = Workload::timed("line", |_, _| Ok(()), |_, ()| Ok(Duration::ZERO));
        let size = line.size("1000").unwrap();
        assert_eq!(line.grown(&size, 4).unwrap().number, 4000);
        let cube = line.sizes("rows", 10).grows(3);
        let grown = cube.grown(&cube.usual_size(), 8).unwrap();
        assert_eq!((grown.number, grown.words.as_str()), (20, "20 rows"));
        assert_eq!(cube.parts(&grown).unwrap()[0].work.units, 8000.0);
        let one = Workload::new("one", |_| Ok(()));
        assert!(one.grown(&one.usual_size(), 2).unwrap_err().contains("cannot be scaled weakly"));
        assert!(one.size("3").unwrap_err().contains("has one size"));
    }
}
