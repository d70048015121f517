//! What a worker or child process has of a thing that is the coordinator's.
//!
//! The coordinator counts its own handles. Each other process counts its own here, and its seat's bit in
//! the thing's header says whether there are any: a thing's memory stays as long as a bit is set. A
//! death clears the bit at the burial.

use super::header::Header;
use crate::memory::Region;
use crate::process::forks;
use crate::shared::seat::Seat;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// All handles that this process has of one thing.
pub(super) struct Loan {
    pub(super) region: &'static Region,
    offset: usize,
    id: u64,
    /// Of this process, when it was made: a forked child has neither the handles nor the region.
    forks: u32,
}

/// Those of this process, by the numbers of the things.
static LOANS: Mutex<BTreeMap<u64, Weak<Loan>>> = Mutex::new(BTreeMap::new());

fn loans() -> MutexGuard<'static, BTreeMap<u64, Weak<Loan>>> {
    LOANS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Loan {
    /// One more handle of the thing at an offset, which is there.
    pub(super) fn of(region: &'static Region, offset: usize, id: u64) -> Arc<Loan> {
        let mut loans = loans();
        if let Some(loan) = loans.get(&id).and_then(Weak::upgrade) {
            return loan;
        }
        let loan = Arc::new(Loan { region, offset, id, forks: forks::count() });
        loan.header().hold(Seat::here());
        loans.insert(id, Arc::downgrade(&loan));
        loan
    }

    fn header(&self) -> &Header {
        self.region.at(self.offset)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if forks::count() != self.forks {
            return;
        }
        let mut loans = loans();
        // Another may have come meanwhile.
        if loans.get(&self.id).is_some_and(|loan| loan.strong_count() == 0) {
            loans.remove(&self.id);
            // Whoever panics with a handle counts as one that has it until its process is no more: others
            // may wait for it, at a barrier say.
            if !std::thread::panicking() {
                self.header().forget(Seat::here());
            }
        }
    }
}
