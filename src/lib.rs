//! Nothing to use: here so that the program in README.md is compiled and run as a test.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
