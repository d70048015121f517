//! Sentences that stand in more than one picture, and on the page.

use super::numbers::ranges;
use super::results::{Curve, MarkKind, Results, Scaling, StudiedMachine};

/// What is wrong with a point, in few words.
pub(crate) fn mark_name(kind: MarkKind) -> &'static str {
    match kind {
        MarkKind::Oversubscribed => "more workers than CPUs",
        MarkKind::SharedCores => "workers share cores",
        MarkKind::Noisy => "noisy",
        MarkKind::Disturbed => "disturbed by others",
        MarkKind::Throttled => "slowed down",
    }
}

/// All of them.
pub(crate) const KINDS: [MarkKind; 5] = [
    MarkKind::Oversubscribed,
    MarkKind::SharedCores,
    MarkKind::Noisy,
    MarkKind::Disturbed,
    MarkKind::Throttled,
];

/// What stays the same in this study.
pub(crate) fn scaling_name(scaling: Scaling) -> &'static str {
    match scaling {
        Scaling::Strong => "Strong scaling",
        Scaling::Weak => "Weak scaling",
    }
}

/// Such as "1 worker", "8 workers".
pub(crate) fn workers(count: usize) -> String {
    match count {
        1 => "1\u{a0}worker".to_owned(),
        more => format!("{more}\u{a0}workers"),
    }
}

/// The processor and how many CPUs of it were there to be used.
pub(crate) fn machine(machine: &StudiedMachine) -> String {
    let plural = |count: usize, word: &str| match count {
        1 => format!("1\u{a0}{word}"),
        more => format!("{more}\u{a0}{word}s"),
    };
    let cpu = match machine.cpu.trim() {
        "" => "a CPU without a name",
        named => named,
    };
    let (cpus, cores) = (machine.cpus.len(), machine.cores);
    let cores =
        if cores == cpus { String::new() } else { format!(" of {}", plural(cores, "core")) };
    format!("{cpu}, {}{cores}", plural(cpus, "CPU"))
}

/// What is meant by hollow markers of these curves; none if there are none.
pub(crate) fn hollow<'a>(
    curves: impl Iterator<Item = &'a Curve> + Clone,
    counts: &[usize],
) -> Option<String> {
    let marked = |kind: MarkKind| {
        let points = curves.clone().flat_map(|curve| &curve.points);
        let marked: Vec<usize> =
            points.filter(|point| point.is(kind)).map(|point| point.workers).collect();
        let at = ranges(&marked, counts);
        (!marked.is_empty()).then(|| format!("{} (at\u{a0}{at})", mark_name(kind)))
    };
    let reasons: Vec<String> = KINDS.into_iter().filter_map(marked).collect();
    (!reasons.is_empty())
        .then(|| format!("hollow: read with care. {}", sentence(&reasons.join(", "))))
}

/// A text that begins with a capital letter and ends with a full stop.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

/// The numbers of workers of a study, as its method has them or else as its points do.
pub(crate) fn counts(results: &Results) -> Vec<usize> {
    let points = results.curves.iter().flat_map(|curve| &curve.points);
    let of_points = points.map(|point| point.workers);
    let mut counts: Vec<usize> = results.method.workers.iter().copied().chain(of_points).collect();
    counts.sort_unstable();
    counts.dedup();
    counts
}
