//! The region: one nameless, sealed memfd, mapped once in every process at its full capacity.
//!
//! It has no name, so nothing can be left behind whatever dies. It is sparse: capacity costs
//! nothing until pages are touched, and it cannot be shrunk or grown under anybody's feet.
//!
//! | bytes | what |
//! |---|---|
//! | 0 to 4 KiB | guard page, never accessible |
//! | 4 KiB to 4 MiB - 4 KiB | control block (floor 5 knows its fields) |
//! | 4 MiB - 4 KiB to 4 MiB | guard page |
//! | 4 MiB to capacity | blocks handed out by the allocator |
//!
//! Everything here is named by its offset: the mappings lie at different addresses.

use crate::error::{Error, Result};
use memmap2::{MmapOptions, MmapRaw};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mprotect};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// Size of a huge page, and the alignment of the mapping.
pub(crate) const HUGE: usize = 2 << 20;
/// Offset of the control block.
pub(crate) const CONTROL: usize = 4096;
/// Offset of the first block of arrays.
pub(crate) const ARRAYS: usize = 4 << 20;
pub(super) const GUARD: usize = 4096;

/// Types that may be looked at in place by several processes at once.
///
/// # Safety
///
/// Every bit pattern must be a value, and all of it must be atomics (or bytes behind
/// `UnsafeCell` whose users have a protocol of their own): a reference to it is never exclusive.
pub(crate) unsafe trait Shareable {}

// SAFETY: an atomic integer takes any bits and is made to be shared.
unsafe impl Shareable for AtomicU64 {}
// SAFETY: an array of shareable values is one.
unsafe impl<T: Shareable, const N: usize> Shareable for [T; N] {}

/// This process's mapping of the region.
#[derive(Debug)]
pub(crate) struct Region {
    base: NonNull<u8>,
    len: usize,
    file: OwnedFd,
    /// The address range in which the mapping lies, unmapped as a whole when dropped.
    reservation: MmapRaw,
}

// SAFETY: the mapping lives as long as the value and is not tied to a thread; all access to its
// bytes goes through atomics, or through views whose exclusiveness the protocol guarantees.
unsafe impl Send for Region {}
// SAFETY: as for Send.
unsafe impl Sync for Region {}

