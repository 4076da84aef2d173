//! Tests of the address space.
