//! The Birgus tool.
fn main() {}
