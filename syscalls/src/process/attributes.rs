//! What `prctl(2)`, `personality(2)` and `setpriority(2)` keep for a process and for a thread.

use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};
use linux_raw_sys::general::SCHED_NORMAL;

/// `PR_GET_TIMERSLACK` of a new process, in nanoseconds.
pub const DEFAULT_SLACK: u64 = 50_000;
/// `PR_MCE_KILL_DEFAULT`.
pub const MACHINE_CHECK_DEFAULT: u32 = linux_raw_sys::prctl::PR_MCE_KILL_DEFAULT;

macro_rules! kept {
    ($($(#[$note:meta])* $get:ident, $set:ident: $type:ty;)*) => {$(
        $(#[$note])*
        pub fn $get(&self) -> $type {
            self.$get.load(Ordering::Relaxed)
        }

        #[doc = concat!("Sets [`", stringify!($get), "`](Self::", stringify!($get), ").")]
        pub fn $set(&self, value: $type) {
            self.$get.store(value, Ordering::Relaxed);
        }
    )*};
}

/// What the threads of a process share.
pub struct ProcessAttributes {
    is_dumpable: AtomicBool,
    is_subreaper: AtomicBool,
    has_no_huge_pages: AtomicBool,
    barriers: AtomicU32,
}

impl Default for ProcessAttributes {
    fn default() -> Self {
        Self {
            is_dumpable: AtomicBool::new(true),
            is_subreaper: AtomicBool::new(false),
            has_no_huge_pages: AtomicBool::new(false),
            barriers: AtomicU32::new(0),
        }
    }
}

impl ProcessAttributes {
    kept! {
        /// `PR_GET_DUMPABLE`.
        is_dumpable, set_dumpable: bool;
        /// `PR_GET_CHILD_SUBREAPER`.
        is_subreaper, set_subreaper: bool;
        /// `PR_GET_THP_DISABLE`.
        has_no_huge_pages, set_no_huge_pages: bool;
    }

    /// As a child has them: it is no subreaper.
    pub fn duplicate(&self) -> Self {
        Self {
            is_dumpable: AtomicBool::new(self.is_dumpable()),
            is_subreaper: AtomicBool::new(false),
            has_no_huge_pages: AtomicBool::new(self.has_no_huge_pages()),
            barriers: AtomicU32::new(self.barriers()),
        }
    }

    /// What `membarrier(2)` was told to register: bits of `MEMBARRIER_CMD_REGISTER_*`.
    pub fn barriers(&self) -> u32 {
        self.barriers.load(Ordering::SeqCst)
    }

    /// Registers for a barrier.
    pub fn register_barrier(&self, barrier: u32) {
        self.barriers.fetch_or(barrier, Ordering::SeqCst);
    }
}

/// A thread's own.
pub struct ThreadAttributes {
    parent_death_signal: AtomicU32,
    has_no_new_privileges: AtomicBool,
    slack: AtomicU64,
    default_slack: AtomicU64,
    machine_check: AtomicU32,
    personality: AtomicU32,
    nice: AtomicI32,
    io_priority: AtomicI32,
    policy: AtomicU32,
    real_time_priority: AtomicU32,
    resets_on_fork: AtomicBool,
}

impl Default for ThreadAttributes {
    fn default() -> Self {
        Self {
            parent_death_signal: AtomicU32::new(0),
            has_no_new_privileges: AtomicBool::new(false),
            slack: AtomicU64::new(DEFAULT_SLACK),
            default_slack: AtomicU64::new(DEFAULT_SLACK),
            machine_check: AtomicU32::new(MACHINE_CHECK_DEFAULT),
            personality: AtomicU32::new(0),
            nice: AtomicI32::new(0),
            io_priority: AtomicI32::new(0),
            policy: AtomicU32::new(SCHED_NORMAL),
            real_time_priority: AtomicU32::new(0),
            resets_on_fork: AtomicBool::new(false),
        }
    }
}

impl ThreadAttributes {
    kept! {
        /// `PR_GET_PDEATHSIG`: the signal's number, 0 for none.
        parent_death_signal, set_parent_death_signal: u32;
        /// `PR_GET_NO_NEW_PRIVS`.
        has_no_new_privileges, set_no_new_privileges: bool;
        /// `PR_GET_TIMERSLACK`, in nanoseconds.
        slack, set_slack: u64;
        /// `PR_MCE_KILL_GET`.
        machine_check, set_machine_check: u32;
        /// `personality(2)`.
        personality, set_personality: u32;
        /// Niceness: -20 to 19.
        nice, set_nice: i32;
        /// `ioprio_get(2)`: class and level, 0 for none.
        io_priority, set_io_priority: i32;
        /// `SCHED_*`.
        policy, set_policy: u32;
        /// 1 to 99 for `SCHED_FIFO` and `SCHED_RR`, 0 for the others.
        real_time_priority, set_real_time_priority: u32;
        /// `SCHED_RESET_ON_FORK`.
        resets_on_fork, set_resets_on_fork: bool;
    }

    /// The slack that the thread began with, in nanoseconds.
    pub fn default_slack(&self) -> u64 {
        self.default_slack.load(Ordering::Relaxed)
    }

    /// Takes over what a new thread, or a child, gets from the thread that makes it: all but the parent's death.
    pub fn inherit(&self, other: &Self) {
        self.set_no_new_privileges(other.has_no_new_privileges());
        self.set_slack(other.slack());
        self.default_slack.store(other.slack(), Ordering::Relaxed);
        self.set_machine_check(other.machine_check());
        self.set_personality(other.personality());
        self.set_io_priority(other.io_priority());
        let (resets, is_real_time) = (other.resets_on_fork(), other.real_time_priority() != 0);
        if !(resets && is_real_time) {
            self.set_nice(if resets { other.nice().max(0) } else { other.nice() });
            self.set_policy(other.policy());
            self.set_real_time_priority(other.real_time_priority());
        }
    }
}
