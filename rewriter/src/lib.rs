//! System call sites to direct jumps.
#![no_std]
#![forbid(unsafe_code)]
