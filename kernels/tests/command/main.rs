//! The `gristmill` command as its users meet it, the naive and the hostile ones.
//!
//! Nothing here is timed: waits have generous ends, and only say that something comes at all.

mod chaos;
mod corpus;
mod deaths;
mod folder;
mod main_job;
mod mistakes;
mod npb;
mod npy_files;
mod output;
mod pinning;
mod place;
mod scale;
mod signals;
mod started;
mod steps;
mod surroundings;
mod top;
mod unreadable;
mod words;
