//! The model's shared memory, and what must hold of it.

use super::super::CrashPoint;
use super::super::words::{Board, Heart, Post};
use super::super::{Line, Word64};
use super::Checker;
use crate::shared::cell::{Owner, Record};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::{Arc, Mutex};

/// An epoch that tells workers to end; real ones are killed.
pub(super) const END: u64 = u64::MAX >> 1;
/// What a frame issues instead of a step: rest, and how the plan ended.
pub(super) const FINISHED: u64 = 100;
pub(super) const FAILED: u64 = 101;
pub(super) const FOLD_DIED: u64 = 102;
const FREE: u64 = 0;
const OWNER_DIED: u64 = u64::MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Map,
    InPlace,
    Cell,
}

/// A step of the model's plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spec {
    pub(super) kind: Kind,
    pub(super) chunks: usize,
    /// This chunk panics.
    pub(super) fails: Option<usize>,
    /// This chunk kills its worker, always.
    pub(super) deadly: Option<usize>,
    /// Merging this chunk does.
    pub(super) deadly_merge: Option<usize>,
    /// Merging this chunk panics.
    pub(super) fails_merge: Option<usize>,
    pub(super) deadly_fold: bool,
    /// A worker that has accumulated this chunk dies before it can merge.
    pub(super) deadly_commit: Option<usize>,
}

impl Spec {
    pub(super) fn new(kind: Kind, chunks: usize) -> Spec {
        Spec {
            kind,
            chunks,
            fails: None,
            deadly: None,
            deadly_merge: None,
            fails_merge: None,
            deadly_fold: false,
            deadly_commit: None,
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) steps: Vec<Spec>,
    pub(super) workers: usize,
    pub(super) launches: u64,
    pub(super) attempts_max: u32,
    /// Workers start only once the first issue is published, which makes fewer schedules.
    pub(super) launch_first: bool,
}

/// Where a worker dies: at the given passage of a point, perhaps half-way through what comes
/// before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fate {
    pub(super) point: CrashPoint,
    pub(super) passage: u32,
    pub(super) torn: bool,
}

/// A frame, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) serial: u64,
    pub(super) issued: u64,
    pub(super) reissue: bool,
    /// Folds so far.
    pub(super) scalar: u64,
}

#[derive(Debug)]
pub(super) struct FrameWords<C: Checker> {
    words: [C::U64; 4],
    /// Written and read with the words by whoever has a right to: must never race.
    pub(super) body: C::Cell,
}

/// What the checks know, outside of the modelled memory.
#[derive(Debug, Default)]
pub(super) struct Ghost {
    /// Chunks that each live worker has claimed and not counted.
    pub(super) uncounted: Vec<u64>,
    /// The current issue.
    pub(super) issue: u64,
}

#[derive(Debug)]
pub(super) struct World<C: Checker> {
    pub(super) plan: Plan,
    heart: Heart<C>,
    posts: Vec<Post<C>>,
    pub(super) frames: [FrameWords<C>; 2],
    pub(super) marks: Vec<C::U64>,
    pub(super) slots: Vec<C::Cell>,
    /// Two halves of each chunk's data that is updated in place.
    pub(super) values: Vec<[C::Cell; 2]>,
    pub(super) undo: Vec<[C::Cell; 3]>,
    /// How often the cell counts each chunk.
    pub(super) counts: Vec<C::Cell>,
    pub(super) pre_image: Vec<C::Cell>,
    pub(super) record: Record<C>,
    lock: C::U64,
    unlocked: C::Bell,
    pub(super) bell: C::Bell,
    pub(super) finish: Arc<C::Bell>,
    ghost: Mutex<Ghost>,
    pub(super) deaths: AtomicU32,
}

