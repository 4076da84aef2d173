//! The calls on files, a family a file.

pub mod control;
pub mod descriptor;
pub mod listing;
pub mod opening;
pub mod position;
pub mod status;
pub mod transfer;

#[cfg(test)]
mod tests;
