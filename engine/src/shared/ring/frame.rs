//! Frames: how messages of any length lie in a ring.
//!
//! A frame is a header, a word, and bytes, which fill whole words. The header says how many bytes of
//! the message are still to come, those of this frame among them; a frame has all of them, or as many
//! as one may have (`Ring::piece`), and then the next frame goes on with the message. Instead, a
//! header may say that the message was given up. A frame is put in as a whole.

/// Bytes of a header.
pub(crate) const HEADER: u64 = 8;

/// What the lowest bits of a header say; never 0, which may be anything.
const KIND_BITS: u32 = 2;
const REST: u64 = 1;
/// The message that was begun will not be ended.
pub(super) const GIVEN_UP: u64 = 2;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    /// So many bytes are left of the message, and the first so many follow.
    Rest {
        left: u64,
        here: u64,
    },
    GivenUp,
}

/// The header of a frame with which so many bytes are left.
pub(super) fn header(left: u64) -> u64 {
    left << KIND_BITS | REST
}

/// Bytes of a frame with so many bytes of a message.
pub(super) fn bytes(here: u64) -> u64 {
    HEADER + here.next_multiple_of(8)
}

/// What a header says, where frames have no more bytes than `piece`; none if it was written over.
pub(super) fn read(header: u64, piece: u64) -> Option<Frame> {
    let left = header >> KIND_BITS;
    match header & ((1 << KIND_BITS) - 1) {
        REST => Some(Frame::Rest { left, here: left.min(piece) }),
        _ => (header == GIVEN_UP).then_some(Frame::GivenUp),
    }
}
