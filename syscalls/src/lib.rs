//! Linux's system calls in safe Rust.
#![no_std]
#![forbid(unsafe_code)]

pub mod wire;
