//! ELF file in, load plan out.
#![no_std]
#![forbid(unsafe_code)]
