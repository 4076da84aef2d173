//! The tool as its users meet it, with a stand-in for QEMU that plays the guest (`fake_qemu.rs`, which Cargo builds as
//! an example, so that it is a program of its own).

mod place;
mod run;
mod terminal;
