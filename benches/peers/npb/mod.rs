//! EP, CG and IS of the NAS Parallel Benchmarks, beside ports of the reference's algorithms to rayon
//! (here) and OpenMP (`openmp/npb_*.c`). Each side verifies its result against the published one.

mod cg;
mod ep;
mod is;

pub(crate) use cg::cg;
pub(crate) use ep::ep;
pub(crate) use is::is;

use crate::measure::{Bench, Row, Side, Unit, times};
use crate::{alone_and_together, cpus, engine, together};
use gristmill::{Benchmark, Engine};

/// Ours: prepared once, as the peers are. It times what counts.
fn ours<'a, B: Benchmark>(engine: &'a Engine, problem: &'static B) -> Side<'a> {
    let mut ready = problem.prepare(engine).expect("memory");
    times("ours", move || {
        let outcome = problem.run(engine, &mut ready).expect("it runs");
        assert!(outcome.is_verified(), "{:?}", outcome.checks);
        outcome.time
    })
}

/// The rows of a benchmark: classes S and W alone and together, A together, and with `--full` A alone and
/// B.
/// `sides` gives the peers of a class; those that there are not are left out.
fn rows<B: Benchmark>(
    bench: &Bench,
    name: &str,
    goal: f64,
    sides: impl Fn(&B, usize) -> Vec<Side<'static>>,
) -> Vec<Row> {
    let all = cpus().len();
    let row = |class: &str, workers: usize| {
        let problem = B::CLASSES.iter().find(|problem| problem.class() == class);
        let problem = problem.expect("all have this class");
        let engine = engine(workers);
        let mut compared = vec![ours(&engine, problem)];
        compared.extend(sides(problem, workers));
        let goal = (class == "A").then_some(goal);
        bench.compare(&format!("{name}_{class}"), workers, Unit::Milliseconds(1.0), goal, compared)
    };
    let small = alone_and_together().into_iter().flat_map(|n| [("S", n), ("W", n)]);
    let long = together(bench).into_iter().map(|n| ("A", n));
    let longest = bench.full.then_some(("B", all));
    small.chain(long).chain(longest).map(|(class, workers)| row(class, workers)).collect()
}
