//! Fences around kernels: while a chunk runs, only the pages of what its kernel declared to write
//! can be written. Without fences nothing of this is there: a step's runner is not wrapped.

use super::access::{Kind, Located, Window};
use super::program::ArgSpec;
use super::table::Runner;
use crate::memory::{PAGE, Region};
use crate::process::entry::exit;
use crate::process::shield::shielded;
use std::ops::Range;

/// Pieces of memory beyond which all between the first and the last is opened, as the system bounds
/// how finely a mapping may be cut (`vm.max_map_count`, 65,530 by default).
const PIECES_MAX: usize = 4096;

/// A runner behind fences. What it is given as a slot must be memory of this process: slots are
/// the engine's own ([`Apart`](super::apart::Apart) sees to that).
pub(crate) struct Fenced {
    pub(crate) inner: Box<dyn Runner>,
    /// The mapping that the kernel's views are of.
    pub(crate) views: &'static Region,
    pub(crate) args: Vec<ArgSpec>,
}

/// What is open, until it is dropped: after a panic as well.
struct Open<'a> {
    views: &'a Region,
    pieces: Vec<Range<usize>>,
}

impl Runner for Fenced {
    unsafe fn run(&self, window: &Window, at: &[Located], slot: &mut [u8]) {
        let written = at.iter().zip(&self.args).flat_map(|(at, arg)| written(at, arg, window));
        let _open = Open::new(self.views, written);
        // SAFETY: the caller's promise.
        shielded(|| unsafe { self.inner.run(window, at, slot) });
    }

    unsafe fn reset(&self, at: &[Located]) {
        let _open = Open::new(self.views, self.merged(at));
        // SAFETY: the caller's promise.
        shielded(|| unsafe { self.inner.reset(at) });
    }

    unsafe fn merge(&self, into: &[Located], from: &[Located]) {
        let _open = Open::new(self.views, self.merged(into));
        // SAFETY: the caller's promise.
        shielded(|| unsafe { self.inner.merge(into, from) });
    }

    fn fold(&self, n: usize, slots: &[u8], into: &mut [u8]) {
        shielded(|| self.inner.fold(n, slots, into));
    }
}

impl Fenced {
    /// All of what is merged into, where that is shared and no private accumulator.
    fn merged(&self, at: &[Located]) -> impl Iterator<Item = Range<usize>> {
        let merged = at.iter().zip(&self.args).filter(|(_, arg)| arg.kind == Kind::Merge);
        let addresses = merged.map(|(at, arg)| addresses(at, arg, 0..at.len));
        addresses
            .filter(|range| offsets(self.views, range).is_some())
            .collect::<Vec<_>>()
            .into_iter()
    }
}

impl<'a> Open<'a> {
    /// Opens ranges of addresses.
    ///
    /// # Panics
    ///
    /// Where the system refuses; the panic becomes the step's error.
    fn new(views: &'a Region, addresses: impl Iterator<Item = Range<usize>>) -> Open<'a> {
        let offsets = addresses.filter(|range| !range.is_empty()).map(|range| {
            let offsets = offsets(views, &range);
            let Range { start, end } = offsets.expect("what a kernel writes lies in its mapping");
            start / PAGE * PAGE..end.next_multiple_of(PAGE)
        });
        let mut open = Open { views, pieces: vec![] };
        for piece in joined(offsets.collect()) {
            if let Err(error) = views.open_fence(&piece, true) {
                panic!("opening the fence around a chunk: {error}; run without fences");
            }
            open.pieces.push(piece);
        }
        open
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        for piece in &self.pieces {
            if let Err(error) = self.views.open_fence(piece, false) {
                eprintln!("a worker cannot close a fence ({error}), and ends itself");
                exit(1);
            }
        }
    }
}

/// The addresses that a chunk writes of an array.
fn written(at: &Located, arg: &ArgSpec, window: &Window) -> Vec<Range<usize>> {
    let (rows, columns) = (&window.chunk.range, &window.chunk.columns);
    let piece = |first: usize, end: usize| addresses(at, arg, first..end);
    let indices = |range: &Range<usize>| piece(range.start * at.stride, range.end * at.stride);
    match arg.kind {
        Kind::Write | Kind::Update => vec![indices(rows)],
        Kind::Accumulate => vec![indices(&(window.chunk.index..window.chunk.index + 1))],
        Kind::TileOut => rows
            .clone()
            .map(|row| piece(row * at.stride + columns.start, row * at.stride + columns.end))
            .collect(),
        // A private accumulator lies in memory of this process.
        Kind::Merge | Kind::Read | Kind::Halo | Kind::Whole | Kind::Tile => vec![],
    }
}

fn addresses(at: &Located, arg: &ArgSpec, elements: Range<usize>) -> Range<usize> {
    let address = |element: usize| at.base as usize + element * arg.element_bytes;
    address(elements.start)..address(elements.end)
}

fn offsets(views: &Region, addresses: &Range<usize>) -> Option<Range<usize>> {
    let start = views.offset_of(addresses.start as *const u8, addresses.len())?;
    Some(start..start + addresses.len())
}

/// The same pages in as few pieces as they make; all between them where those are too many.
fn joined(mut pages: Vec<Range<usize>>) -> Vec<Range<usize>> {
    pages.sort_by_key(|range| range.start);
    let mut pieces: Vec<Range<usize>> = vec![];
    for range in pages {
        match pieces.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => pieces.push(range),
        }
    }
    if pieces.len() > PIECES_MAX {
        let end = pieces[pieces.len() - 1].end;
        pieces.truncate(1);
        pieces[0].end = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_opened_as_one() {
        let page = |n: usize| n * PAGE..(n + 1) * PAGE;
        let one = joined(vec![page(3), page(1), page(2), page(1)]);
        assert!(one.len() == 1 && one[0] == (PAGE..4 * PAGE));
        assert_eq!(joined(vec![page(5), page(1)]), [page(1), page(5)]);
        assert_eq!(joined((0..=PIECES_MAX).map(|n| page(2 * n)).collect()).len(), 1);
        assert!(joined(vec![]).is_empty());
    }
}
