//! `personality(2)`.

use crate::errno::Result;
use crate::thread::Thread;

/// Asks without setting.
const ASK: u32 = 0xffff_ffff;

/// `personality(2)`: gives the one before.
pub fn personality(thread: &Thread, persona: u32) -> Result<i32> {
    let before = thread.attributes.personality();
    if persona != ASK {
        thread.attributes.set_personality(persona);
    }
    Ok(before as i32)
}
