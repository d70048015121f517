//! Notes a worker's fault before it dies of it: the address, whether it was to be written, whether it
//! was the end of the stack; and the most memory that it has had in use.
//!
//! The standard library's own handler is installed by `main`, which never runs in a worker. This
//! one prints nothing: it leaves some words in the region for the death record, and lets the fault
//! do its work. Kernels that install handlers of their own replace it.

use super::peak::own_peak_bytes;
use super::shield;
use crate::fault_place::FaultAccess;
use crate::memory::{Region, Shareable};
use crate::shared::damage::Damage;
use nix::sys::resource::{Resource, getrlimit};
use std::ffi::{CStr, c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// A worker's words about its fault; written by its handler, read once it is reaped.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct FaultWords {
    kind: AtomicU64,
    /// The address, or the stack's limit in bytes.
    value: AtomicU64,
    /// Where the address lies in the region, if it does: 1 more than its offset.
    offset: AtomicU64,
    /// What was to be done there.
    access: AtomicU64,
    /// What the worker found written over, if it ended itself for that.
    damage: AtomicU64,
    /// The most memory that it has had in use, in bytes, if it or whoever ended it took that down.
    peak: AtomicU64,
}

// SAFETY: nothing but atomics.
unsafe impl Shareable for FaultWords {}

/// What a worker noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It touched this address.
    At {
        address: u64,
        /// Where that lies in the region, if it does.
        offset: Option<usize>,
        access: FaultAccess,
        /// What stopped the write was a fence.
        fenced: bool,
    },
    /// It ran out of a stack of so many bytes.
    StackOverflow(u64),
}

const NONE: u64 = 0;
const AT: u64 = 1;
const STACK: u64 = 2;

const READ: u64 = 1;
const WRITE: u64 = 2;
/// Beside the others: in the fenced mapping, or in arrays.
const FENCED: u64 = 4;

impl FaultWords {
    /// Notes that this worker ends itself, as the engine's own words were written over.
    pub(crate) fn note_damage(&self, what: Damage) {
        self.damage.store(what as u64, Relaxed);
    }

    /// What a worker that is no more found written over.
    pub(crate) fn damage(&self) -> Option<Damage> {
        Damage::of_word(self.damage.load(Relaxed))
    }

    /// Notes the most memory that the worker has had in use.
    pub(crate) fn note_peak(&self, bytes: u64) {
        self.peak.store(bytes, Relaxed);
    }

    /// Takes the most memory that a worker that is no more has had in use.
    pub(crate) fn take_peak(&self) -> Option<u64> {
        Some(self.peak.swap(0, Relaxed)).filter(|bytes| *bytes != 0)
    }

    /// Takes what was noted by a worker that is no more.
    pub(crate) fn take(&self) -> Option<Fault> {
        let value = self.value.load(Relaxed);
        match self.kind.swap(NONE, Relaxed) {
            AT => {
                let how = self.access.load(Relaxed);
                let access = match how & (READ | WRITE) {
                    READ => FaultAccess::Read,
                    WRITE => FaultAccess::Write,
                    _ => FaultAccess::Unknown,
                };
                let offset = self.offset.load(Relaxed).checked_sub(1).map(|at| at as usize);
                let fenced = how & FENCED != 0 && access == FaultAccess::Write;
                Some(Fault::At { address: value, offset, access, fenced })
            }
            STACK => Some(Fault::StackOverflow(value)),
            _ => None,
        }
    }

    fn note(&self, kind: u64, value: u64) {
        self.value.store(value, Relaxed);
        self.kind.store(kind, Relaxed);
    }

    fn note_fault(&self, code: c_int, address: usize, context: *mut c_void) {
        let low = STACK_LOW.load(Relaxed);
        let below_stack = low.saturating_sub(GUARD)..low.saturating_add(4096);
        if low > 0 && below_stack.contains(&address) {
            self.note(STACK, STACK_BYTES.load(Relaxed) as u64);
        } else if code != libc::SI_KERNEL {
            // Of an address that no process can have the kernel gives none.
            self.note_address(address, access(context));
        }
    }

    fn note_address(&self, address: usize, access: u64) {
        let inside = |mapping: usize| {
            let base = BASES[mapping].load(Relaxed);
            let offset = address.checked_sub(base).filter(|_| base != 0)?;
            // Through the engine's mapping all arrays can be written, but for the shield.
            let fenced = mapping == 1 || !Region::is_guard(offset) && !Region::is_control(offset);
            (offset < LEN.load(Relaxed)).then_some((offset, if fenced { FENCED } else { 0 }))
        };
        let found = inside(0).or_else(|| inside(1));
        self.offset.store(found.map_or(0, |(offset, _)| offset as u64 + 1), Relaxed);
        self.access.store(access | found.map_or(0, |(_, fenced)| fenced), Relaxed);
        self.note(AT, address as u64);
    }
}

