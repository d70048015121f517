//! Stock kernels of Gristmill.
