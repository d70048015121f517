//! Where texts have room beside lines and markers.

use super::canvas::Place;

/// A rectangle: its upper left and its lower right corner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Space {
    pub(crate) from: Place,
    pub(crate) to: Place,
}

impl Space {
    /// Around a place.
    pub(crate) fn around((x, y): Place, radius: f64) -> Space {
        Space { from: (x - radius, y - radius), to: (x + radius, y + radius) }
    }

    fn contains(&self, (x, y): Place) -> bool {
        (self.from.0..=self.to.0).contains(&x) && (self.from.1..=self.to.1).contains(&y)
    }

    fn is_within(&self, other: &Space) -> bool {
        other.contains(self.from) && other.contains(self.to)
    }

    fn overlaps(&self, other: &Space) -> bool {
        self.from.0 < other.to.0
            && other.from.0 < self.to.0
            && self.from.1 < other.to.1
            && other.from.1 < self.to.1
    }
}

/// What is drawn where texts are to be placed.
#[derive(Debug)]
pub(crate) struct Occupied {
    /// Where texts may lie.
    pub(crate) room: Space,
    /// Where none may: other texts, and markers.
    pub(crate) taken: Vec<Space>,
    /// Lines, which texts should not cross.
    pub(crate) lines: Vec<[Place; 2]>,
}

/// How far from its line a text lies.
const DISTANCES: [f64; 2] = [5.0, 12.0];
/// Places along a line that are tried, and points of lines that are looked at.
const STEPS: u32 = 24;
const LINE_POINTS: u32 = 150;

/// The place from `from` to `to` at this part of the way.
fn on_the_way([from, to]: [Place; 2], part: f64) -> Place {
    (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
}

impl Occupied {
    /// The space for a text of this width and height beside one of these lines, where it crosses the
    /// fewest; it is taken from now on. None if there is no room.
    pub(crate) fn place(&mut self, beside: &[[Place; 2]], (width, height): Place) -> Option<Space> {
        let tried = (0..=STEPS).flat_map(|step| beside.iter().map(move |line| (step, *line)));
        let candidates = tried.flat_map(|(step, line)| {
            let (x, y) = on_the_way(line, f64::from(step) / f64::from(STEPS));
            // Above lines that rise there is room to the left, below them to the right.
            let corners = DISTANCES.into_iter().flat_map(move |away| {
                [(x - away - width, y - away - height), (x + away, y + away)]
            });
            let over = [(x - width / 2.0, y - 3.0 - height), (x - width / 2.0, y + 3.0)];
            corners.chain(over).map(move |from| (step, from))
        });
        let spaces = candidates
            .map(|(step, from)| (step, Space { from, to: (from.0 + width, from.1 + height) }));
        let free = spaces.filter(|(_, space)| {
            space.is_within(&self.room) && !self.taken.iter().any(|taken| taken.overlaps(space))
        });
        let middle = |step: u32| step.abs_diff(STEPS / 2);
        let best = free.min_by_key(|(step, space)| (self.crossed(space), middle(*step)))?.1;
        self.taken.push(best);
        Some(best)
    }

    /// How much of lines lies within a space.
    fn crossed(&self, space: &Space) -> usize {
        let points = |line: &[Place; 2]| {
            let line = *line;
            (0..=LINE_POINTS)
                .map(move |at| on_the_way(line, f64::from(at) / f64::from(LINE_POINTS)))
                .filter(|point| space.contains(*point))
                .count()
        };
        self.lines.iter().map(points).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty(lines: Vec<[Place; 2]>) -> Occupied {
        let room = Space { from: (0.0, 0.0), to: (400.0, 300.0) };
        Occupied { room, taken: vec![], lines }
    }

    #[test]
    fn texts_cross_no_line_where_there_is_room() {
        let rising = [(0.0, 290.0), (300.0, 100.0)];
        let second = [(0.0, 280.0), (300.0, 90.0)];
        let mut occupied = empty(vec![rising, second]);
        let first = occupied.place(&[rising], (100.0, 14.0)).expect("room");
        let other = occupied.place(&[second], (100.0, 14.0)).expect("room");
        assert_eq!(occupied.crossed(&first), 0);
        assert_eq!(occupied.crossed(&other), 0);
        assert!(!first.overlaps(&other));
    }

    #[test]
    fn what_has_no_room_is_not_placed() {
        let line = [(0.0, 150.0), (400.0, 150.0)];
        let mut occupied = empty(vec![line]);
        assert_eq!(occupied.place(&[line], (500.0, 14.0)), None, "wider than all");
        occupied.taken.push(Space { from: (0.0, 0.0), to: (400.0, 300.0) });
        assert_eq!(occupied.place(&[line], (10.0, 10.0)), None, "nothing is free");
    }
}
