//! Making arrays: their pages are made present by the workers, on their home chunks.

use super::engine::Engine;
use super::launch::Terms;
use crate::compute::{Args, Kernel, Present, ReadFile, Value, Zero, single};
use crate::error::{Error, Result};
use crate::memory::{Array, Block, Element, Elements, npy_file};
use ndarray::{ArrayBase, Data, Dimension, IntoDimension, Ix1};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

/// Smaller blocks are filled by the calling thread: a launch would cost more.
const LAUNCH_MIN: usize = 256 << 10;

/// The least that a chunk of the engine's own work may take under any deadline: disks are slow.
pub(crate) const OWN_WORK_MIN: Duration = Duration::from_secs(30);

/// Why a file could not be read into an array.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The file is at fault.
    File(std::io::Error),
    /// The engine is.
    Engine(Error),
}

impl From<Error> for Unread {
    fn from(error: Error) -> Unread {
        Unread::Engine(error)
    }
}

impl Unread {
    /// As an error; one of the file by `of_file`.
    pub(crate) fn or_file(self, of_file: impl FnOnce(std::io::Error) -> Error) -> Error {
        match self {
            Unread::File(error) => of_file(error),
            Unread::Engine(error) => error,
        }
    }
}

/// Bytes of an array of this shape. Zeros must not hide an overflow of the others: strides are
/// computed from all of them.
pub(super) fn bytes_of(shape: &[usize], element_bytes: usize) -> Result<usize> {
    let axes = shape.iter().filter(|&&len| len > 0);
    let full = axes.copied().try_fold(element_bytes, usize::checked_mul);
    let full =
        full.filter(|&bytes| bytes <= isize::MAX as usize).ok_or_else(|| Error::Refused {
            kernel: "an array".into(),
            reason: format!("shape {shape:?} of elements of {element_bytes} bytes fits no memory"),
        })?;
    Ok(if shape.contains(&0) { 0 } else { full })
}

