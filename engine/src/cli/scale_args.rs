//! The words of `gristmill scale` and `gristmill bench`, and the help that explains them.

use clap::Args as ClapArgs;
use std::path::PathBuf;
use std::time::Duration;

/// Workers at most.
pub(super) const WORKERS_MAX: i64 = crate::compute::WORKERS_MAX as i64;

pub(super) const SCALE_EXAMPLES: &str = "\
Examples:
  gristmill scale triad dot                       strong scaling, 1 worker to all CPUs
  gristmill scale triad:64Mi npb_cg:W --peer rayon
  gristmill scale gemm --size 512 1024 --workers 1,2,4,8
  gristmill scale triad --weak                    each worker gets 8388608 elements
  gristmill scale --job data/jobs/terrain.toml    its steps, and all of them
  gristmill scale --compare before.json after.json

KERNEL is one of `gristmill kernels`, or of those that this command lists if the name is \
unknown; a benchmark is SUITE_NAME, such as npb_cg. Sizes are elements, or what the kernel \
counts: 8388608, 8M, 8Mi, or a benchmark's class. docs/scaling.md says what each figure means.

The results are scale.html, a page with all of it; scale.svg and roofline.svg; and scale.json, \
with every sample. They replace those of an earlier study in the folder.

Exit status: 0 done, 1 it failed, 2 the command line is wrong, 3 with --compare: something got \
slower beyond the noise, 130 interrupted by Ctrl-C (what was measured is kept), 143 terminated.";

pub(super) const BENCH_EXAMPLES: &str = "\
Examples:
  gristmill bench
  gristmill bench triad dot gemm
  gristmill bench --json > card.json

All kernels take some three minutes at most. GB/s and GFLOP/s are of what must be moved and \
computed at least; the roof is what plain threads reach on this machine, with a star where the \
data would fit the caches; balance is the mean of the workers' CPU time by the greatest; \
overhead is what a step with as many chunks costs that does nothing.";

/// `gristmill scale`
#[derive(Debug, Clone, PartialEq, ClapArgs)]
pub(crate) struct ScaleArgs {
    /// What to measure, each with sizes of its own if it is to have any
    #[arg(value_name = "KERNEL[:SIZE,…]", required_unless_present_any = ["job", "compare"])]
    pub(crate) kernels: Vec<String>,
    /// Measure the steps of a job file, on its own inputs; nothing is written of their results
    #[arg(long, value_name = "JOB.toml", conflicts_with_all = ["kernels", "size", "weak", "set"])]
    pub(crate) job: Option<PathBuf>,
    /// Sizes of the kernels that are given none; behind them [default: a usual one]
    #[arg(long, value_name = "N", num_args = 1.., value_delimiter = ',')]
    pub(crate) size: Vec<String>,
    /// A parameter of a kernel, such as bins=64, as in a job file
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Numbers of workers [default: 1, 2, 4, … and one per allowed CPU]
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(1..=WORKERS_MAX))]
    pub(crate) workers: Vec<u32>,
    /// Weak scaling: the size is that of one worker, and grows with their number
    #[arg(long)]
    pub(crate) weak: bool,
    /// Measure the same kernels on threads of rayon as well, in the same rounds
    #[arg(long, value_name = "rayon", value_parser = ["rayon"])]
    pub(crate) peer: Option<String>,
    /// The longest that each kernel is measured at each size; it ends sooner when all medians are
    /// known to 2 %
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    pub(crate) time: Duration,
    /// The folder for the results; created if it is missing [default: out/scale, or out/compare]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Say what got slower or faster from one study to another, beyond the noise
    #[arg(long, num_args = 2, value_names = ["A.json", "B.json"], conflicts_with_all = ["kernels", "job", "size", "set", "workers", "weak", "peer", "json"])]
    pub(crate) compare: Vec<PathBuf>,
    /// Print scale.json on standard output, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
    /// No progress and no tables; warnings and errors are shown
    #[arg(long)]
    pub(crate) quiet: bool,
}

/// `gristmill bench`
#[derive(Debug, Clone, PartialEq, Eq, ClapArgs)]
pub(crate) struct BenchArgs {
    /// What to measure [default: everything]
    #[arg(value_name = "KERNEL[:SIZE]")]
    pub(crate) kernels: Vec<String>,
    /// Worker processes [default: one per allowed CPU]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=WORKERS_MAX))]
    pub(crate) workers: Option<u32>,
    /// Print the cards as JSON on standard output, and nothing else there
    #[arg(long)]
    pub(crate) json: bool,
}

/// A time in seconds, above 0 and of a day at most.
fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds, such as 30")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() && seconds <= 86_400.0 => Ok(time),
        _ => Err("write a number of seconds above 0, of a day at most".into()),
    }
}
