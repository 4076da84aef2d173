//! The Birgus kernel.
#![no_std]
#![no_main]
