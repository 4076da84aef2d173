//! The calls on files, a family a file.

pub mod attributes;
pub mod control;
pub mod copying;
pub mod descriptor;
pub mod extended;
pub mod listing;
pub mod locking;
pub mod mounting;
pub mod names;
pub mod opening;
pub mod place;
pub mod position;
pub mod size;
pub mod splicing;
pub mod status;
pub mod storage;
pub mod transfer;

#[cfg(test)]
mod tests;
