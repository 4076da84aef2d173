//! Waiting for files to be ready: `poll(2)`, `select(2)`, `epoll(7)`, and `eventfd(2)`.
//!
//! All of them ask [`File::poll`](crate::file::File::poll) what is possible now and learn from the file's
//! [queue](crate::wait::WaitQueue) when to ask again.

pub mod epoll;
pub mod eventfd;
pub mod inotify;
pub mod poll;
pub mod select;
#[cfg(test)]
mod tests;
mod timeout;

use crate::file::Events;
use linux_raw_sys::general::{POLLRDNORM, POLLWRNORM};

/// The bits of `poll(2)` and `epoll(7)` for what a file says: readable and writable also in their "normal" form.
fn reported(events: Events) -> u32 {
    let mut bits = events.bits();
    if events.contains(Events::IN) {
        bits |= POLLRDNORM;
    }
    if events.contains(Events::OUT) {
        bits |= POLLWRNORM;
    }
    bits
}

/// What is reported whether asked for or not.
const ALWAYS: u32 = Events::ERR.union(Events::HUP).bits();
