//! The control block: everything in the region that is no array. Its layout is the contract between
//! coordinator and workers, who are the same executable.

use super::failure::FailurePage;
use super::frame::{Frame, FrameWords};
use super::hold::HoldWords;
#[cfg(test)]
use crate::memory::CONTROL;
use crate::memory::{Region, Shareable};
use crate::process::fault::FaultWords;
use crate::shared::cell::Record;
use crate::shared::child::ChildPost;
use crate::shared::crash::CrashWords;
use crate::shared::damage::{Damage, first_serial, seal};
use crate::shared::lock::LockBytes;
use crate::shared::protocol::{Board, Hardware, Heart, Line, Post};
use crate::shared::queue::Queue;
use std::ops::Deref;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::shared::seat::CHILDREN_MAX;
pub(crate) use crate::shared::seat::WORKERS_MAX;
/// Words of a plan's image.
pub(crate) const IMAGE_WORDS: usize = 32 << 10;
/// Task queues that can be open at once.
pub(crate) const QUEUES: usize = 8;

const MAGIC: u64 = u64::from_le_bytes(*b"gristml\x01");

/// The control block as it lies in the region.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ControlBlock {
    /// Stored last by the creator: the magic number, and a seal of the words up to `fences`.
    magic: AtomicU64,
    nonce: AtomicU64,
    workers: AtomicU64,
    /// Turns that a waiting worker spins before it sleeps.
    spins: AtomicU64,
    /// 1 if workers put up fences.
    fences: AtomicU64,
    /// Number of the plan that is to stop early.
    pub(crate) cancelled: AtomicU64,
    /// Threads of the coordinator that wait for `finish`.
    pub(crate) waiting: AtomicU64,
    /// What workers sleep on; grows by one at each wake.
    pub(crate) bell: Line<AtomicU32>,
    /// What threads of the coordinator sleep on; grows at the end of a plan or a task.
    pub(crate) finish: Line<AtomicU32>,
    /// How often a worker has asked for room for a task's result.
    pub(crate) wishes: Line<AtomicU64>,
    heart: Heart<Hardware>,
    after_heart: AtomicU64,
    frames: [FrameWords; 2],
    pub(crate) image: [AtomicU64; IMAGE_WORDS],
    after_image: AtomicU64,
    pub(crate) lock: LockBytes,
    pub(crate) cell: Record<Hardware>,
    /// A bit for each queue that is open.
    pub(crate) open_queues: AtomicU64,
    pub(crate) queues: [Queue<Hardware>; QUEUES],
    after_queues: AtomicU64,
    pub(crate) failures: [FailurePage; WORKERS_MAX],
    /// What each worker noted of the fault that it died of.
    pub(crate) faults: [FaultWords; WORKERS_MAX],
    /// When each worker was ready to work, by the monotonic clock in nanoseconds; 0 before.
    pub(crate) ready_ns: [AtomicU64; WORKERS_MAX],
    /// Which stage of the chunk in its hands each worker is at; 0 but in steps of several stages.
    pub(crate) stages: [Line<AtomicU64>; WORKERS_MAX],
    /// A chunk that is to be run alone.
    pub(crate) hold: HoldWords,
    after_faults: AtomicU64,
    posts: [Post<Hardware>; WORKERS_MAX],
    pub(crate) crash: CrashWords,
    pub(crate) children: [ChildPost; CHILDREN_MAX],
    /// What each child process noted of the fault that it died of.
    pub(crate) child_faults: [FaultWords; CHILDREN_MAX],
    end: AtomicU64,
}

// SAFETY: every field is shareable, or a lone atomic, or padding.
unsafe impl Shareable for ControlBlock {}

/// The control block as a process sees it, with what this must not take from there: user code may
/// have written over it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Control<'r> {
    pub(crate) block: &'r ControlBlock,
    pub(crate) start: Start,
}

/// What an engine is started with, and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    /// Drawn by the coordinator, and handed to workers.
    pub(crate) nonce: u64,
    pub(crate) workers: usize,
    /// Turns that a waiting worker spins before it sleeps.
    pub(crate) spins: u32,
    /// Whether workers put up fences.
    pub(crate) fences: bool,
}

