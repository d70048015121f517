//! A clock that all processes of the machine read alike.

use nix::time::ClockId;
use std::time::Duration;

/// Nanoseconds since some moment before this process began; never 0, which can stand for "not yet".
pub(crate) fn monotonic_ns() -> u64 {
    // Every Linux has this clock.
    let now = ClockId::CLOCK_MONOTONIC.now().map_or(Duration::ZERO, Duration::from);
    (now.as_nanos() as u64).max(1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_goes_on_and_is_never_0() {
        let before = super::monotonic_ns();
        assert!(before > 0 && super::monotonic_ns() >= before);
    }
}
