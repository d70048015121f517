//! The marker of an unfinished run: which files the run is about to make, so that `--fresh` removes
//! these and no others.
//!
//! A text file in the output folder, there from the start of a run to its end:
//!
//! | line | written | by |
//! |---|---|---|
//! | `gristmill 1`, `job NAME` | at the start | the coordinator |
//! | `temporary PATH` | before the temporary file is created | whoever writes it |
//! | `made DEVICE INODE PATH` | before the temporary is renamed to PATH | whoever wrote it |
//!
//! Lines are appended by one write(2) each, so several processes may write. A last line without its
//! newline was torn by a crash: what it announces had not happened yet, so it is passed over.
//! `made` names the file by its inode, which a rename keeps: a file that was at PATH before, or
//! that someone has put there since, has another one and is left alone.

use std::io::{Read, Write};

use nix::fcntl::OFlag;

use super::directory::{Directory, Found};
use super::folder_error::FolderError;
use super::output_path::OutputPath;

/// Its name in the output folder.
pub(crate) const MARKER: &str = ".gristmill-unfinished";
/// How names of temporary files end.
pub(crate) const TEMPORARY_SUFFIX: &str = ".gristmill-tmp";

const FIRST_LINE: &str = "gristmill 1";
const MARKER_BYTES_MAX: u64 = 16 << 20;

/// What a marker lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) job: Option<String>,
    /// Folders and name of each temporary file.
    pub(crate) temporaries: Vec<(Vec<String>, String)>,
    /// Device, inode and path of each finished file.
    pub(crate) made: Vec<(u64, u64, OutputPath)>,
}

/// Writes the marker of a run that begins.
pub(crate) fn begin(folder: &Directory, job: &str) -> Result<(), FolderError> {
    let mut file = folder.file(MARKER, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL)?;
    let job: String = job.chars().filter(|c| !c.is_control()).collect();
    file.write_all(format!("{FIRST_LINE}\njob {job}\n").as_bytes())
        .and_then(|()| file.sync_data())
        .map_err(|error| FolderError::system("write", &folder.path_of(MARKER), error))
}

/// Adds a line; the marker must be there, or nothing may be written.
pub(crate) fn append(folder: &Directory, line: &str) -> Result<(), FolderError> {
    let mut file = folder.file(MARKER, OFlag::O_WRONLY | OFlag::O_APPEND)?;
    let written = file.write(format!("{line}\n").as_bytes());
    let error = match written {
        Ok(bytes) if bytes == line.len() + 1 => return Ok(()),
        Ok(_) => std::io::Error::from(std::io::ErrorKind::StorageFull),
        Err(error) => error,
    };
    Err(FolderError::system("write", &folder.path_of(MARKER), error))
}

/// Reads the marker; `None` when there is none, so no run is unfinished.
pub(crate) fn read(folder: &Directory) -> Result<Option<Marker>, FolderError> {
    let path = folder.path_of(MARKER);
    if folder.find(MARKER)? == Found::Nothing {
        return Ok(None);
    }
    let mut text = Vec::new();
    let file = folder.file(MARKER, OFlag::O_RDONLY)?;
    file.take(MARKER_BYTES_MAX)
        .read_to_end(&mut text)
        .map_err(|error| FolderError::system("read", &path, error))?;
    match parse(&String::from_utf8_lossy(&text)) {
        Ok(marker) => Ok(Some(marker)),
        Err(reason) => Err(FolderError::Marker { path, reason }),
    }
}

pub(crate) fn parse(text: &str) -> Result<Marker, String> {
    let mut marker = Marker::default();
    let whole_lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    for (at, line) in whole_lines.enumerate() {
        let number = at + 1;
        let strange =
            || format!("line {number} is {:?}", line.chars().take(80).collect::<String>());
        match line.split_once(' ') {
            _ if at == 0 && line == FIRST_LINE => {}
            _ if at == 0 => return Err(strange()),
            Some(("job", job)) => marker.job = Some(job.to_string()),
            Some(("temporary", path)) => {
                marker.temporaries.push(temporary(path).ok_or_else(strange)?)
            }
            Some(("made", rest)) => marker.made.push(made(rest).ok_or_else(strange)?),
            _ => return Err(strange()),
        }
    }
    Ok(marker)
}