impl Deref for Control<'_> {
    type Target = ControlBlock;

    fn deref(&self) -> &ControlBlock {
        self.block
    }
}

impl Start {
    fn magic(self) -> u64 {
        MAGIC ^ seal([self.nonce, self.workers as u64, self.spins.into(), self.fences.into()])
    }
}

#[cfg(test)]
impl ControlBlock {
    /// The words that an engine of so many workers uses, by what they are, as offsets in the region.
    pub(crate) fn used(workers: usize) -> Vec<(&'static str, Vec<usize>)> {
        use std::mem::offset_of;
        let words = |start: usize, bytes: usize| {
            (start..start + bytes).step_by(8).map(|at| CONTROL + at).collect::<Vec<_>>()
        };
        let lines = |start: usize, n: usize| (0..n).map(|n| CONTROL + start + 128 * n).collect();
        let (queue, post) = (offset_of!(ControlBlock, queues), offset_of!(ControlBlock, posts));
        let posts = || (0..workers).map(|rank| post + rank * size_of::<Post<Hardware>>());
        let each = |start: usize, stride: usize, bytes: usize| {
            (0..workers).flat_map(|rank| words(start + rank * stride, bytes)).collect::<Vec<_>>()
        };
        let failures = offset_of!(ControlBlock, failures);
        let frames = offset_of!(ControlBlock, frames);
        vec![
            ("what never changes", words(0, offset_of!(ControlBlock, cancelled))),
            ("waits and wakes", words(offset_of!(ControlBlock, waiting), 8)),
            ("bell, finish, wishes", lines(offset_of!(ControlBlock, bell), 3)),
            ("epoch, count, failed", lines(offset_of!(ControlBlock, heart), 3)),
            ("frame", words(frames, 160)),
            ("other frame", words(frames + size_of::<FrameWords>(), 160)),
            ("image", words(offset_of!(ControlBlock, image), 256)),
            ("lock", words(offset_of!(ControlBlock, lock), 40)),
            ("cell", words(offset_of!(ControlBlock, cell), 96)),
            ("open queues", words(offset_of!(ControlBlock, open_queues), 8)),
            ("queue", words(queue, 256 + 20 * 128)),
            ("failures", each(failures, size_of::<FailurePage>(), 64)),
            ("ready", words(offset_of!(ControlBlock, ready_ns), 8 * workers)),
            ("stages", lines(offset_of!(ControlBlock, stages), workers)),
            ("hold", words(offset_of!(ControlBlock, hold), size_of::<HoldWords>())),
            ("crash", words(offset_of!(ControlBlock, crash), size_of::<CrashWords>())),
            ("claims", posts().map(|post| CONTROL + post).collect()),
            ("post", posts().flat_map(|post| words(post + 128, 64)).collect()),
        ]
    }
}

impl<'r> Control<'r> {
    /// The stage that a worker says it is at, of the chunk in its hands.
    pub(crate) fn stage(&self, rank: usize) -> usize {
        self.stages[rank].0.load(Ordering::Relaxed) as usize
    }

