//! Floor 0: what a worker touched when it died of a fault, in the words of its step.

use std::fmt;

/// What the faulting instruction was to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultAccess {
    /// It read.
    Read,
    /// It wrote.
    Write,
    /// The CPU does not tell (that of x86-64 does).
    Unknown,
}

/// A fault: what was done, and what lies at the address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// What the instruction was to do.
    pub access: FaultAccess,
    /// What lies there.
    pub place: FaultPlace,
    /// The memory is there, and writing it is allowed to others: a fence stopped this write. See
    /// [`Builder::fence`](crate::Builder::fence).
    pub fenced: bool,
}

/// What lies at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultPlace {
    /// Nothing of the engine's shared memory.
    Elsewhere,
    /// A guard page around the control block.
    GuardPage,
    /// The control block, which belongs to the engine alone.
    ControlBlock,
    /// An array of the step.
    Element(FaultElement),
    /// An area of the engine's own beside the arrays: done marks, partial results, undo copies.
    EngineArea(&'static str),
    /// Something else in shared memory, such as an array that is no argument of the step.
    OtherBlock(FaultBlock),
    /// Shared memory that is not in use.
    OtherMemory {
        /// Bytes from the begin of the shared memory.
        offset: u64,
    },
}

/// A byte of something in shared memory.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultBlock {
    /// What it was allocated for: "an array", say.
    pub purpose: String,
    /// Its address in the program that holds the engine, for an array that of its first element:
    /// `array.as_slice().as_ptr()`.
    pub start: u64,
    /// Its size, rounded up as the allocator does.
    pub bytes: u64,
    /// Bytes from its begin to what was touched.
    pub byte: u64,
}

/// An element of an argument of the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultElement {
    /// Position of the array among the kernel's arguments, from 0.
    pub argument: usize,
    /// What the kernel calls it, where it is one of a job file.
    pub name: Option<String>,
    /// How the kernel declared to reach it, such as `Out<f64>`.
    pub access: String,
    /// Its shape; where it is cut by elements, their number.
    pub shape: Vec<usize>,
    /// The element's index, as many numbers as the shape has.
    pub index: Vec<usize>,
}

impl FaultElement {
    /// The element number `position`, in C order, of an argument of this shape.
    pub(crate) fn new(
        argument: usize,
        access: String,
        shape: Vec<usize>,
        position: usize,
    ) -> FaultElement {
        let mut rest = position;
        let mut index: Vec<usize> = shape
            .iter()
            .rev()
            .map(|&len| {
                let own = rest % len.max(1);
                rest /= len.max(1);
                own
            })
            .collect();
        index.reverse();
        FaultElement { argument, name: None, access, shape, index }
    }
}

impl fmt::Display for FaultAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FaultAccess::Read => "reading",
            FaultAccess::Write => "writing",
            FaultAccess::Unknown => "at",
        })
    }
}

impl fmt::Display for FaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultPlace::Elsewhere => f.write_str("outside of all arrays"),
            FaultPlace::GuardPage => f.write_str("a guard page of the control block"),
            FaultPlace::ControlBlock => f.write_str("the engine's control block"),
            FaultPlace::Element(element) => element.fmt(f),
            FaultPlace::EngineArea(area) => write!(f, "the engine's {area}"),
            FaultPlace::OtherBlock(FaultBlock { purpose, start, bytes, byte }) => write!(
                f,
                "byte {byte} of {purpose} that is no argument of the step (of {bytes} bytes, at \
                 {start:#x} in the program that holds the engine)"
            ),
            FaultPlace::OtherMemory { offset } => {
                write!(f, "shared memory that is not in use (byte {offset} of the region)")
            }
        }
    }
}

impl fmt::Display for FaultElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FaultElement { argument, access, index, .. } = self;
        write!(f, "index {index:?} of ")?;
        match &self.name {
            Some(name) => write!(f, "`{name}` (argument {argument}, `{access}`)"),
            None => write!(f, "argument {argument} (`{access}`)"),
        }
    }
}

/// What a fault adds to the signal that it brought, after the signal's name.
pub(crate) fn describe(
    fault: Option<&Fault>,
    address: u64,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    match fault {
        None => write!(f, " at address {address:#x}"),
        Some(Fault { place, fenced: true, .. }) => {
            write!(f, ": a stray write stopped by the fence: address {address:#x} = {place}")
        }
        Some(Fault { access, place: FaultPlace::Elsewhere, .. }) => {
            write!(f, " {access} address {address:#x}")
        }
        Some(Fault { access, place, .. }) => write!(f, " {access} address {address:#x} = {place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_named_by_its_index() {
        let element = FaultElement::new(1, "Out<f64>".into(), vec![4, 20], 3 * 20 + 17);
        assert_eq!(element.to_string(), "index [3, 17] of argument 1 (`Out<f64>`)");
        let scalar = FaultElement::new(0, "In<u8>".into(), vec![], 0);
        assert_eq!(scalar.index, [0; 0]);
    }
}
