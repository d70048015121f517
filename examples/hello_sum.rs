//! The shortest use.
fn main() {}
