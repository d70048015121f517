//! Names that hold in every process of one executable: the offset of a constant from its base.
//!
//! Worker processes run the same executable, at another address. A constant table is named by its
//! distance from the executable's first segment, and checked to lie within the executable's loaded
//! segments before anybody follows it.

use crate::error::{Error, Result};
use std::ops::Range;
use std::sync::OnceLock;

/// The loaded segments of the executable, by address.
struct Image {
    base: usize,
    segments: Vec<Range<usize>>,
}

fn image() -> &'static Image {
    static IMAGE: OnceLock<Image> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let mut image = Image { base: 0, segments: vec![] };
        // SAFETY: the callback gets the pointer passed here, which lives through the call.
        unsafe { libc::dl_iterate_phdr(Some(read_first), (&raw mut image).cast()) };
        image
    })
}

/// Reads the first object, which is the executable itself, and stops there.
unsafe extern "C" fn read_first(
    info: *mut libc::dl_phdr_info,
    _size: usize,
    image: *mut libc::c_void,
) -> i32 {
    // SAFETY: dl_iterate_phdr passes a valid description and our own `Image`.
    let (info, image) = unsafe { (&*info, &mut *image.cast::<Image>()) };
    let count = usize::from(info.dlpi_phnum);
    // SAFETY: the loader's own program headers, mapped for the life of the process.
    let headers = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, count) };
    image.base = info.dlpi_addr as usize;
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD) {
        let start = image.base + header.p_vaddr as usize;
        image.segments.push(start..start + header.p_memsz as usize);
    }
    1
}

fn lies_inside(range: Range<usize>) -> bool {
    image().segments.iter().any(|s| s.start <= range.start && range.end <= s.end)
}

/// The offset by which other processes of this executable find the same constant.
///
/// # Errors
///
/// [`Error::Start`] if it lies in a shared object: workers are started from the executable, which
/// then need not have it loaded.
pub(crate) fn offset_in_executable<T>(constant: &'static T) -> Result<u64> {
    let start = std::ptr::from_ref(constant) as usize;
    if !lies_inside(start..start + size_of::<T>()) {
        return Err(Error::Start {
            reason: "the kernel lies in a shared object, and workers are started from the \
                     executable; link gristmill into an executable"
                .into(),
        });
    }
    Ok((start - image().base) as u64)
}

/// The constant at an offset that another process of this executable gave, if `valid` says that
/// what lies there is one.
///
/// # Safety
///
/// `T` must be a type for which `valid` can tell, looking at its leading magic number alone, that
/// a `T` lies there; any bits must be safe to look at as far as `valid` looks.
pub(crate) unsafe fn reference_at<T>(
    offset: u64,
    valid: impl FnOnce(&'static T) -> bool,
) -> Option<&'static T> {
    let start = image().base.checked_add(offset as usize)?;
    let end = start.checked_add(size_of::<T>())?;
    if !start.is_multiple_of(align_of::<T>()) || !lies_inside(start..end) {
        return None;
    }
    // SAFETY: readable and aligned, as just checked; that it is a `T` is what `valid` tells, which
    // the caller promised that it can.
    let reference = unsafe { &*(start as *const T) };
    valid(reference).then_some(reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    static HERE: [u64; 2] = [0x5EED, 1];

    #[test]
    fn a_constant_is_found_again_and_nonsense_is_not() {
        let offset = offset_in_executable(&HERE).unwrap();
        // SAFETY: any bits are a `[u64; 2]`.
        let find = |offset| unsafe { reference_at::<[u64; 2]>(offset, |at| at[0] == 0x5EED) };
        assert_eq!(find(offset), Some(&HERE));
        assert_eq!(find(offset + 1), None);
        assert_eq!(find(u64::MAX - 64), None);
        assert_eq!(find(1 << 44), None);
    }

    #[test]
    fn what_lies_on_the_heap_is_refused() {
        static HEAP: std::sync::OnceLock<Box<u64>> = std::sync::OnceLock::new();
        let allocated: &'static u64 = HEAP.get_or_init(|| Box::new(1));
        assert!(offset_in_executable(allocated).is_err());
    }
}
