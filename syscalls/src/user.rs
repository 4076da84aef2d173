//! A program's memory, reached by checked copies.
//!
//! An address from a program is an allegation: nothing here dereferences it. The machine copies as far as pages are
//! present; what is missing is faulted in, outside of any exception, and the copy goes on. So no lock that a page
//! fault takes (the address space, a file's pages) may be held over one of these calls.

use crate::errno::{Errno, Result};
use crate::machine::{Access, machine};
use crate::thread::Thread;
use alloc::vec::Vec;
use core::marker::PhantomData;
use core::mem::size_of;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The first address behind the user half that a program can map, `TASK_SIZE`.
pub const USER_END: u64 = 0x7fff_ffff_f000;

/// An address in a program that should hold a `T`.
pub struct UserPtr<T> {
    address: u64,
    pointee: PhantomData<fn() -> T>,
}

impl<T> Clone for UserPtr<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserPtr<T> {}

impl<T> UserPtr<T> {
    /// What a register held.
    pub const fn new(address: u64) -> Self {
        Self { address, pointee: PhantomData }
    }

    /// The address.
    pub const fn address(self) -> u64 {
        self.address
    }

    /// Whether it is the null pointer, which many calls take for "absent".
    pub const fn is_null(self) -> bool {
        self.address == 0
    }

    /// `None` for the null pointer.
    pub fn non_null(self) -> Option<Self> {
        (!self.is_null()).then_some(self)
    }

    /// The `index`th element behind this one; wraps as an address does.
    pub const fn element(self, index: usize) -> Self {
        Self::new(self.address.wrapping_add((index as u64).wrapping_mul(size_of::<T>() as u64)))
    }

    /// The same address as a pointer to something else.
    pub const fn cast<U>(self) -> UserPtr<U> {
        UserPtr::new(self.address)
    }
}

impl<T: FromBytes + IntoBytes> UserPtr<T> {
    /// Reads the value. `EFAULT`.
    pub fn read(self, thread: &Thread) -> Result<T> {
        let mut value = T::new_zeroed();
        copy_in(thread, self.address, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Reads `count` elements. `EFAULT`, `ENOMEM`.
    pub fn read_array(self, thread: &Thread, count: usize) -> Result<Vec<T>> {
        let mut values = Vec::new();
        values.try_reserve_exact(count).map_err(|_| Errno::ENOMEM)?;
        values.extend((0..count).map(|_| T::new_zeroed()));
        copy_in(thread, self.address, values.as_mut_slice().as_mut_bytes())?;
        Ok(values)
    }
}

impl<T: IntoBytes + Immutable> UserPtr<T> {
    /// Writes the value. `EFAULT`.
    pub fn write(self, thread: &Thread, value: &T) -> Result<()> {
        copy_out(thread, self.address, value.as_bytes())
    }

    /// Writes elements one behind the other. `EFAULT`.
    pub fn write_array(self, thread: &Thread, values: &[T]) -> Result<()> {
        copy_out(thread, self.address, values.as_bytes())
    }

    /// Writes the value unless this is the null pointer. `EFAULT`.
    pub fn write_unless_null(self, thread: &Thread, value: &T) -> Result<()> {
        if self.is_null() { Ok(()) } else { self.write(thread, value) }
    }
}

impl UserPtr<u32> {
    /// Atomically replaces the aligned word by `new` if it is `old`; gives what was there. `EFAULT`.
    pub fn compare_exchange(self, thread: &Thread, old: u32, new: u32) -> Result<u32> {
        loop {
            match machine().compare_exchange_user(self.address, old, new) {
                Ok(before) => return Ok(before),
                Err(_) => thread.process.memory().fault_in(self.address, Access::WRITE)?,
            }
        }
    }
}

/// Repeats a copy of `length` bytes that stops at pages that are not there, faulting each in.
fn faulting_in(
    thread: &Thread,
    address: u64,
    length: usize,
    access: Access,
    mut copy: impl FnMut(usize) -> core::result::Result<(), usize>,
) -> Result<()> {
    let mut done = 0;
    while let Err(more) = copy(done) {
        done += more;
        if done >= length {
            break;
        }
        thread.process.memory().fault_in(address.wrapping_add(done as u64), access)?;
    }
    Ok(())
}

/// Copies from the program. `EFAULT`.
pub fn copy_in(thread: &Thread, from: u64, to: &mut [u8]) -> Result<()> {
    let length = to.len();
    faulting_in(thread, from, length, Access::READ, |done| {
        machine().copy_from_user(from.wrapping_add(done as u64), &mut to[done..])
    })
}

/// Copies to the program. `EFAULT`.
pub fn copy_out(thread: &Thread, to: u64, from: &[u8]) -> Result<()> {
    faulting_in(thread, to, from.len(), Access::WRITE, |done| {
        machine().copy_to_user(to.wrapping_add(done as u64), &from[done..])
    })
}

/// Zeroes in the program. `EFAULT`.
pub fn zero(thread: &Thread, to: u64, length: usize) -> Result<()> {
    faulting_in(thread, to, length, Access::WRITE, |done| {
        machine().zero_user(to.wrapping_add(done as u64), length - done)
    })
}

/// A string in a program that ends with a zero byte.
#[derive(Clone, Copy)]
pub struct UserString(pub u64);

impl UserString {
    /// Reads at most `limit` bytes, the end's zero counted; gives the string without it. `EFAULT`, or `too_long`.
    pub fn read(self, thread: &Thread, limit: usize, too_long: Errno) -> Result<Vec<u8>> {
        let mut string = Vec::new();
        let mut piece = [0; 256];
        while string.len() < limit {
            // Not beyond a page's end in one step: the next page may not be there, and need not be.
            let at = self.0.wrapping_add(string.len() as u64);
            let length = piece.len().min(limit - string.len()).min((4096 - at % 4096) as usize);
            let piece = &mut piece[..length];
            copy_in(thread, at, piece)?;
            let end = piece.iter().position(|&byte| byte == 0);
            string.try_reserve(length).map_err(|_| Errno::ENOMEM)?;
            string.extend_from_slice(&piece[..end.unwrap_or(length)]);
            if end.is_some() {
                return Ok(string);
            }
        }
        Err(too_long)
    }

    /// Reads a path: at most `PATH_MAX` (4096) bytes. `EFAULT`, `ENAMETOOLONG`. An empty path is the caller's to judge.
    pub fn read_path(self, thread: &Thread) -> Result<Vec<u8>> {
        self.read(thread, 4096, Errno::ENAMETOOLONG)
    }

    /// Whether it is the null pointer.
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }
}
