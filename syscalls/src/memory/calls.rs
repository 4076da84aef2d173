//! The calls of `mmap(2)`'s family.
