//! Floor 7: every reader of bytes from outside as a function of bytes alone, which returns if the
//! reader keeps its promises and panics if not. For the fuzzer in `engine/fuzz`, and for the tests
//! that go through its corpora; no part of the library's interface.

use crate::batch::{Catalogue, Registry, Wanted, check_text, parse_marker};
use crate::compute::{Failure, FailurePage, Frame, FrameWords, Program};
use crate::machine::{Machine, OtherCounts, Tree};
use crate::memory::{Encoding, NpyHeader, Order, Permit, Region, words_of};
use crate::process::Handover;
use crate::report::Report;
use std::convert::Infallible;
use std::path::Path;
use std::sync::OnceLock;

/// A `.npy` file: read as its header says, or refused at one of its bytes.
pub fn npy(bytes: &[u8]) {
    let header = match NpyHeader::read(&mut &*bytes, bytes.len() as u64) {
        Ok(header) => header,
        Err(error) => {
            let offset = error.offset.expect("a refusal names the byte");
            assert!(offset <= bytes.len() as u64 && !error.help.is_empty(), "{error:?}");
            return;
        }
    };
    let (data, stored) = (header.data_offset_bytes as usize, header.data_bytes as usize);
    let data = &bytes[data..data + stored];
    assert!(header.bytes() <= 2 * stored && header.shape.len() <= 6, "{header:?}");
    let mut array = vec![0; header.bytes()];
    let read = |into: &mut [u8], at: u64| -> Result<(), Infallible> {
        into.copy_from_slice(&bytes[at as usize..][..into.len()]);
        Ok(())
    };
    let Ok(()) = header.read_into(&mut array, read);
    let (size, file_size) = (header.element.size_bytes(), stored / header.elements().max(1));
    for place in 0..header.elements() {
        let element = &data[place_in_file(&header, place) * file_size..][..file_size];
        let read = &array[place * size..][..size];
        match header.encoding {
            Encoding::Native => assert_eq!(read, element),
            Encoding::Swapped(width) => {
                let swapped = element.chunks(width.into()).flat_map(|n| n.iter().rev());
                assert!(swapped.eq(read), "{read:?} of {element:?}");
            }
            Encoding::Bool => assert_eq!(read[0], u8::from(element[0] != 0)),
            Encoding::Half { swapped } => {
                assert_eq!(read[3] >> 7, element[usize::from(!swapped)] >> 7)
            }
        }
    }
}

/// Where the element at a place in C order stands in the file, by the definition of the orders.
fn place_in_file(header: &NpyHeader, place: usize) -> usize {
    if header.order == Order::C {
        return place;
    }
    let (mut place, mut index) = (place, vec![]);
    for &length in header.shape.iter().rev() {
        index.push(place % length);
        place /= length;
    }
    index.iter().zip(header.shape.iter().rev()).fold(0, |file, (at, length)| file * length + at)
}

/// A job file in `folder`, whose arrays it may name: checked, or refused at lines and columns of it.
pub fn job(bytes: &[u8], folder: &Path, registry: &Registry) {
    job_of(bytes, folder, registry);
}

pub(crate) fn job_of(bytes: &[u8], folder: &Path, catalogue: &dyn Catalogue) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Err(errors) = check_text(text, &folder.join("job.toml"), Wanted::default(), catalogue)
    else {
        return;
    };
    assert!(!errors.errors.is_empty());
    let drawn = format!("{errors}\n{}", errors.plain());
    assert!(!drawn.is_empty());
    for error in &errors.errors {
        assert!(error.line >= 1 && error.column >= 1);
        assert!(error.span.offset() + error.span.len() <= text.len(), "{error:?}");
    }
}

/// A report.json: what it says is written again as the same.
pub fn report(bytes: &[u8]) {
    let Ok(report) = serde_json::from_slice::<Report>(bytes) else { return };
    let text = report.to_json().expect("a report can be written");
    let again: Report = serde_json::from_str(&text).expect("and read");
    assert_eq!(again.to_json().expect("and written"), text);
}

/// The marker of an unfinished run.
pub fn marker(bytes: &[u8]) {
    let Ok(marker) = parse_marker(&String::from_utf8_lossy(bytes)) else { return };
    let made = marker.made.iter().flat_map(|(_, _, path)| path.components());
    let temporary = marker.temporaries.iter().flat_map(|(folders, _)| folders.iter());
    let name = marker.temporaries.iter().map(|(_, name)| name.as_str());
    for component in made.chain(temporary.map(String::as_str)).chain(name) {
        assert!(!["", ".", ".."].contains(&component) && !component.contains(['/', '\0']));
    }
}

