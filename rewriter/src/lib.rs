//! System call sites to direct jumps.
//!
//! A *site* is a `syscall` instruction. It becomes a jump when some bytes, the *patch*, are replaced by a jump to a
//! *trampoline*: code within ±2 GiB that does what the patched instructions did, enters the kernel, and goes on behind
//! the site. Nothing is written to the stack (the red zone is the program's), no flag changes, no register but `rax`,
//! `rcx`, `r11`.
//!
//! Two halves, which meet in a [`Plan`]:
//!
//! * `analysis` (feature of that name; the decoder is iced-x86) finds sites and chooses a patch for each; `elf` gathers
//!   from an ELF file what is needed for that. [`Builder`] writes the result down.
//! * Everything else applies a plan, without a decoder: this is all that the kernel needs.
//!
//! # Applying a plan
//!
//! ```
//! use birgus_rewriter::{Entry, Plan, Room};
//!
//! # fn apply(module: &[u8], bias: u64, free: core::ops::Range<u64>, slot: u64) -> Option<()> {
//! let plan = Plan::parse(module).ok()?;
//! let mut room = Room::new([free]); // where trampolines may stand
//! for site in plan.sites() {
//!     // Verify that site.patch().original (and site.springboard()) are in memory at address + bias.
//!     let entry = Entry::Any { slot }; // or by site.number(): Entry::Number, Entry::Leaf
//!     let size = site.trampoline_size(&entry);
//!     // Some sites are particular about the place: bytes of the jump's displacement must trap.
//!     let Some(place) = room.take(size as u64, |from| site.next_place(from, bias)) else { continue };
//!     let mut trampoline = vec![0; size];
//!     site.write_trampoline(&entry, place, bias, &mut trampoline).ok()?;
//!     for write in site.writes(place, bias).ok()? {
//!         // Trampoline first, then these in their order: write.bytes() at write.address.
//!     }
//! }
//! # Some(())
//! # }
//! ```
//!
//! Later, when a program counter is found in a patch or a trampoline:
//!
//! * [`Site::twin`]: inside the patched bytes → the place in the trampoline that does the same. Every byte of a patch
//!   where an instruction of the program began, but the first, holds an opcode that traps ([`displacement::TRAPPING`]):
//!   #UD, or #BP with RIP one further. So a jump into the middle is seen and carried on at the twin.
//! * [`Site::origin`]: inside a trampoline → the program's own address, and `rcx` as the program would see it.
//! * [`Site::return_address`]: what follows the `syscall` in the program; what `rcx` holds after the call.
//!
//! All addresses in a plan are as linked; what is at run time is `bias` more, added wrapping.
//!
//! # The door
//!
//! A trampoline enters the kernel by `jmp [rip+slot]`: a slot is eight bytes near the trampolines that hold the address
//! of a door. There, as after a `syscall`, `rcx` holds the address to return to (by `jmp rcx`, with that value in
//! `rcx`), `rax` the number, all other registers and the flags are the program's – `r11` too: it is the door that puts
//! the flags into `r11`, as `syscall` does, before it returns. RSP is the program's and interrupts are as the program
//! had them.
//!
//! A [leaf](Entry::Leaf) is code of the caller's that answers a call on the spot. It may change `rax` alone. After a
//! leaf `rcx` is as after any call; `r11` keeps the program's value, since flags cannot be read without a stack.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

#[cfg(feature = "analysis")]
pub mod analysis;
pub mod displacement;
#[cfg(feature = "elf")]
pub mod elf;
pub mod halt;
mod length;
mod plan;
mod room;
mod trampoline;

pub use displacement::Constraint;
pub use plan::{Builder, Draft, Error, MAXIMUM_PATCH, Moved, Patch, Placed, Plan, Relative, Site, Springboard, Tactic};
pub use room::Room;
pub use trampoline::{Entry, Misfit, Origin, Write};
