//! Output files as tasks: the workers write and hash them, while later steps compute.

use super::load::real;
use crate::batch::output::output_path::OutputPath;
use crate::batch::output::whole_file::WholeFile;
use crate::memory::{ElementType, RawArray, RawHandle, Region};
use crate::process;
use crate::report::Palette;
use crate::report::{self, OutputReport};
use ndarray::{ArrayViewD, IxDyn};
use ndarray_npy::{WritableElement, WriteNpyExt};
use num_complex::{Complex32, Complex64};
use serde::{Deserialize, Serialize};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// One file to write.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SaveTask {
    array: RawHandle,
    element: String,
    shape: Vec<usize>,
    folder: PathBuf,
    /// Relative to the folder.
    path: String,
    content: Content,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
enum Content {
    Npy,
    /// In this palette.
    Picture(String),
}

/// A file that was written, with what is worth knowing of it, or why it was not.
pub(crate) type Saved = Result<(OutputReport, Option<String>), String>;

impl SaveTask {
    /// The array as a .npy file.
    pub(crate) fn npy(
        region: &Region,
        array: &RawArray,
        folder: &Path,
        path: &OutputPath,
    ) -> SaveTask {
        SaveTask::new(region, array, folder, path, Content::Npy)
    }

    /// The array as a picture.
    pub(crate) fn picture(
        region: &Region,
        array: &RawArray,
        folder: &Path,
        path: &OutputPath,
        palette: Palette,
    ) -> SaveTask {
        SaveTask::new(region, array, folder, path, Content::Picture(palette.name().into()))
    }

    fn new(
        region: &Region,
        array: &RawArray,
        folder: &Path,
        path: &OutputPath,
        content: Content,
    ) -> SaveTask {
        SaveTask {
            array: array.handle(region),
            element: array.element().into(),
            shape: array.shape().to_vec(),
            folder: folder.to_path_buf(),
            path: path.as_str().into(),
            content,
        }
    }
}

/// Writes the file, whole or not at all, and hashes it. Runs in a worker.
pub(crate) fn save(task: SaveTask) -> Saved {
    let region = process::worker_region().ok_or("saving is a task of a worker")?;
    let bytes = task.array.bytes(region);
    let path = OutputPath::new(&task.path).map_err(|e| e.to_string())?;
    let mut file = WholeFile::create(&task.folder, &path).map_err(|e| e.to_string())?;
    let note = match &task.content {
        Content::Npy => write_npy(&mut file, &task, bytes).map(|()| None)?,
        Content::Picture(palette) => write_picture(&mut file, &task, bytes, palette)?,
    };
    let mut written = file.file();
    let sha256 = written
        .seek(SeekFrom::Start(0))
        .and_then(|_| report::sha256(&mut written))
        .map_err(|e| format!("reading {} back: {e}", task.path))?;
    file.finish().map_err(|e| e.to_string())?;
    Ok((OutputReport { path: task.path, sha256 }, note))
}

fn write_npy(file: &mut WholeFile, task: &SaveTask, bytes: &[u8]) -> Result<(), String> {
    fn write<T: bytemuck::Pod + WritableElement>(
        file: &mut WholeFile,
        shape: &[usize],
        bytes: &[u8],
    ) -> Result<(), String> {
        let array = ArrayViewD::<T>::from_shape(IxDyn(shape), bytemuck::cast_slice(bytes))
            .map_err(|e| e.to_string())?;
        let mut buffered = BufWriter::with_capacity(1 << 20, file);
        array.write_npy(&mut buffered).map_err(|e| e.to_string())?;
        buffered.flush().map_err(|e| e.to_string())
    }
    let shape = &task.shape;
    match ElementType::of_rust(&task.element).ok_or("an element type without a .npy form")? {
        ElementType::F32 => write::<f32>(file, shape, bytes),
        ElementType::F64 => write::<f64>(file, shape, bytes),
        ElementType::I8 => write::<i8>(file, shape, bytes),
        ElementType::I16 => write::<i16>(file, shape, bytes),
        ElementType::I32 => write::<i32>(file, shape, bytes),
        ElementType::I64 => write::<i64>(file, shape, bytes),
        ElementType::U8 => write::<u8>(file, shape, bytes),
        ElementType::U16 => write::<u16>(file, shape, bytes),
        ElementType::U32 => write::<u32>(file, shape, bytes),
        ElementType::U64 => write::<u64>(file, shape, bytes),
        ElementType::C32 => write::<Complex32>(file, shape, bytes),
        ElementType::C64 => write::<Complex64>(file, shape, bytes),
    }
}

fn write_picture(
    file: &mut WholeFile,
    task: &SaveTask,
    bytes: &[u8],
    palette: &str,
) -> Result<Option<String>, String> {
    let palette = Palette::ALL.into_iter().find(|known| known.name() == palette);
    let palette = palette.ok_or("an unknown palette")?;
    let [rows, columns] = task.shape[..] else { return Err("a picture needs a map".into()) };
    let picture = match ElementType::of_rust(&task.element) {
        Some(ElementType::F64) => {
            report::draw(bytemuck::cast_slice(bytes), [rows, columns], palette)
        }
        Some(element) if !element.is_complex() => {
            let values: Vec<f64> =
                bytes.chunks(element.size_bytes()).map(|bytes| real(element, bytes)).collect();
            report::draw(&values, [rows, columns], palette)
        }
        _ => return Err(format!("pictures are drawn of real numbers, not of {}", task.element)),
    };
    let picture = picture.map_err(|e| e.to_string())?;
    file.write_all(&picture.png).map_err(|e| e.to_string())?;
    let (path, scale) = (&task.path, picture.scale);
    Ok((scale > 1).then(|| {
        format!("{path}: the map is too large for a picture; a pixel is the mean of {scale} x {scale} cells")
    }))
}
