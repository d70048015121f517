//! What goes wrong with files of studies.

/// A study that could not be saved, read or compared, in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct FileError(pub(super) String);