impl Region {
    /// Creates the region with `capacity` bytes, rounded up to a huge page.
    pub(crate) fn create(capacity: usize) -> Result<Region> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let file = memfd_create(c"gristmill", flags)
            .map_err(|e| Error::system("creating the shared-memory region", e))?;
        let len = Region::len_of(capacity);
        nix::unistd::ftruncate(&file, len as i64)
            .map_err(|e| Error::system("setting the capacity of the region", e))?;
        use nix::fcntl::{FcntlArg, SealFlag, fcntl};
        let seals = SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
        fcntl(&file, FcntlArg::F_ADD_SEALS(seals))
            .map_err(|e| Error::system("sealing the region", e))?;
        Region::attach(file)
    }

    /// Bytes of a region of this capacity.
    fn len_of(capacity: usize) -> usize {
        capacity.max(ARRAYS + HUGE).next_multiple_of(HUGE)
    }

    /// How many of them there are for arrays.
    #[cfg(feature = "cli")]
    pub(super) fn bytes_for_arrays(capacity: usize) -> usize {
        Region::len_of(capacity) - ARRAYS
    }

    /// Whether a descriptor is a region, sealed as `create` leaves it.
    pub(crate) fn is_handed_over(file: BorrowedFd<'_>) -> bool {
        use nix::fcntl::{FcntlArg, SealFlag, fcntl};
        let needed = (SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK).bits();
        fcntl(file, FcntlArg::F_GET_SEALS).is_ok_and(|seals| seals & needed == needed)
    }

    /// Maps a region that another process created.
    pub(crate) fn attach(file: OwnedFd) -> Result<Region> {
        if !Region::is_handed_over(file.as_fd()) {
            return Err(Error::Start { reason: "the inherited region is not sealed".into() });
        }
        let len = nix::sys::stat::fstat(&file)
            .map_err(|e| Error::system("reading the size of the region", e))?
            .st_size as usize;
        let (reservation, base) = map_aligned(&file, len)?;
        let region = Region { base, len, file, reservation };
        region.protect()?;
        Ok(region)
    }

    /// Guard pages around the control block; no core dump and no child of a kernel gets the region.
    fn protect(&self) -> Result<()> {
        for guard in [0, ARRAYS - GUARD] {
            // SAFETY: both pages lie inside our own mapping, and nothing is ever placed there.
            unsafe { mprotect(self.address(guard).cast(), GUARD, ProtFlags::PROT_NONE) }
                .map_err(|e| Error::system("protecting the guard pages", e))?;
        }
        for advice in [MmapAdvise::MADV_DONTFORK, MmapAdvise::MADV_DONTDUMP] {
            let all = NonNull::new(self.reservation.as_mut_ptr()).expect("a mapping is not null");
            // SAFETY: the whole of our own mapping; neither advice changes what this process sees.
            unsafe { madvise(all.cast(), self.reservation.len(), advice) }
                .map_err(|e| Error::system("keeping the region out of children and dumps", e))?;
        }
        Ok(())
    }

    /// Core dumps of this process have the region in them after all.
    pub(crate) fn leave_in_dumps(&self) {
        let all = NonNull::new(self.reservation.as_mut_ptr()).expect("a mapping is not null");
        // SAFETY: as in `protect`. Should it fail, dumps are smaller than they might be.
        let _ = unsafe { madvise(all.cast(), self.reservation.len(), MmapAdvise::MADV_DODUMP) };
    }

    /// Bytes from the first guard page to the end of the arrays.
    pub(crate) fn capacity(&self) -> usize {
        self.len
    }

    /// Bytes of it that are present: in memory, or swapped out.
    pub(crate) fn present_bytes(&self) -> u64 {
        nix::sys::stat::fstat(&self.file).map_or(0, |stat| stat.st_blocks as u64 * 512)
    }

    /// The descriptor to hand to a worker.
    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The control block.
    ///
    /// # Panics
    ///
    /// Where `T` does not fit between the guard pages; that is a mistake of this crate.
    pub(crate) fn control<T: Shareable>(&self) -> &T {
        assert!(CONTROL + size_of::<T>() <= ARRAYS - GUARD, "the control block is too large");
        self.at(CONTROL)
    }

    /// The shareable value at `offset`.
    ///
    /// # Panics
    ///
    /// Where it does not lie, aligned, inside the region.
    pub(crate) fn at<T: Shareable>(&self, offset: usize) -> &T {
        &self.slice(offset, 1)[0]
    }

    /// Whether a `T` can lie at `offset`, among the arrays.
    pub(crate) fn holds<T: Shareable>(&self, offset: usize) -> bool {
        let end = offset.checked_add(size_of::<T>());
        offset >= ARRAYS
            && end.is_some_and(|end| end <= self.len)
            && offset.is_multiple_of(align_of::<T>())
    }

    /// `len` shareable values from `offset` on.
    ///
    /// # Panics
    ///
    /// Where they do not lie, aligned, inside the region.
    pub(crate) fn slice<T: Shareable>(&self, offset: usize, len: usize) -> &[T] {
        self.check(offset, size_of::<T>().saturating_mul(len));
        assert!(offset.is_multiple_of(align_of::<T>()), "misaligned offset {offset}");
        // SAFETY: in bounds and aligned, as just checked; the mapping lives as long as `self`, and
        // `Shareable` promises that any bits are a value and that sharing it is sound.
        unsafe { std::slice::from_raw_parts(self.address(offset).as_ptr().cast(), len) }
    }

    /// The address of `len` bytes at `offset`; what may be done with them is the caller's to prove.
    ///
    /// # Panics
    ///
    /// Where they do not lie inside the region.
    pub(crate) fn bytes(&self, offset: usize, len: usize) -> NonNull<u8> {
        self.check(offset, len);
        self.address(offset)
    }

    /// The offset of `len` bytes at `address`, if they lie among the arrays of this region.
    pub(crate) fn offset_of(&self, address: *const u8, len: usize) -> Option<usize> {
        let offset = (address as usize).checked_sub(self.base.as_ptr() as usize)?;
        (offset >= ARRAYS && offset.checked_add(len)? <= self.len).then_some(offset)
    }

    fn check(&self, offset: usize, len: usize) {
        let inside = offset.checked_add(len).is_some_and(|end| end <= self.len);
        assert!(inside, "bytes {offset}+{len} lie outside the region of {} bytes", self.len);
    }

    fn address(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset <= self.len);
        // SAFETY: callers stay within the mapping (`check`), so the sum neither wraps nor is null.
        unsafe { self.base.add(offset) }
    }

    /// Copies shared words out; each is read atomically, so a racing writer cannot tear one.
    pub(crate) fn load_words(words: &[AtomicU64], into: &mut [u64]) {
        for (to, from) in into.iter_mut().zip(words) {
            *to = from.load(Ordering::Relaxed);
        }
    }

    /// Copies words in; publishing them is the caller's Release store.
    pub(crate) fn store_words(words: &[AtomicU64], from: &[u64]) {
        assert!(from.len() <= words.len(), "{} words do not fit {}", from.len(), words.len());
        for (to, from) in words.iter().zip(from) {
            to.store(*from, Ordering::Relaxed);
        }
    }
}

