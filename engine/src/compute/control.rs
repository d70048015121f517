//! The control block: everything in the region that is no array. Its layout is the contract between
//! coordinator and workers, who are the same executable.

use super::failure::FailurePage;
use super::frame::{Frame, FrameWords};
use super::hold::HoldWords;
use crate::memory::Shareable;
use crate::process::fault::FaultWords;
use crate::shared::cell::Record;
use crate::shared::lock::LockBytes;
use crate::shared::protocol::{Board, Hardware, Heart, Line, Post};
use crate::shared::queue::Queue;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The most workers that an engine can have.
pub(crate) const WORKERS_MAX: usize = 256;
/// Words of a plan's image.
pub(crate) const IMAGE_WORDS: usize = 32 << 10;
/// Task queues that can be open at once.
pub(crate) const QUEUES: usize = 8;

const MAGIC: u64 = u64::from_le_bytes(*b"gristml\x01");

/// The control block.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Control {
    /// Stored last by the creator.
    magic: AtomicU64,
    pub(crate) nonce: AtomicU64,
    pub(crate) workers: AtomicU64,
    /// Turns that a waiting worker spins before it sleeps.
    pub(crate) spins: AtomicU64,
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
    frames: [FrameWords; 2],
    pub(crate) image: [AtomicU64; IMAGE_WORDS],
    pub(crate) lock: LockBytes,
    pub(crate) cell: Record<Hardware>,
    /// A bit for each queue that is open.
    pub(crate) open_queues: AtomicU64,
    /// The table of each queue's task function.
    pub(crate) queue_tables: [AtomicU64; QUEUES],
    pub(crate) queues: [Queue<Hardware>; QUEUES],
    pub(crate) failures: [FailurePage; WORKERS_MAX],
    /// What each worker noted of the fault that it died of.
    pub(crate) faults: [FaultWords; WORKERS_MAX],
    /// When each worker was ready to work, by the monotonic clock in nanoseconds; 0 before.
    pub(crate) ready_ns: [AtomicU64; WORKERS_MAX],
    /// A chunk that is to be run alone.
    pub(crate) hold: HoldWords,
    posts: [Post<Hardware>; WORKERS_MAX],
}

// SAFETY: every field is shareable, or a lone atomic, or padding.
unsafe impl Shareable for Control {}

impl Control {
    /// Makes the zeroed block of a new region the control block of an engine at rest.
    pub(crate) fn initialise(&self, nonce: u64, workers: usize) -> crate::error::Result<()> {
        assert!(0 < workers && workers <= WORKERS_MAX);
        self.lock.initialise()?;
        self.nonce.store(nonce, Ordering::Relaxed);
        self.workers.store(workers as u64, Ordering::Relaxed);
        self.frames.iter().for_each(|words| Frame::at_rest().write(words));
        self.board().begin();
        self.magic.store(MAGIC, Ordering::Release);
        Ok(())
    }

    /// Whether this is the control block of the engine that drew `nonce`.
    pub(crate) fn is_of(&self, nonce: u64) -> bool {
        self.magic.load(Ordering::Acquire) == MAGIC && self.nonce.load(Ordering::Relaxed) == nonce
    }

    pub(crate) fn board(&self) -> Board<'_, Hardware> {
        let workers = (self.workers.load(Ordering::Relaxed) as usize).min(WORKERS_MAX);
        Board::new(&self.heart, &self.posts[..workers])
    }

    /// The frame of an issue.
    pub(crate) fn frame(&self, issue: u64) -> &FrameWords {
        &self.frames[(issue & 1) as usize]
    }

    /// The current issue and its frame, read whole although it may move at any time.
    pub(crate) fn current(&self) -> (u64, Option<Frame>) {
        let board = self.board();
        loop {
            let issue = board.epoch();
            let frame = Frame::read(self.frame(issue));
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
