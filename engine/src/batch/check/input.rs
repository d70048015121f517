//! The check of one input: its file, its header, and whether the cast and the missing value make
//! sense for it.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::diagnose::{self, Mistakes};
use super::job::Input;
use crate::batch::kernels::catalogue::ArrayMeta;
use crate::memory::ElementType;
use crate::memory::NpyHeader;
use crate::report::InputReport;

/// An input that can be loaded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CheckedInput {
    /// The array's name.
    pub(crate) name: String,
    /// The file, links resolved.
    pub(crate) path: PathBuf,
    /// The file as the job file names it, for messages.
    pub(crate) file: String,
    /// Its length, and when it was changed last, in nanoseconds since 1970.
    pub(crate) bytes: u64,
    pub(crate) modified_ns: i64,
    /// What the file's header says.
    pub(crate) header: NpyHeader,
    /// The array as the steps see it: after the cast, with its cell size.
    pub(crate) meta: ArrayMeta,
    /// The type to cast to, if it differs from the file's.
    pub(crate) cast: Option<ElementType>,
    /// The value that becomes NaN. The array's type is then a float; it is looked for before the
    /// cast.
    pub(crate) nodata: Option<f64>,
}

impl CheckedInput {
    /// As it stands in report.json.
    pub(crate) fn report(&self) -> InputReport {
        let CheckedInput { name, path, bytes, modified_ns, .. } = self;
        let (name, path) = (name.clone(), path.display().to_string());
        InputReport { name, path, bytes: *bytes, modified_ns: *modified_ns }
    }
}

/// Checks an input whose file is named relative to `base`.
pub(crate) fn check(
    input: &Input,
    base: &Path,
    mistakes: &mut Mistakes<'_>,
) -> Option<CheckedInput> {
    let before = mistakes.count();
    let file = input.file.as_ref()?;
    let path = base.join(file.get_ref());
    let (opened, header) = match NpyHeader::open(&path) {
        Ok(opened) => opened,
        Err(error) => {
            let near = nearest_file(&path).map_or(String::new(), |near| {
                format!(
                    ", did you mean `{}`?",
                    Path::new(file.get_ref()).with_file_name(near).display()
                )
            });
            let message = format!("input `{}`: {}{near}", input.name.get_ref(), error.message);
            mistakes.add_with_help(file.span(), message, "expected a .npy file", error.help);
            return None;
        }
    };
    let path = match path.canonicalize() {
        Ok(path) => path,
        Err(error) => {
            let message = format!("input `{}`: {error}", input.name.get_ref());
            mistakes.add(file.span(), message, "expected a .npy file");
            return None;
        }
    };
    let on_disk = header.element;
    let element = input.cast.as_ref().map_or(on_disk, |cast| *cast.get_ref());
    if let Some(cast) = &input.cast
        && let Some(reason) = on_disk.cast_refused(element)
    {
        let message = format!("input `{}` cannot be cast: {reason}", input.name.get_ref());
        mistakes.add(cast.span(), message, format!("the file's elements are {on_disk}"));
    }
    if input.cast.is_some() || input.understood {
        check_nodata(input, on_disk, element, mistakes);
    }
    let shape = shape_in_jobs(&header);
    if let Some(cell) = &input.cell
        && shape.len() != 2
    {
        let dimensions = diagnose::counted(shape.len(), "dimension");
        let message = format!("`cell` is for maps, and this array has {dimensions}");
        mistakes.add(cell.span(), message, "expected a 2-D array, or no `cell`");
    }
    let known = mistakes.count() == before && input.understood;
    let (bytes, modified_ns) = stamp(&opened);
    known.then(|| CheckedInput {
        bytes,
        modified_ns,
        name: input.name.get_ref().clone(),
        path,
        file: file.get_ref().clone(),
        meta: ArrayMeta { shape, element, cell: input.cell.as_ref().map(|cell| *cell.get_ref()) },
        header,
        cast: (element != on_disk).then_some(element),
        nodata: input.nodata.as_ref().map(|nodata| *nodata.get_ref()),
    })
}

/// What tells a file from what it was before: its length, and the time of its last change.
fn stamp(file: &File) -> (u64, i64) {
    let stamp = |about: std::fs::Metadata| {
        (
            about.len(),
            about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec()),
        )
    };
    file.metadata().map(stamp).unwrap_or_default()
}

/// The shape of a file's array as jobs see it: a number by itself is an array of one.
pub(crate) fn shape_in_jobs(header: &NpyHeader) -> Vec<usize> {
    if header.shape.is_empty() { vec![1] } else { header.shape.clone() }
}

/// The file beside a missing one whose name is most like it.
pub(crate) fn nearest_file(missing: &Path) -> Option<String> {
    if missing.symlink_metadata().is_ok() {
        return None;
    }
    let folder = missing.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".npy")).collect();
    names.sort();
    let wanted = missing.file_name()?.to_str()?;
    diagnose::nearest(wanted, names.iter().map(String::as_str)).map(String::from)
}

fn check_nodata(
    input: &Input,
    on_disk: ElementType,
    element: ElementType,
    mistakes: &mut Mistakes<'_>,
) {
    let Some(nodata) = &input.nodata else { return };
    let value = *nodata.get_ref();
    if !element.is_float() {
        mistakes.add_with_help(
            nodata.span(),
            format!("`nodata` becomes NaN, and {element} has no NaN"),
            "expected an array of f32 or f64",
            format!("add `cast = \"f64\"` to [inputs.{}]", input.name.get_ref()),
        );
    }
    if let Some((low, high)) = on_disk.integer_range()
        && !(value.fract() == 0.0 && (low..=high).contains(&(value as i128)))
    {
        mistakes.add(
            nodata.span(),
            format!("`nodata` is {value}, which no element of this file can be"),
            format!("the file's elements are {on_disk}, {low} to {high}"),
        );
    }
    if matches!(on_disk, ElementType::F32 | ElementType::C32)
        && value.is_finite()
        && (value as f32).is_infinite()
    {
        mistakes.add(
            nodata.span(),
            format!("`nodata` is {value:e}, which no element of this file can be"),
            format!("the file's elements are {on_disk}, at most {:e}", f32::MAX),
        );
    }
}