impl Engine {
    /// An array of zeros.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], before anything is touched; [`Error::Refused`] for a shape that fits no
    /// memory; [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn zeros<T: Element, S: IntoDimension>(&self, shape: S) -> Result<Array<T, S::Dim>> {
        let dim = shape.into_dimension();
        let array = self.array(dim, "an array of zeros")?;
        Ok(array)
    }

    /// An array of copies of `value`.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], before anything is touched; [`Error::Refused`] for a shape that fits no
    /// memory; [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn filled<T: Element, S: IntoDimension>(
        &self,
        shape: S,
        value: T,
    ) -> Result<Array<T, S::Dim>> {
        let mut array = self.array(shape.into_dimension(), "a filled array")?;
        array.as_mut_slice().fill(value);
        Ok(array)
    }

    /// An array whose elements are a function of their indices, computed by the calling thread.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], before anything is touched; [`Error::Refused`] for a shape that fits no
    /// memory; [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn from_fn<T, S, F>(&self, shape: S, mut f: F) -> Result<Array<T, S::Dim>>
    where
        T: Element,
        S: IntoDimension,
        F: FnMut(<S::Dim as Dimension>::Pattern) -> T,
    {
        let mut array = self.array(shape.into_dimension(), "an array made by a function")?;
        for (index, element) in array.view_mut().indexed_iter_mut() {
            *element = f(index);
        }
        Ok(array)
    }

    /// A copy of any `ndarray` array or view, whatever its memory order.
    ///
    /// # Errors
    ///
    /// [`Error::OutOfMemory`], before anything is touched; [`Error::Refused`] for a shape that fits no
    /// memory; [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn array_from<T, S, D>(&self, array: &ArrayBase<S, D>) -> Result<Array<T, D>>
    where
        T: Element,
        S: Data<Elem = T>,
        D: Dimension,
    {
        let mut copy = self.array(array.raw_dim(), "a copy of an array")?;
        copy.view_mut().assign(array);
        Ok(copy)
    }

    /// The array in a `.npy` file: C order, this machine's byte order, elements `T`. The workers read
    /// it, each its own part.
    ///
    /// ```
    /// # fn main() -> gristmill::Result<()> {
    /// # let folder = std::env::temp_dir().join(format!("gristmill-doc-{}", std::process::id()));
    /// # std::fs::create_dir_all(&folder).unwrap();
    /// # let path = folder.join("x.npy");
    /// let engine = gristmill::Engine::builder().workers(2).build()?;
    /// engine.from_fn((2, 3), |(row, column)| (10 * row + column) as f32)?.save_npy(&path)?;
    /// let x = engine.open_npy::<f32, ndarray::Ix2>(&path)?;
    /// assert_eq!(x.view()[[1, 2]], 12.0);
    /// # std::fs::remove_dir_all(&folder).unwrap();
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::File`] says what is wrong with the file, and the remedy; [`Error::OutOfMemory`];
    /// [`Error::InsideWorker`] and [`Error::Forked`] in other processes.
    pub fn open_npy<T: Element, D: Dimension>(
        &self,
        path: impl AsRef<std::path::Path>,
    ) -> Result<Array<T, D>> {
        let path = path.as_ref();
        self.core.refuse_other_processes()?;
        let (header, dim) = npy_file::shape_of::<T, D>(path)?;
        let file = File::open(path).map_err(|e| npy_file::unread(path, &e))?;
        let bytes = bytes_of(dim.slice(), size_of::<T>())?;
        let block = self.core.memory.allocate("an array from a file", bytes)?;
        let mut contents = Array::<u8, Ix1>::over(block);
        self.read_file(&file, header.data_offset_bytes, &mut contents[0..bytes])
            .map_err(|e| e.or_file(|e| npy_file::unread(path, &e)))?;
        Ok(Array::new(contents.into_block(), dim))
    }

    /// Fills an array with bytes of a file: the workers read, each its home chunks, so pages lie near
    /// to whom they belong. Where they cannot open the coordinator's files it reads by itself.
    pub(crate) fn read_file(
        &self,
        file: &File,
        offset_bytes: u64,
        bytes: &mut Elements<u8>,
    ) -> Result<(), Unread> {
        if bytes.len() >= LAUNCH_MIN {
            let (pid, descriptor) = (std::process::id(), file.as_raw_fd());
            let identity = ReadFile::identity_of(file).map_err(Unread::File)?;
            let kernel = ReadFile { pid, descriptor, identity, offset_bytes };
            let denied = [libc::EACCES, libc::EPERM, libc::ENOENT].map(|code| code as u32);
            match self.run_own(&kernel, &mut *bytes)? {
                0 => return Ok(()),
                ReadFile::CUT_SHORT => return Err(Unread::File(ErrorKind::UnexpectedEof.into())),
                code if denied.contains(&code) => {}
                code => {
                    return Err(Unread::File(std::io::Error::from_raw_os_error(code as i32)));
                }
            }
        }
        file.read_exact_at(bytes.as_mut_slice(), offset_bytes).map_err(Unread::File)
    }

    /// An array of zeros whose pages the workers have made present on their home chunks.
    fn array<T: Element, D: Dimension>(
        &self,
        dim: D,
        purpose: &'static str,
    ) -> Result<Array<T, D>> {
        self.core.refuse_other_processes()?;
        let bytes = bytes_of(dim.slice(), size_of::<T>())?;
        let block = self.core.memory.allocate(purpose, bytes)?;
        Ok(Array::new(self.zeroed(block)?, dim))
    }

    /// Runs a kernel of the engine's own, of which no deadline was thought that is meant for a user's.
    pub(super) fn run_own<K: Kernel>(
        &self,
        kernel: &K,
        arrays: <K::Args as Args>::Arrays<'_>,
    ) -> Result<Value<K>> {
        let deadline = self.core.deadline().map(|deadline| deadline.max(OWN_WORK_MIN));
        let (mut plan, output) = single(self.core.region(), kernel, &arrays)?;
        self.launch_within(Terms { deadline, is_own: true }, &mut plan, output)
    }

    pub(super) fn zeroed(&self, block: Block) -> Result<Block> {
        let fresh = block.is_fresh();
        let mut bytes = Array::<u8, Ix1>::over(block);
        if bytes.len() < LAUNCH_MIN {
            // Fresh pages are zero already.
            if !fresh {
                bytes.as_mut_slice().fill(0);
            }
        } else if fresh {
            self.run_own(&Present, &mut bytes)?;
        } else {
            self.run_own(&Zero, &mut bytes)?;
        }
        Ok(bytes.into_block())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_descriptor_of_another_process_is_not_taken_for_the_file() {
        let engine = Engine::builder().workers(1).build().unwrap();
        let file = tempfile::tempfile().unwrap();
        file.set_len(100).unwrap();
        let (pid, descriptor) = (std::process::id(), file.as_raw_fd());
        let identity = ReadFile::identity_of(&file).unwrap();
        let mut bytes = engine.zeros::<u8, _>(100).unwrap();
        for (identity, answer) in [(identity, 0), ((1, 2), libc::ENOENT as u32)] {
            let kernel = ReadFile { pid, descriptor, identity, offset_bytes: 0 };
            assert_eq!(engine.run(&kernel, &mut bytes).unwrap(), answer);
        }
    }

    #[test]
    fn files_are_read_by_the_workers_and_their_end_is_noticed() {
        let engine = Engine::builder().workers(2).build().unwrap();
        for len in [1000, LAUNCH_MIN, (9 << 20) + 5] {
            let contents: Vec<u8> = (0..len).map(|i| (i * 31 % 251) as u8).collect();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&contents).unwrap();
            let before = engine.stats().launches;
            let mut bytes = engine.zeros::<u8, _>(len - 7).unwrap();
            engine.read_file(&file, 7, &mut bytes).unwrap();
            assert!(bytes.as_slice() == &contents[7..], "{len} bytes");
            assert!(len < LAUNCH_MIN || engine.stats().launches > before);
            let cut = engine.read_file(&file, 8, &mut bytes).unwrap_err();
            assert!(matches!(&cut, Unread::File(e) if e.kind() == ErrorKind::UnexpectedEof));
        }
    }
}
