//! Pipes within one process: any sizes against a model, ends that close, die and move.