impl<C: Checker> World<C> {
    pub(super) fn new(plan: Plan) -> World<C> {
        let zero = || C::atomic(0);
        let cells = |count: usize| (0..count).map(|_| C::cell(0)).collect::<Vec<_>>();
        let post = || Post {
            claim: Line(zero()),
            asleep: zero(),
            state: zero(),
            note: zero(),
            undo_serial: zero(),
            undo_chunk: zero(),
            pending_len: zero(),
            pending: C::pending(),
        };
        let frame = || FrameWords { words: std::array::from_fn(|_| zero()), body: C::cell(0) };
        let heart = Heart { epoch: Line(zero()), count: Line(zero()), failed: Line(zero()) };
        let workers = plan.workers;
        let chunks = plan.steps.iter().map(|step| step.chunks).max().expect("there are steps");
        let world = World {
            heart,
            posts: (0..workers).map(|_| post()).collect(),
            frames: [frame(), frame()],
            marks: (0..chunks).map(|_| zero()).collect(),
            slots: cells(chunks),
            values: (0..chunks).map(|_| [C::cell(0), C::cell(0)]).collect(),
            undo: (0..workers).map(|_| [C::cell(0), C::cell(0), C::cell(0)]).collect(),
            counts: cells(chunks),
            pre_image: cells(chunks),
            record: Record::with(zero, C::pending()),
            lock: zero(),
            unlocked: C::bell(),
            bell: C::bell(),
            finish: Arc::new(C::bell()),
            ghost: Mutex::new(Ghost { uncounted: vec![0; workers], ..Ghost::default() }),
            deaths: AtomicU32::new(0),
            plan,
        };
        let rest = Frame { serial: 1, issued: FINISHED, reissue: false, scalar: 0 };
        (0..2).for_each(|issue| world.write_frame(issue, rest, false));
        world.board().begin();
        world.record.begin(1);
        world
    }