/// Maps the whole file at an address that is a multiple of a huge page: a larger mapping, which is
/// never accessed, reserves the addresses and owns them; the region is mapped over its aligned part.
fn map_aligned(file: &OwnedFd, len: usize) -> Result<(MmapRaw, NonNull<u8>)> {
    let failed = |e: std::io::Error| Error::Start {
        reason: format!(
            "mapping a region of {len} bytes: {e}; give the engine a smaller capacity, \
             or raise RLIMIT_AS (`ulimit -v`)"
        ),
    };
    let mut options = MmapOptions::new();
    let reservation =
        options.len(len + HUGE).no_reserve_swap().map_raw_read_only(file).map_err(failed)?;
    let aligned = (reservation.as_ptr() as usize).next_multiple_of(HUGE);
    let flags = MapFlags::MAP_SHARED | MapFlags::MAP_NORESERVE | MapFlags::MAP_FIXED;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    let size = NonZeroUsize::new(len).expect("a region is never empty");
    // SAFETY: MAP_FIXED replaces only addresses of the reservation, which nobody uses.
    let base = unsafe { mmap(NonZeroUsize::new(aligned), size, access, flags, file, 0) }
        .map_err(|e| failed(e.into()))?;
    Ok((reservation, base.cast()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_mappings_see_the_same_words_at_different_addresses() {
        let one = Region::create(16 << 20).unwrap();
        let two = Region::attach(one.file().try_clone_to_owned().unwrap()).unwrap();
        one.at::<AtomicU64>(ARRAYS + 64).store(7, Ordering::Release);
        assert_eq!(two.at::<AtomicU64>(ARRAYS + 64).load(Ordering::Acquire), 7);
        assert_ne!(one.bytes(0, 1), two.bytes(0, 1));
        assert!((two.bytes(0, 1).as_ptr() as usize).is_multiple_of(HUGE));
    }

    #[test]
    #[should_panic(expected = "outside the region")]
    fn an_offset_outside_is_refused() {
        let region = Region::create(16 << 20).unwrap();
        region.at::<AtomicU64>(16 << 20);
    }

    #[test]
    fn an_unsealed_file_is_not_taken_for_a_region() {
        let file = memfd_create(c"other", MFdFlags::MFD_CLOEXEC).unwrap();
        nix::unistd::ftruncate(&file, 16 << 20).unwrap();
        assert!(matches!(Region::attach(file), Err(Error::Start { .. })));
    }
}
