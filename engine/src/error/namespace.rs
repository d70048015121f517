//! Why an operation on a namespace was refused.

/// Why an operation on a [`Namespace`](crate::Namespace) was refused. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NamespaceFailure {
    /// A value that is not there was to be updated.
    #[error("there is no value {name:?}; set it first, or use `update_or_default`")]
    Absent {
        /// The name.
        name: String,
    },
    /// A value is of another type than the one asked for.
    #[error("{name:?} is a {held}, and was asked for as a {asked}")]
    OtherType {
        /// The name.
        name: String,
        /// The type that was set.
        held: String,
        /// The type that was asked for.
        asked: String,
    },
    /// There is no room for what was to be set beside what is there, old values among it.
    #[error(
        "{requested} bytes are needed in one piece, {available} are free in one piece of the \
         {capacity} bytes; remove values, or make the namespace larger: what is changed lies in it \
         twice until the change is whole"
    )]
    Full {
        /// Bytes needed in one piece.
        requested: u64,
        /// The largest free piece.
        available: u64,
        /// Bytes of the namespace.
        capacity: u64,
    },
    /// A transaction used its own namespace other than through itself.
    #[error(
        "it was used within one of its own transactions, which would wait for itself; use the \
         transaction's own methods there"
    )]
    Reentered,
    /// The transaction's own words: see [`Transaction::refuse`](crate::Transaction::refuse).
    #[error("the transaction was given up: {0}")]
    Refused(String),
    /// Its words in shared memory were written over.
    #[error(
        "its words were written over, by a kernel, task or process with a wild pointer; run kernels \
         with fences (`Builder::fence`) to learn where, and start another engine"
    )]
    Damaged,
}
