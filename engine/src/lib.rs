//! Gristmill: a parallel compute engine for CPU-bound numeric work.

mod machine;
