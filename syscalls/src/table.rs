//! The one table of system calls: number, name, typed arguments, result, level of support, handler.
//!
//! From it come the dispatcher, the tracer, `birgus syscalls`, `birgus analyze` and the table in the documentation.
//! Adding a call costs one row and one function.

mod rows;
mod support;
#[cfg(test)]
mod tests;

use crate::argument::{Answer, Argument, Format};
use crate::errno::{Errno, Result};
use crate::registers::Registers;
use crate::thread::Thread;
pub use rows::ROWS;
pub use support::{Counts, counts, find, write_markdown};

/// Numbers from here on are never a call.
pub const NUMBERS: usize = 512;

/// What the entry stub calls: gives the value for `rax`.
pub type Handler = extern "C" fn(thread: &Thread, registers: &mut Registers) -> i64;

/// How much of a call is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// All that its man page says.
    Full,
    /// What is missing, in words.
    Partial(&'static str),
    /// It answers `ENOSYS`.
    Absent,
}

/// One row.
pub struct Row {
    /// The number in `rax`.
    pub number: u16,
    /// The name, as in `<asm/unistd_64.h>`.
    pub name: &'static str,
    /// Argument names and formats.
    pub arguments: &'static [(&'static str, Format)],
    /// The format of a result that is no error.
    pub answer: Format,
    /// Level of support.
    pub level: Level,
    /// Whether the handler sees all registers, so that the entry stub has to save them all.
    pub needs_registers: bool,
    /// The handler.
    pub handler: Handler,
}

/// The handlers by number.
pub static HANDLERS: [Handler; NUMBERS] = handlers();

/// By number: whether the handler needs all registers.
pub static NEEDS_REGISTERS: [bool; NUMBERS] = needs_registers();

/// The row of a number.
pub fn row(number: u64) -> Option<&'static Row> {
    ROWS.iter().find(|row| u64::from(row.number) == number)
}

/// [`HANDLERS`], where a constant is needed.
pub const fn handlers() -> [Handler; NUMBERS] {
    let mut table = [absent as Handler; NUMBERS];
    let mut index = 0;
    while index < ROWS.len() {
        table[ROWS[index].number as usize] = ROWS[index].handler;
        index += 1;
    }
    table
}

/// [`NEEDS_REGISTERS`], where a constant is needed.
pub const fn needs_registers() -> [bool; NUMBERS] {
    let mut table = [false; NUMBERS];
    let mut index = 0;
    while index < ROWS.len() {
        table[ROWS[index].number as usize] = ROWS[index].needs_registers;
        index += 1;
    }
    table
}

/// Answers `ENOSYS`: the handler of every number that has none.
pub extern "C" fn absent(_: &Thread, _: &mut Registers) -> i64 {
    Errno::ENOSYS.to_register()
}

/// What `rax` holds for a handler's answer.
#[inline]
fn answer<T: Answer>(result: Result<T>) -> i64 {
    match result {
        Ok(value) => value.to_register(),
        Err(errno) => errno.to_register(),
    }
}

/// The value a raw register holds.
#[inline]
fn argument<T: Argument>(raw: u64) -> Result<T> {
    T::from_register(raw)
}

/// Makes [`ROWS`] of rows
/// `NUMBER => NAME(ARGUMENT: TYPE [as FORMAT], …) [-> TYPE [as FORMAT]], LEVEL [registers], [HANDLER];`
///
/// The handler gets the types. `FORMAT` names a function of [`crate::argument::format`] that shows the argument, or
/// the result, in a trace in the type's place: `protection: u64 as protection` is a plain integer to the handler and
/// `PROT_READ` to a reader. `LEVEL` is `full`, `partial("what is missing")` or `absent`.
macro_rules! table_rows {
    ($($number:literal => $name:ident($($argument:ident: $type:ty $(as $format:ident)?),*)
        $(-> $answer:ty $(as $shown:ident)?)?,
        $level:ident $(($missing:literal))? $([$registers:ident])? $(, $handler:path)?;)*) => {
        /// All rows, by number.
        pub static ROWS: &[$crate::table::Row] = {
            const ALL: &[$crate::table::Row] = &[$($crate::table::Row {
                number: $number,
                name: stringify!($name),
                arguments: &[$((stringify!($argument), table_rows!(@format $type, $($format)?))),*],
                answer: table_rows!(@shown $($answer, $($shown)?)?),
                level: table_rows!(@level $level $($missing)?),
                needs_registers: table_rows!(@registers $($registers)?),
                handler: table_rows!(@handler [$($registers)?] ($($type,)*) ($($answer)?) $($handler)?),
            }),*];
            ALL
        };
    };
    (@format $type:ty,) => { <$type as $crate::argument::Argument>::FORMAT };
    (@format $type:ty, $format:ident) => { $crate::argument::format::$format };
    (@shown) => { <() as $crate::argument::Answer>::FORMAT };
    (@shown $answer:ty,) => { <$answer as $crate::argument::Answer>::FORMAT };
    (@shown $answer:ty, $format:ident) => { $crate::argument::format::$format };
    (@level full) => { $crate::table::Level::Full };
    (@level partial $missing:literal) => { $crate::table::Level::Partial($missing) };
    (@level absent) => { $crate::table::Level::Absent };
    (@registers) => { false };
    (@registers registers) => { true };
    (@handler [$($registers:ident)?] ($($type:ty,)*) ($($answer:ty)?)) => { $crate::table::absent };
    (@handler [$($registers:ident)?] ($($type:ty,)*) ($($answer:ty)?) $handler:path) => {{
        extern "C" fn handler(thread: &$crate::thread::Thread, registers: &mut $crate::registers::Registers) -> i64 {
            #[inline(always)]
            fn call(
                thread: &$crate::thread::Thread,
                registers: &mut $crate::registers::Registers,
            ) -> $crate::Result<table_rows!(@answer $($answer)?)> {
                table_rows!(@call $handler, thread, registers, [$($registers)?], (), ($($type,)*),
                    (rdi rsi rdx r10 r8 r9))
            }
            $crate::table::answer(call(thread, registers))
        }
        handler
    }};
    (@answer) => { () };
    (@answer $answer:ty) => { $answer };
    (@call $handler:path, $thread:ident, $registers:ident, [], ($($done:expr,)*), (), ($($left:ident)*)) => {{
        let _ = &$registers;
        $handler($thread, $($done,)*)
    }};
    (@call $handler:path, $thread:ident, $registers:ident, [registers], ($($done:expr,)*), (), ($($left:ident)*)) => {{
        $handler($thread, $registers, $($done,)*)
    }};
    (@call $handler:path, $thread:ident, $registers:ident, [$($mark:ident)?], ($($done:expr,)*),
        ($type:ty, $($types:ty,)*), ($register:ident $($left:ident)*)) => {
        table_rows!(@call $handler, $thread, $registers, [$($mark)?],
            ($($done,)* $crate::table::argument::<$type>($registers.$register)?,), ($($types,)*), ($($left)*))
    };
}
use table_rows;
