//! A line in the making.

use alloc::string::String;
use core::fmt::{self, Write};

/// The longest line; what comes behind is left out.
const LONGEST: usize = 16 * 1024;

/// Text that grows as long as there is memory. Writing never fails: a trace may lose text but not the call.
#[derive(Default)]
pub(super) struct Line {
    text: String,
    is_cut_off: bool,
}

impl Line {
    /// The text so far.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Its length, for [`Line::truncate`].
    pub(super) fn length(&self) -> usize {
        self.text.len()
    }

    /// Takes back what was written since the line had this length.
    pub(super) fn truncate(&mut self, length: usize) {
        self.text.truncate(length);
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let fits = self.text.len() + text.len() <= LONGEST && self.text.try_reserve(text.len()).is_ok();
        // Once something is missing nothing may follow it, or the line would read as if it were whole.
        self.is_cut_off |= !fits;
        if !self.is_cut_off {
            self.text.push_str(text);
        }
        Ok(())
    }
}
