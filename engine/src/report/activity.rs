//! What workers are about, and for how long, in words.

use crate::roles::{Activity, WorkerActivity};
use std::time::Duration;

/// From here on it is worth telling that a worker is still at the same thing.
const LONG: Duration = Duration::from_secs(3);

/// What a worker is about. Tasks of a job are files.
pub(crate) fn activity(activity: &Activity) -> String {
    match activity {
        Activity::Starting => "starting".into(),
        Activity::Idle => "idle".into(),
        Activity::Claiming => "between chunks".into(),
        Activity::Chunk { place, .. } => {
            format!("chunk {} ({}..{})", place.chunk, place.start, place.end)
        }
        Activity::Merge { .. } => "merging".into(),
        Activity::Fold => "folding".into(),
        Activity::Task { index, .. } => format!("file {index}"),
    }
}

/// The worker that has been at the same thing for longest, if that is long.
pub(crate) fn longest(workers: &[WorkerActivity]) -> Option<String> {
    let rests = |worker: &&WorkerActivity| {
        !matches!(worker.activity, Activity::Idle | Activity::Starting | Activity::Claiming)
    };
    let worker = workers.iter().filter(rests).max_by_key(|worker| worker.since)?;
    let what = match &worker.activity {
        Activity::Chunk { place, .. } => format!("chunk {}", place.chunk),
        other => activity(other),
    };
    let (time, rank) = (duration(worker.since), worker.rank);
    (worker.since >= LONG).then(|| format!("{what} for {time} (worker {rank})"))
}

/// A time, in the unit that suits it.
pub(crate) fn duration(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds @ 1..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::Engine;

    #[test]
    fn times_are_short() {
        for (millis, said) in
            [(7, "7 ms"), (12_900, "12 s"), (150_000, "2 min 30 s"), (9_000_000, "2 h 30 min")]
        {
            assert_eq!(duration(Duration::from_millis(millis)), said);
        }
    }

    #[test]
    fn the_longest_is_told_if_it_is_long() {
        let engine = Engine::builder().workers(3).build().unwrap();
        let mut workers = engine.activities();
        let times = [2, 12, 99].map(Duration::from_secs);
        workers.iter_mut().zip(times).for_each(|(worker, time)| worker.since = time);
        workers[0].activity = Activity::Fold;
        workers[1].activity = Activity::Task { task: "save", index: 4 };
        workers[2].activity = Activity::Idle;
        assert_eq!(longest(&workers).as_deref(), Some("file 4 for 12 s (worker 1)"));
        assert_eq!(longest(&workers[..1]), None);
    }
}
