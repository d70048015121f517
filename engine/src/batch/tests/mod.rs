//! Tests of job files and output folders, by what a user sees: the message, its line and its
//! column.

pub(crate) mod fixture;
mod folder;
mod job;
mod mangled;
mod mistakes;
mod npy;
mod outputs;
