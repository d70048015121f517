//! Whether the job's files fit where they go: the sizes of saved arrays are known before anything
//! starts.
//!
//! Pictures and the report are small against these, and how small is not known before.

use super::checked::CheckedJob;
use super::diagnose::Mistakes;
use super::job::Job;
use crate::report::bytes;
use nix::sys::statvfs::statvfs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A .npy file's header at most, for arrays that one can have.
const HEADER_BYTES: u64 = 256;

/// Notes a mistake if the output folder's disk has less room than the job's arrays take.
pub(crate) fn check(checked: &CheckedJob, job: &Job, mistakes: &mut Mistakes<'_>) {
    let saved = checked.steps.iter().filter_map(|step| Some((step, step.result.as_ref()?)));
    let saved = saved.filter(|(step, _)| step.save.is_some());
    let sizes: Vec<_> = saved.map(|(step, meta)| (step, meta.bytes() + HEADER_BYTES)).collect();
    let needed = sizes.iter().fold(0u64, |sum, (_, size)| sum.saturating_add(*size));
    let Some(free) = free_bytes(&checked.folder) else { return };
    // What an earlier run has left under these names is removed before anything is written.
    let earlier: u64 =
        checked.outputs.iter().map(|path| own_bytes(&checked.folder.join(path))).sum();
    let room = free.saturating_add(earlier);
    let Some((largest, _)) = sizes.iter().max_by_key(|(_, size)| *size) else { return };
    if needed <= room {
        return;
    }
    let written = job.steps.iter().find(|step| *step.name.get_ref() == largest.name);
    let span = written.and_then(|step| step.save.as_ref()).map_or(0..0, |save| save.span());
    let files = super::diagnose::counted(sizes.len(), "array");
    let message = format!(
        "the job saves {files}, {} in all; the disk of {} has room for less",
        bytes(needed),
        checked.folder.display()
    );
    let help = "free some of it, save less, or choose another folder with `--out DIR`";
    mistakes.add_with_help(span, message, format!("expected at most {}", bytes(room)), help);
}

/// What the disk has free for this user, where the folder is or would be made.
fn free_bytes(folder: &Path) -> Option<u64> {
    let folder = std::path::absolute(folder).ok()?;
    let existing = folder.ancestors().find(|ancestor| ancestor.is_dir())?;
    let disk = statvfs(existing).ok()?;
    (disk.blocks_available() as u64).checked_mul(disk.fragment_size() as u64)
}

/// What removing a file gives back.
fn own_bytes(path: &Path) -> u64 {
    match path.symlink_metadata() {
        Ok(found) if found.is_file() && found.nlink() == 1 => found.blocks() * 512,
        _ => 0,
    }
}
