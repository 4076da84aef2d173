//! How a trace shows arguments: one function for each word that may stand behind `as` in the table.
//!
//! Names and layouts are strace's, so that what is known of its output serves here too. A function whose name ends in
//! `_out` shows what the call fills, so it can only be shown afterwards.

#![allow(clippy::cast_lossless)] // The macros cast constants of whichever width linux-raw-sys gives them.

mod bytes;
mod descriptors;
mod events;
mod files;
mod machinery;
mod memory;
mod processes;
mod signals;
mod sockets;
mod terminal;
mod time;

#[cfg(test)]
mod tests;

pub(crate) use machinery::is_error;
pub(crate) use signals::show_information;

pub use bytes::*;
pub use descriptors::*;
pub use events::*;
pub use files::*;
pub use memory::*;
pub use processes::*;
pub use signals::*;
pub use sockets::*;
pub use terminal::*;
pub use time::*;

use super::Call;
use core::fmt::{self, Write};

/// An address.
pub fn pointer(raw: u64, _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if raw == 0 { out.write_str("NULL") } else { write!(out, "{raw:#x}") }
}

/// A number in hexadecimal.
pub fn hex(raw: u64, _: &Call<'_>, out: &mut dyn Write) -> fmt::Result {
    if raw == 0 { out.write_char('0') } else { write!(out, "{raw:#x}") }
}