    /// The control block that the coordinator started with `start`.
    pub(crate) fn of(region: &'r Region, start: Start) -> Control<'r> {
        Control { block: region.control(), start }
    }

    /// The control block of the engine that drew `nonce`, in a worker; none if it is another's, or
    /// scribbled over.
    pub(crate) fn handed_over(region: &'r Region, nonce: u64) -> Option<Control<'r>> {
        let block: &ControlBlock = region.control();
        let magic = block.magic.load(Ordering::Acquire);
        let start = Start {
            nonce,
            workers: block.workers.load(Ordering::Relaxed) as usize,
            spins: block.spins.load(Ordering::Relaxed) as u32,
            fences: block.fences.load(Ordering::Relaxed) != 0,
        };
        let is_ours = magic == start.magic() && start.workers <= WORKERS_MAX;
        is_ours.then_some(Control { block, start })
    }

    /// Makes the zeroed block of a new region the control block of an engine at rest.
    pub(crate) fn initialise(&self) -> crate::error::Result<()> {
        let Start { nonce, workers, spins, fences } = self.start;
        assert!(workers <= WORKERS_MAX);
        const { assert!(WORKERS_MAX <= CrashWords::RANKS) };
        self.lock.initialise()?;
        self.nonce.store(nonce, Ordering::Relaxed);
        self.workers.store(workers as u64, Ordering::Relaxed);
        self.spins.store(spins.into(), Ordering::Relaxed);
        self.fences.store(fences.into(), Ordering::Relaxed);
        self.ends().into_iter().for_each(|(word, value)| word.store(value, Ordering::Relaxed));
        let rest = Frame::at_rest(first_serial(nonce));
        self.board().begin();
        let issue = self.board().epoch();
        [issue, issue + 1].into_iter().for_each(|issue| rest.write(self.frame(issue), issue));
        self.cell.begin(rest.serial);
        self.magic.store(self.start.magic(), Ordering::Release);
        Ok(())
    }

    /// The words at the ends of what lies in the block, and what each must hold.
    fn ends(&self) -> [(&'r AtomicU64, u64); 5] {
        let ControlBlock { after_heart, after_image, after_queues, after_faults, end, .. } =
            self.block;
        let mut number = 0;
        [after_heart, after_image, after_queues, after_faults, end].map(|word| {
            number += 1;
            (word, seal([self.start.nonce, number]))
        })
    }

    /// Damage to the words that never change.
    pub(crate) fn damage(&self) -> Option<Damage> {
        let whole = self.magic.load(Ordering::Relaxed) == self.start.magic()
            && self.nonce.load(Ordering::Relaxed) == self.start.nonce
            && self.ends().into_iter().all(|(word, value)| word.load(Ordering::Relaxed) == value);
        (!whole).then_some(Damage::Ends)
    }

    pub(crate) fn board(&self) -> Board<'r, Hardware> {
        let posts = &self.block.posts[..self.start.workers];
        Board::new(&self.block.heart, posts, first_serial(self.start.nonce))
    }

    /// The task queues that are open, each with its number.
    pub(crate) fn open_queues(
        &self,
    ) -> impl Iterator<Item = (usize, &'r Queue<Hardware>)> + use<'r> {
        let open = self.open_queues.load(Ordering::Acquire);
        let queues = self.block.queues.iter().enumerate();
        queues.filter(move |(queue, _)| open >> queue & 1 == 1)
    }

    /// The frame of an issue.
    pub(crate) fn frame(&self, issue: u64) -> &'r FrameWords {
        &self.block.frames[(issue & 1) as usize]
    }

    /// The current issue and its frame, read whole although it may move at any time; no frame where
    /// that was written over.
    pub(crate) fn current(&self) -> (u64, Option<Frame>) {
        let board = self.board();
        loop {
            let issue = board.epoch();
            let frame = Frame::read(self.frame(issue), issue);
            std::sync::atomic::fence(Ordering::Acquire);
            // The frame is overwritten only after the next issue was published.
            if board.epoch() == issue {
                return (issue, frame);
            }
        }
    }

    /// Whether `plan` seems to have ended: a look that costs next to nothing, and may be wrong while
    /// frames move. [`current`](Control::current) tells for sure.
    pub(crate) fn seems_at_rest(&self, plan: u64) -> bool {
        Frame::seems_at_rest(self.frame(self.board().epoch()), plan)
    }

    /// Wakes all workers that may be asleep.
    pub(crate) fn ring(&self) {
        self.bell.0.fetch_add(1, Ordering::AcqRel);
        crate::machine::futex::wake_all(&self.bell.0);
    }

    /// Wakes the coordinator's waiting threads.
    pub(crate) fn announce_finish(&self) {
        self.finish.0.fetch_add(1, Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            crate::machine::futex::wake_all(&self.finish.0);
        }
    }
}
