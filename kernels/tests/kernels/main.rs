//! Every kernel, run by an engine, against an oracle that is written in the most obvious way.
//!
//! One binary: it starts one engine of two workers, on which all tests take turns.

mod bin_count;
mod black_scholes;
mod data;
mod elementary;
mod elementwise;
mod exact;
mod flops;
mod gather;
mod gemm;
mod golden;
mod heat;
mod histogram;
mod kmeans;
mod mandelbrot;
mod nbody;
mod npb;
mod random;
mod reductions;
mod reference;
mod refusals;
mod scan;
mod sky_view;
mod sort;
mod spmv;
mod study;
mod terrain;
mod transpose;
mod workers;
