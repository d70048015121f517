//! The data of a `.npy` file, from its order to C order, a block at a time.
//!
//! Nothing is allocated beyond one block.

use super::npy::{NpyHeader, Order};

/// Bytes of memory in which a file passes through on its way.
const BLOCK: usize = 1 << 20;

impl NpyHeader {
    /// Reads the whole array in the file's order, a block at a time. `read` fills bytes with those
    /// from an offset of the file on. `take` gets elements as they are in memory, the place of the
    /// first among all in C order, and how many places each lies behind the one before.
    pub(crate) fn read_runs<E>(
        &self,
        mut read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
        mut take: impl FnMut(&[u8], usize, usize),
    ) -> Result<(), E> {
        let (size, elements) = (self.element.size_bytes(), self.elements());
        let at_a_time = (BLOCK / size).min(elements);
        let mut block = vec![0; at_a_time * size];
        let mut places = Places::of(self);
        let mut done = 0;
        while done < elements {
            let bytes = &mut block[..at_a_time.min(elements - done) * size];
            let at = self.encoding.stored_bytes((done * size) as u64);
            self.encoding.fill(bytes, |bytes| read(bytes, self.data_offset_bytes + at))?;
            done += bytes.len() / size;
            let mut rest = &*bytes;
            while !rest.is_empty() {
                let (run, first, stride) = places.run(rest.len() / size);
                let (elements, others) = rest.split_at(run * size);
                take(elements, first, stride);
                rest = others;
            }
        }
        Ok(())
    }

    /// Reads the whole array into memory of its size.
    pub(crate) fn read_into<E>(
        &self,
        bytes: &mut [u8],
        read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        self.read_runs(read, |run, first, stride| match self.element.size_bytes() {
            1 => scatter::<1>(run, bytes, first, stride),
            2 => scatter::<2>(run, bytes, first, stride),
            4 => scatter::<4>(run, bytes, first, stride),
            8 => scatter::<8>(run, bytes, first, stride),
            _ => scatter::<16>(run, bytes, first, stride),
        })
    }
}

fn scatter<const SIZE: usize>(run: &[u8], bytes: &mut [u8], first: usize, stride: usize) {
    if stride == 1 {
        bytes[first * SIZE..][..run.len()].copy_from_slice(run);
        return;
    }
    let places = bytes.as_chunks_mut::<SIZE>().0[first..].iter_mut().step_by(stride);
    places.zip(run.as_chunks::<SIZE>().0).for_each(|(place, element)| *place = *element);
}

/// The places in C order of a file's elements, one run after the other.
struct Places {
    /// Length of each axis, and how far apart its elements are in C order; the first axis is the one
    /// that runs fastest in the file.
    axes: Vec<(usize, usize)>,
    index: Vec<usize>,
    place: usize,
}

impl Places {
    fn of(header: &NpyHeader) -> Places {
        let axes = match header.order {
            Order::C => vec![(header.elements(), 1)],
            Order::Fortran => {
                let mut stride = header.elements();
                let strides = header.shape.iter().map(|&len| {
                    stride /= len.max(1);
                    (len, stride)
                });
                strides.collect()
            }
        };
        Places { index: vec![0; axes.len()], axes, place: 0 }
    }

    /// The next run of at most so many elements: its length, first place and stride. There must be
    /// elements left.
    fn run(&mut self, most: usize) -> (usize, usize, usize) {
        let ((len, stride), first) = (self.axes[0], self.place);
        let run = most.min(len - self.index[0]);
        self.index[0] += run;
        self.place += run * stride;
        for axis in 0..self.axes.len() - 1 {
            let (len, stride) = self.axes[axis];
            if self.index[axis] < len {
                break;
            }
            self.index[axis] = 0;
            self.place = self.place - len * stride + self.axes[axis + 1].1;
            self.index[axis + 1] += 1;
        }
        (run, first, stride)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::element_type::ElementType;
    use crate::memory::npy_encoding::Encoding;

    /// Fortran order by its definition, element by element.
    fn expected(shape: &[usize]) -> Vec<u16> {
        let elements = shape.iter().product();
        let place_in_file = |place: usize| {
            let (mut place, mut index) = (place, vec![]);
            for &len in shape.iter().rev() {
                index.insert(0, place % len);
                place /= len;
            }
            index.iter().zip(shape).rev().fold(0, |file, (index, len)| file * len + index)
        };
        (0..elements).map(|place| place_in_file(place) as u16).collect()
    }

    #[test]
    fn fortran_order_becomes_c_order() {
        for shape in [&[3, 4][..], &[2, 3, 4], &[5, 1, 2, 3], &[1, 7], &[60_000, 9], &[3, 0, 2]] {
            let elements: usize = shape.iter().product();
            let file: Vec<u8> = (0..elements).flat_map(|at| (at as u16).to_ne_bytes()).collect();
            let header = NpyHeader {
                element: ElementType::U16,
                encoding: Encoding::Native,
                order: Order::Fortran,
                shape: shape.to_vec(),
                data_offset_bytes: 0,
                data_bytes: file.len() as u64,
            };
            let mut bytes = vec![0xFF; file.len()];
            let read = |bytes: &mut [u8], at: u64| -> Result<(), ()> {
                bytes.copy_from_slice(&file[at as usize..][..bytes.len()]);
                Ok(())
            };
            header.read_into(&mut bytes, read).unwrap();
            let read = bytes.as_chunks().0.iter().map(|bytes| u16::from_ne_bytes(*bytes));
            assert!(read.eq(expected(shape)), "{shape:?}");
        }
    }
}
