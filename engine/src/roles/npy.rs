//! Reading `.npy` files into arrays: by the workers, each its home chunks, where file and memory
//! have the same order; else by the calling thread, in the file's order, so that a disk is read from
//! front to back.
//!
//! Files are read, not mapped: one that somebody truncates meanwhile then ends as an error.

use super::arrays::LAUNCH_MIN;
use super::engine::Engine;
use crate::compute::ReadFile;
use crate::error::Result;
use crate::memory::{Array, Block, Element, Elements, Encoding, NpyHeader, Order, npy_file};
use ndarray::{Dimension, Ix1};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

impl Engine {
    /// The array in a `.npy` file, in C order and this machine's byte order whatever the file's are.
    ///
    /// `T` is the type of the file's elements: `f32`, `f64`, an integer, or `num_complex`'s
    /// `Complex32` and `Complex64`. Booleans are read as `u8`, 0 and 1; half floats as `f32`, which
    /// has all of their values. Other bits stay as they are, payloads of NaN too. `D` must have as
    /// many axes as the array: `Ix0` for a number by itself, up to `Ix6`, or `IxDyn`.
    ///
    /// The workers read it, each its own part; an array in Fortran order is read by the calling
    /// thread. Besides the array itself 2 MiB of memory are used at most, whatever the file claims.
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
    /// [`Error::File`](crate::Error::File) says what is wrong with the file, at which byte, and the
    /// remedy: it is damaged or shorter than it claims, or it holds what no array of the engine can
    /// (structures, texts, dates, long doubles, raw bytes; Python objects, whose pickles are not
    /// executed). [`Error::OutOfMemory`](crate::Error::OutOfMemory);
    /// [`Error::InsideWorker`](crate::Error::InsideWorker) and
    /// [`Error::Forked`](crate::Error::Forked) in other processes.
    pub fn open_npy<T: Element, D: Dimension>(
        &self,
        path: impl AsRef<Path>,
    ) -> Result<Array<T, D>> {
        self.core.refuse_other_processes()?;
        let path = path.as_ref();
        let (file, header, dim) = npy_file::open::<T, D>(path)?;
        Ok(Array::new(self.read_npy(path, &file, &header)?, dim))
    }

    /// The elements of a file whose header has been read.
    pub(crate) fn read_npy(&self, path: &Path, file: &File, header: &NpyHeader) -> Result<Block> {
        let bytes = header.bytes();
        let block = self.core.memory.allocate("an array from a file", bytes)?;
        let (contents, read) = match header.order {
            Order::C => {
                let mut contents = Array::<u8, Ix1>::over(block);
                let (at, encoding) = (header.data_offset_bytes, header.encoding);
                let read = self.read_file(file, at, encoding, &mut contents[0..bytes])?;
                (contents, read)
            }
            Order::Fortran => {
                let mut contents = Array::<u8, Ix1>::over(self.zeroed(block)?);
                let bytes = &mut contents.as_mut_slice()[..bytes];
                let read = header.read_into(bytes, |bytes, at| file.read_exact_at(bytes, at));
                (contents, read)
            }
        };
        read.map_err(|error| npy_file::unread(path, file, header, &error))?;
        Ok(contents.into_block())
    }

    /// Fills an array with bytes of a file: the workers read, each its home chunks, so pages lie near
    /// to whom they belong. Where they cannot open the coordinator's files it reads by itself.
    fn read_file(
        &self,
        file: &File,
        offset_bytes: u64,
        encoding: Encoding,
        bytes: &mut Elements<u8>,
    ) -> Result<io::Result<()>> {
        if bytes.len() >= LAUNCH_MIN && self.workers() > 0 {
            let (pid, descriptor) = (std::process::id(), file.as_raw_fd());
            let identity = match ReadFile::identity_of(file) {
                Ok(identity) => identity,
                Err(error) => return Ok(Err(error)),
            };
            let kernel = ReadFile { pid, descriptor, identity, offset_bytes, encoding };
            let denied = [libc::EACCES, libc::EPERM, libc::ENOENT].map(|code| code as u32);
            match self.run_own(&kernel, &mut *bytes)? {
                0 => return Ok(Ok(())),
                ReadFile::CUT_SHORT => return Ok(Err(ErrorKind::UnexpectedEof.into())),
                code if denied.contains(&code) => {}
                code => return Ok(Err(io::Error::from_raw_os_error(code as i32))),
            }
        }
        Ok(encoding.fill(bytes.as_mut_slice(), |bytes| file.read_exact_at(bytes, offset_bytes)))
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
            let encoding = Encoding::Native;
            let kernel = ReadFile { pid, descriptor, identity, offset_bytes: 0, encoding };
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
            let mut read = |at| engine.read_file(&file, at, Encoding::Native, &mut bytes).unwrap();
            let cut = read(8).unwrap_err();
            assert_eq!(cut.kind(), ErrorKind::UnexpectedEof);
            read(7).unwrap();
            assert!(bytes.as_slice() == &contents[7..], "{len} bytes");
            assert!(len < LAUNCH_MIN || engine.stats().launches > before);
        }
    }

    #[test]
    fn a_file_that_is_cut_after_its_header_was_read_is_an_error_with_both_lengths() {
        let engine = Engine::builder().workers(2).build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        for shape in [(10, 3), (100_000, 3)] {
            let array = engine.zeros::<f64, _>(shape).unwrap();
            array.save_npy(&path).unwrap();
            let (file, header) = NpyHeader::open(&path).unwrap();
            let whole = file.metadata().unwrap().len();
            std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(200).unwrap();
            for order in [Order::C, Order::Fortran] {
                let header = NpyHeader { order, ..header.clone() };
                let error = engine.read_npy(&path, &file, &header).unwrap_err().to_string();
                let (offset, declared) = (header.data_offset_bytes, header.data_bytes);
                assert_eq!(offset + declared, whole);
                let said = format!(
                    "became shorter while it was read: its header declares {declared} bytes of data \
                     from byte {offset} on, and {} are left",
                    200 - offset
                );
                assert!(error.contains(&said), "{error}");
            }
        }
    }
}
