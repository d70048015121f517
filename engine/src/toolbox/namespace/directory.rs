//! What a namespace holds at one time, as one sealed block: names, types, versions, places of values.
//! And where there is room beside it.

use crate::error::NamespaceFailure;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What places are multiples of.
pub(super) const UNIT: u64 = 64;

/// A piece of a namespace's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Span {
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

impl Span {
    /// The first unit behind it, if it lies within so many bytes.
    fn end(self, capacity: u64) -> Option<u64> {
        let end = self.offset.checked_add(self.bytes)?.checked_next_multiple_of(UNIT)?;
        (self.offset.is_multiple_of(UNIT) && end <= capacity).then_some(end)
    }

    pub(super) fn lies_within(self, capacity: u64) -> bool {
        self.end(capacity).is_some()
    }
}

/// A value, as the directory knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry<'a> {
    pub(super) type_name: &'a str,
    /// The generation that set it.
    pub(super) version: u64,
    pub(super) at: Span,
}

/// All entries, by name.
pub(super) type Entries<'a> = BTreeMap<&'a str, Entry<'a>>;

/// The bytes of all entries in order, as they were read.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) at: Span,
    pub(super) bytes: Vec<u8>,
    pub(super) capacity: u64,
}

impl Directory {
    /// Writes what [`iter`](Directory::iter) reads.
    pub(super) fn encode(entries: &Entries<'_>) -> Vec<u8> {
        let write = |bytes, entry| postcard::to_extend(&entry, bytes);
        let written = entries.iter().try_fold(Vec::new(), write);
        written.expect("texts and numbers can always be written")
    }

    /// The entries in order of names; an error, and then the end, where they cannot be read.
    pub(super) fn iter(&self) -> impl Iterator<Item = Result<(&str, Entry<'_>), NamespaceFailure>> {
        let mut rest = &self.bytes[..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let read = postcard::take_from_bytes::<(&str, Entry<'_>)>(rest);
            let read = read.ok().filter(|((_, entry), _)| entry.at.lies_within(self.capacity));
            let (entry, behind) = read.map_or((None, &[][..]), |(entry, rest)| (Some(entry), rest));
            rest = behind;
            Some(entry.ok_or(NamespaceFailure::Damaged))
        })
    }

    pub(super) fn find(&self, name: &str) -> Result<Option<Entry<'_>>, NamespaceFailure> {
        let found = self.iter().find(|entry| entry.as_ref().map_or(true, |(of, _)| *of == name));
        found.transpose().map(|found| found.map(|(_, entry)| entry))
    }
}

/// Free memory: all that nobody lists. It is found anew by each transaction, so there is nothing that a
/// death could leave wrong.
#[derive(Debug)]
pub(super) struct Room {
    capacity: u64,
    /// First and end of what is taken, in order.
    taken: Vec<(u64, u64)>,
}

impl Room {
    /// Beside what is there.
    pub(super) fn beside(
        capacity: u64,
        spans: impl Iterator<Item = Span>,
    ) -> Result<Room, NamespaceFailure> {
        let taken = spans.filter(|span| span.bytes > 0).map(|span| {
            let end = span.end(capacity).ok_or(NamespaceFailure::Damaged)?;
            Ok((span.offset, end))
        });
        let mut taken = taken.collect::<Result<Vec<_>, NamespaceFailure>>()?;
        taken.sort_unstable();
        Ok(Room { capacity, taken })
    }

    /// The first piece that is large enough.
    pub(super) fn take(&mut self, bytes: usize) -> Result<Span, NamespaceFailure> {
        let bytes = bytes as u64;
        if bytes == 0 {
            return Ok(Span { offset: 0, bytes });
        }
        let mut available = 0;
        for place in 0..=self.taken.len() {
            let start = place.checked_sub(1).map_or(0, |before| self.taken[before].1);
            let end = self.taken.get(place).map_or(self.capacity, |next| next.0);
            let free = end.saturating_sub(start);
            if bytes <= free {
                let span = Span { offset: start, bytes };
                self.taken.insert(place, (start, start + bytes.next_multiple_of(UNIT)));
                return Ok(span);
            }
            available = available.max(free);
        }
        Err(NamespaceFailure::Full { requested: bytes, available, capacity: self.capacity })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// What is handed out lies within, and apart from all else; what is refused has no place.
        #[test]
        fn room_is_found_where_there_is_some(
            sizes in prop::collection::vec(0usize..400, 1..40),
            freed in prop::collection::vec(any::<bool>(), 40),
        ) {
            const CAPACITY: u64 = 2048;
            let mut live: Vec<Span> = vec![];
            for (size, free) in sizes.into_iter().zip(freed) {
                let mut room = Room::beside(CAPACITY, live.iter().copied()).unwrap();
                match room.take(size) {
                    Ok(span) => {
                        prop_assert!(span.lies_within(CAPACITY) && span.bytes == size as u64);
                        let apart = |other: &Span| {
                            size == 0 || other.bytes == 0
                                || other.end(CAPACITY).unwrap() <= span.offset
                                || span.end(CAPACITY).unwrap() <= other.offset
                        };
                        prop_assert!(live.iter().all(apart));
                        live.push(span);
                    }
                    Err(NamespaceFailure::Full { requested, available, .. }) => {
                        prop_assert!(available < requested);
                        let mut room = Room::beside(CAPACITY, live.iter().copied()).unwrap();
                        prop_assert!(room.take(available as usize).is_ok());
                    }
                    Err(other) => return Err(TestCaseError::fail(other.to_string())),
                }
                if free && !live.is_empty() {
                    live.remove(size % live.len());
                }
            }
        }

        /// Whatever bytes are taken for a directory, nothing outside is pointed to.
        #[test]
        fn wild_bytes_lead_nowhere(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let at = Span { offset: 0, bytes: bytes.len() as u64 };
            let directory = Directory { at, bytes, capacity: 1024 };
            for entry in directory.iter() {
                prop_assert!(entry.map_or(true, |(_, entry)| entry.at.lies_within(1024)));
            }
        }
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        let at = |offset| Span { offset, bytes: 5 };
        let entries = Entries::from([
            ("x", Entry { type_name: "u8", version: 3, at: at(64) }),
            ("", Entry { type_name: "f64", version: 1, at: at(0) }),
        ]);
        let bytes = Directory::encode(&entries);
        let directory = Directory { at: at(128), bytes, capacity: 1024 };
        let read: Result<Entries<'_>, _> = directory.iter().collect();
        assert_eq!(read, Ok(entries));
        assert_eq!(directory.find("x").unwrap().unwrap().version, 3);
        assert_eq!(directory.find("y"), Ok(None));
    }
}