    pub(super) fn board(&self) -> Board<'_, C> {
        Board::new(&self.heart, &self.posts, 1)
    }

    /// Keeps the checks' knowledge up to date, where it can be kept in step with the model.
    pub(super) fn watch(&self, look: impl FnOnce(&mut Ghost)) {
        if C::STEPPED {
            look(&mut self.ghost.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        }
    }

    /// Ends the model: idle workers return.
    pub(super) fn end(&self) {
        self.heart.epoch.0.store(END, Release);
        C::ring(&self.bell);
    }

    /// As the roles write frames: a seqlock's writer.
    pub(super) fn write_frame(&self, issue: u64, frame: Frame, torn: bool) {
        let FrameWords { words, body } = &self.frames[issue as usize & 1];
        C::fence_release();
        words[0].store(frame.serial, Relaxed);
        if torn {
            return;
        }
        words[1].store(frame.issued, Relaxed);
        words[2].store(frame.reissue.into(), Relaxed);
        words[3].store(frame.scalar, Relaxed);
        C::write(body, frame.serial);
    }

    pub(super) fn read_frame(&self, issue: u64) -> Frame {
        let words = &self.frames[issue as usize & 1].words;
        let [serial, issued, reissue, scalar] = [0, 1, 2, 3].map(|i| words[i].load(Relaxed));
        Frame { serial, issued, reissue: reissue == 1, scalar }
    }

    /// As the roles read the current frame, which may move at any time.
    pub(super) fn current(&self) -> (u64, Frame) {
        loop {
            let issue = self.board().epoch();
            let frame = self.read_frame(issue);
            C::fence_acquire();
            if self.board().epoch() == issue {
                self.check_frame(frame);
                return (issue, frame);
            }
            C::pause(0);
        }
    }

    pub(super) fn check_frame(&self, frame: Frame) {
        let steps = self.plan.steps.len() as u64;
        if frame.issued < steps {
            assert_eq!((frame.serial - 2) % (steps + 1), frame.issued, "a torn frame: {frame:?}");
        }
        let before = (frame.serial - 1) / (steps + 1) * steps;
        let position = if frame.issued < steps { frame.issued } else { 0 };
        if frame.issued < FAILED {
            assert_eq!(frame.scalar, before + position, "folds before {frame:?}");
        }
    }

    pub(super) fn spec(&self, frame: Frame) -> Spec {
        self.plan.steps[frame.issued as usize]
    }

    /// In-place updates of a chunk before the step of this frame.
    pub(super) fn updates_before(&self, chunk: usize, frame: Frame) -> u64 {
        let steps = &self.plan.steps;
        let updates = |specs: &[Spec]| {
            specs.iter().filter(|s| s.kind == Kind::InPlace && s.chunks > chunk).count() as u64
        };
        let launches = (frame.serial - 2) / (steps.len() as u64 + 1);
        launches * updates(steps) + updates(&steps[..frame.issued as usize])
    }

    /// Issues are published one after the other.
    pub(super) fn published(&self, issue: u64) {
        self.watch(|ghost| {
            assert!(issue > ghost.issue, "issue {issue} is published after {}", ghost.issue);
            ghost.issue = issue;
        });
    }

    /// No issue is published while a live worker has a claimed chunk that is not counted.
    pub(super) fn check_publication(&self, publisher: Option<usize>) {
        self.watch(|ghost| {
            for (rank, uncounted) in ghost.uncounted.iter().enumerate() {
                let own = publisher == Some(rank);
                assert!(own || *uncounted == 0, "published over worker {rank}'s claims");
            }
        });
    }

    /// Whether a step went as it must, seen by whoever may see all of it.
    pub(super) fn check_step(&self, frame: Frame) {
        let spec = self.spec(frame);
        for chunk in 0..spec.chunks {
            match spec.kind {
                Kind::Map => {
                    let slot = C::read(&self.slots[chunk]);
                    assert_eq!(slot, frame.serial * 100 + chunk as u64, "slot {chunk}");
                }
                Kind::InPlace => {
                    let wanted = self.updates_before(chunk, frame) + 1;
                    let values = self.values[chunk].each_ref().map(C::read);
                    assert_eq!(values, [wanted; 2], "chunk {chunk} of step {}", frame.serial);
                }
                Kind::Cell => {
                    assert!(self.record.holds(frame.serial), "the cell is of an older step");
                    assert_eq!(C::read(&self.counts[chunk]), 1, "chunk {chunk} in the cell");
                }
            }
        }
    }

    /// What holds after a plan that failed: no chunk is half updated, none counts twice.
    pub(super) fn check_failed(&self, frame: Frame, step: u64) {
        let before = Frame { serial: frame.serial - 1, issued: step, ..frame };
        let spec = self.spec(before);
        for chunk in (0..spec.chunks).filter(|&chunk| spec.fails != Some(chunk)) {
            if spec.kind == Kind::Cell && self.record.holds(before.serial) {
                assert!(C::read(&self.counts[chunk]) <= 1, "chunk {chunk} is merged twice");
                assert!(spec.fails_merge != Some(chunk) || C::read(&self.counts[chunk]) == 0);
            }
            if spec.kind == Kind::InPlace {
                let [first, second] = self.values[chunk].each_ref().map(C::read);
                let done = self.updates_before(chunk, before);
                assert_eq!(first, second, "chunk {chunk} is torn");
                assert!((done..=done + 1).contains(&first), "chunk {chunk}: {first} updates");
            }
        }
    }

    pub(super) fn put_undo_back(&self, rank: usize) {
        let [first, second, chunk] = self.undo[rank].each_ref().map(C::read);
        let [a, b] = &self.values[chunk as usize];
        C::write(a, first);
        C::write(b, second);
    }

    pub(super) fn put_pre_image_back(&self, torn: bool) {
        let chunks = self.pre_image.len();
        let half = if torn { chunks / 2 } else { chunks };
        for (to, from) in self.counts.iter().zip(&self.pre_image).take(half) {
            C::write(to, C::read(from));
        }
    }

    pub(super) fn lock(&self, owner: u64) -> Owner {
        loop {
            let seen = C::look(&self.unlocked);
            if self.lock.exchange(FREE, owner) {
                return Owner::Released;
            }
            if self.lock.exchange(OWNER_DIED, owner) {
                return Owner::Died;
            }
            C::wait(&self.unlocked, seen);
        }
    }

    pub(super) fn unlock(&self) {
        self.lock.store(FREE, Release);
        C::ring(&self.unlocked);
    }

    /// What the kernel does to a robust lock when its owner dies, or the coordinator after it.
    pub(super) fn disown(&self, rank: usize) {
        self.lock.exchange(rank as u64 + 1, OWNER_DIED);
        // Always, as the kernel does: it may have died after unlocking, before waking.
        C::ring(&self.unlocked);
    }
}
