//! The ring against a queue of bytes, by threads, and its ends that close, die and abort.


