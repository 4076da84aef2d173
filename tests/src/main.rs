//! The guest test runner.
fn main() {}
