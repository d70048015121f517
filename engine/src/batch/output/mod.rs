//! The folder that results go to: its lock, its marker, and files that are whole or absent.

pub(super) mod directory;
pub(super) mod folder;
pub(super) mod folder_error;
pub(super) mod marker;
pub(super) mod output_path;
pub(super) mod whole_file;
