//! Every kernel, run by an engine, against an oracle that is written in the most obvious way.
//!
//! One binary: it starts one engine of two workers, on which all tests take turns.

mod data;
mod elementwise;
mod exact;
mod golden;
mod heat;
mod histogram;
mod random;
mod reductions;
mod reference;
mod refusals;
mod scan;
mod sky_view;
mod terrain;
mod transpose;
mod workers;
