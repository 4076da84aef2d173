//! Threads on this machine: stacks, switching, the run queue, sleeping.
//!
//! The kernel is not preempted; a program is, by the clock. Everything here runs with interrupts off. A thread that
//! waits and finds nobody else to run halts the CPU on its own stack: there is no idle thread.

mod scheduler;
mod switch;

pub(crate) use scheduler::{exit_thread, give_way, park, run, start_thread, tick, wait_while, yield_now};
pub(crate) use switch::after_switch;