static WORDS: AtomicPtr<FaultWords> = AtomicPtr::new(null_mut());
/// Where the region is mapped: for the engine, and with fences once more for kernels' views.
static BASES: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];
static LEN: AtomicUsize = AtomicUsize::new(0);
/// Lowest address of the main thread's stack, and its limit in bytes; 0 where there is no limit.
static STACK_LOW: AtomicUsize = AtomicUsize::new(0);
static STACK_BYTES: AtomicUsize = AtomicUsize::new(0);
/// The handler's own stack: only the kernel knows it otherwise, and leak checkers ask us.
static HANDLER_STACK: AtomicPtr<u8> = AtomicPtr::new(null_mut());
/// Below the stack the kernel keeps this much free, and one frame may reach as far into it.
const GUARD: usize = 1 << 20;

/// Notes faults of this process in `words` from now on; `region` and `views` are its mappings.
pub(crate) fn watch(words: &'static FaultWords, region: &Region, views: Option<&Region>) {
    LEN.store(region.capacity(), Relaxed);
    for (base, mapping) in BASES.iter().zip([Some(region), views]) {
        base.store(mapping.map_or(0, |mapping| mapping.bytes(0, 1).addr().get()), Relaxed);
    }
    WORDS.store(std::ptr::from_ref(words).cast_mut(), Relaxed);
    if let (Ok((limit, _)), Some(top)) = (getrlimit(Resource::RLIMIT_STACK), stack_top())
        && limit != libc::RLIM_INFINITY
    {
        STACK_LOW.store(top.saturating_sub(limit as usize), Relaxed);
        STACK_BYTES.store(limit as usize, Relaxed);
    }
    // The handler needs a stack of its own: the thread's may be used up.
    let stack = Box::leak(vec![0u8; 64 << 10].into_boxed_slice());
    HANDLER_STACK.store(stack.as_mut_ptr(), Relaxed);
    let stack =
        libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: the buffer lives as long as the process, and nothing else uses it.
    unsafe { libc::sigaltstack(&raw const stack, null_mut()) };
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGABRT, libc::SIGILL, libc::SIGFPE] {
        // SAFETY: all zeroes are a valid `sigaction`.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = note as *const () as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: the handler does only what a signal handler may: atomics and a few system calls.
        unsafe { libc::sigaction(signal, &raw const action, null_mut()) };
    }
}

extern "C" fn note(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a description that is valid during the call.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr() as usize) };
    let from_kernel = code > 0;
    let is_fault = from_kernel && [libc::SIGSEGV, libc::SIGBUS].contains(&signal);
    // SAFETY: null, or words in the region, which is mapped for the life of this process.
    if let Some(words) = unsafe { WORDS.load(Relaxed).as_ref() } {
        shield::lifted(|| {
            own_peak_bytes().into_iter().for_each(|bytes| words.note_peak(bytes));
            if is_fault {
                words.note_fault(code, address, context);
            }
        });
    }
    // SAFETY: both are allowed in a handler. Returning runs the faulting instruction again, which
    // now kills; what somebody has sent does not come again by itself.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        if !from_kernel {
            libc::raise(signal);
        }
    }
}

/// What the instruction was to do, as the CPU says.
#[cfg(target_arch = "x86_64")]
fn access(context: *mut c_void) -> u64 {
    /// Of the page fault's error code.
    const IS_WRITE: i64 = 2;
    // SAFETY: the kernel passes the interrupted thread's context, valid during the handler.
    let context = unsafe { &*context.cast::<libc::ucontext_t>() };
    let error = context.uc_mcontext.gregs[libc::REG_ERR as usize];
    if error & IS_WRITE != 0 { WRITE } else { READ }
}

#[cfg(not(target_arch = "x86_64"))]
fn access(_: *mut c_void) -> u64 {
    0
}

/// The end of the main thread's stack, which begins with the program's file name.
fn stack_top() -> Option<usize> {
    // SAFETY: reads the auxiliary vector; the entry is null or a C string at the stack's end.
    let name = unsafe { libc::getauxval(libc::AT_EXECFN) } as *const std::ffi::c_char;
    if name.is_null() {
        return None;
    }
    // SAFETY: as above.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul().len();
    // A null pointer follows the name, then the mapping ends.
    Some((name as usize + bytes + size_of::<usize>()).next_multiple_of(4096))
}