/// A temporary's path must be one that we could have made: below the folder, and its name our own.
fn temporary(path: &str) -> Option<(Vec<String>, String)> {
    let (folders, name) =
        path.rsplit_once('/').map_or((None, path), |(folders, name)| (Some(folders), name));
    let shown = name.strip_prefix('.')?.strip_suffix(TEMPORARY_SUFFIX)?;
    OutputPath::new(shown).ok()?;
    let folders = match folders {
        Some(folders) => OutputPath::new(folders).ok()?.components().map(str::to_string).collect(),
        None => Vec::new(),
    };
    Some((folders, name.to_string()))
}

fn made(rest: &str) -> Option<(u64, u64, OutputPath)> {
    let mut words = rest.splitn(3, ' ');
    let device = words.next()?.parse().ok()?;
    let inode = words.next()?.parse().ok()?;
    Some((device, inode, OutputPath::new(words.next()?).ok()?))
}

/// Removes what the unfinished run left: its temporaries and, if `finished_too`, the files that it
/// finished. What is not there any more, or is another file by now, is left alone.
pub(crate) fn remove_leftovers(
    folder: &Directory,
    marker: &Marker,
    finished_too: bool,
) -> Result<(), FolderError> {
    for (folders, name) in &marker.temporaries {
        remove_if(folder, folders.iter().map(String::as_str), name, |found| {
            matches!(found, Found::File { .. })
        })?;
    }
    for (device, inode, path) in marker.made.iter().filter(|_| finished_too) {
        let ours = Found::File { device: *device, inode: *inode };
        remove_path_if(folder, path, |found| found == ours)?;
    }
    Ok(())
}

/// Removes the regular file at `path`, if there is one; links are neither removed nor followed.
pub(crate) fn remove_file(folder: &Directory, path: &OutputPath) -> Result<(), FolderError> {
    remove_path_if(folder, path, |found| matches!(found, Found::File { .. }))
}

fn remove_path_if(
    folder: &Directory,
    path: &OutputPath,
    wanted: impl Fn(Found) -> bool,
) -> Result<(), FolderError> {
    let mut folders: Vec<&str> = path.components().collect();
    let Some(name) = folders.pop() else { return Ok(()) };
    remove_if(folder, folders.into_iter(), name, wanted)
}

fn remove_if<'n>(
    folder: &Directory,
    folders: impl Iterator<Item = &'n str>,
    name: &str,
    wanted: impl Fn(Found) -> bool,
) -> Result<(), FolderError> {
    let mut inner: Option<Directory> = None;
    for each in folders {
        let outer = inner.as_ref().unwrap_or(folder);
        if outer.find(each)? != Found::Folder {
            return Ok(());
        }
        inner = Some(outer.enter(each, false)?);
    }
    let directory = inner.as_ref().unwrap_or(folder);
    if wanted(directory.find(name)?) { directory.remove(name) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_last_lines_are_passed_over() {
        assert_eq!(parse("").unwrap(), Marker::default());
        assert_eq!(parse("gristm").unwrap(), Marker::default());
        let marker = parse("gristmill 1\njob t\nmade 1 2 a b.npy\nmade 1 3 c.n").unwrap();
        assert_eq!(marker.job.as_deref(), Some("t"));
        assert_eq!(marker.made, [(1, 2, OutputPath::new("a b.npy").unwrap())]);
    }

    #[test]
    fn lines_that_point_elsewhere_are_refused() {
        for line in [
            "made 1 2 ../a.npy",
            "made 1 2 /a.npy",
            "made x 2 a.npy",
            "temporary a.npy",
            "temporary ../.a.npy.gristmill-tmp",
            "temporary /.a.npy.gristmill-tmp",
            "temporary ..gristmill-tmp",
            "remove everything",
        ] {
            assert!(parse(&format!("gristmill 1\n{line}\n")).is_err(), "{line}");
        }
        assert!(parse("not ours\n").is_err());
        assert!(parse("gristmill 1\ntemporary a/.b.npy.1-0.gristmill-tmp\n").is_ok());
    }
}
