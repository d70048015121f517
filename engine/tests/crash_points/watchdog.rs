//! Ends the test, naming the case, if a launch does not return: a hang must not hang the tests.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// How long a case may take, deaths and replacements included, on a machine that is busy.
pub(crate) const BOUND: Duration = Duration::from_secs(20);

/// Watches one thread, case by case.
pub(crate) struct Watchdog(Sender<String>);

impl Watchdog {
    pub(crate) fn new() -> Watchdog {
        let (news, watched) = channel();
        std::thread::spawn(move || watch(&watched));
        Watchdog(news)
    }

    /// A case begins, and the one before it has ended.
    pub(crate) fn begin(&self, case: &str) {
        self.0.send(case.to_owned()).expect("the watchdog lives as long as this");
    }
}

fn watch(news: &Receiver<String>) {
    let Ok(mut case) = news.recv() else { return };
    loop {
        match news.recv_timeout(BOUND) {
            Ok(next) => case = next,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                eprintln!("not back after {BOUND:?}: {case}");
                std::process::abort();
            }
        }
    }
}
