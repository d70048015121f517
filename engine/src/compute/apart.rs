//! A partial result that stays apart from its slot until its kernel has returned: behind fences the
//! slot cannot be written while user code runs, and a crash plan may let the worker die in between.

use super::access::{Located, Window};
use super::table::{Around, Runner};
use crate::shared::crash;
use crate::shared::protocol::CrashPoint;

/// A runner whose results are copied to their slots.
pub(crate) struct Apart {
    pub(crate) inner: Box<dyn Runner>,
}

impl Around for Apart {
    fn inner(&self) -> &dyn Runner {
        &*self.inner
    }

    unsafe fn run(&self, window: &Window, at: &[Located], slot: &mut [u8]) {
        let mut result = vec![0; slot.len()];
        // SAFETY: the caller's promise.
        unsafe { self.inner.run(window, at, &mut result) };
        crash::pass(CrashPoint::Ran);
        slot.copy_from_slice(&result);
    }
}