/// A machine's /proc and /sys: a line for a file, its path, a tab, and its text, in which `\n` is a
/// line break.
pub fn machine(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let files = text.lines().filter_map(|line| line.split_once('\t'));
    let files = files.map(|(path, text)| (path.to_owned(), text.replace("\\n", "\n")));
    let machine =
        Machine::of_tree(Tree::of_files(files.collect()), &[0, 1], OtherCounts::default());
    assert!(!machine.cpus.is_empty() && !machine.nodes.is_empty(), "{machine:?}");
    assert!(machine.worker_count().workers >= 1, "{machine:?}");
    let mut order = machine.pin_order();
    order.sort_unstable();
    assert!(order.iter().eq(machine.cpus.iter().map(|cpu| &cpu.number)), "{machine:?}");
}

/// The variable that makes a process a worker.
pub fn handover(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(handover) = Handover::decode(text) {
        assert_eq!(Handover::decode(&handover.encode()), Some(handover));
    }
}

/// What processes read in the region, where a wild write may have been: frames, failures, a plan's
/// image, copies to be put back.
pub fn region(bytes: &[u8]) {
    let words: Vec<u64> = words_of(bytes).collect();
    if let Some(frame) = Frame::read(&FrameWords::sealed(&words), 0) {
        assert!(frame.fits(), "{frame:?}");
        let again = FrameWords::sealed(&[]);
        frame.write(&again, 0);
        assert_eq!(Frame::read(&again, 0), Some(frame));
    }
    let page = FailurePage::of(&words);
    if let Some((_, failure)) = words.first().and_then(|serial| page.read(*serial)) {
        let failure: Failure = failure.shortened();
        assert_eq!(failure.shortened(), failure);
    }
    if let Ok(program) = postcard::from_bytes::<Program>(bytes) {
        postcard::to_stdvec(&program).expect("what was read can be written");
    }
    put_back(&words);
}

/// Puts back a copy whose description is these words, in a region of its own.
fn put_back(words: &[u64]) {
    const CAPACITY: usize = 8 << 20;
    static REGION: OnceLock<Region> = OnceLock::new();
    let region = REGION.get_or_init(|| Region::create(CAPACITY).expect("a small region"));
    let block = CAPACITY - 4096..CAPACITY;
    let words = &words[..words.len().min(block.len() / 8)];
    Region::store_words(region.slice(block.start, words.len()), words);
    region.put_back(&Permit::granted_by_protocol(), block);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::fixture::{Kernels, Place};
    use crate::machine::heap;

    /// The most that a reader may allocate at once, as `.ci/fuzz` has it.
    const AT_ONCE_BYTES_MAX: usize = 64 << 20;

    /// Runs a reader over the corpus of its name.
    fn corpus(name: &str, reader: impl Fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
        let files = std::fs::read_dir(&folder).unwrap();
        let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(files.len() >= 10, "{} files in {}", files.len(), folder.display());
        for file in files {
            let bytes = std::fs::read(&file).unwrap();
            heap::take_largest();
            let read = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| reader(&bytes)));
            assert!(read.is_ok(), "{}", file.display());
            let largest = heap::take_largest();
            assert!(largest <= AT_ONCE_BYTES_MAX, "{largest} bytes at once: {}", file.display());
        }
    }

    #[test]
    fn allocations_are_seen() {
        heap::take_largest();
        let grown: Vec<u8> =
            std::iter::repeat_n(1, AT_ONCE_BYTES_MAX + 1).filter(|&one| one > 0).collect();
        assert!(grown.len() > AT_ONCE_BYTES_MAX && heap::take_largest() > AT_ONCE_BYTES_MAX);
        assert_eq!(heap::take_largest(), 0);
    }

    #[test]
    fn the_corpora_are_read() {
        corpus("npy", npy);
        let place = Place::new();
        corpus("job", |bytes| job_of(bytes, place.path(), &Kernels));
        corpus("report", report);
        corpus("marker", marker);
        corpus("machine", machine);
        corpus("handover", handover);
        corpus("region", region);
    }
}
