//! Linux's error numbers, `errno(3)`.

use linux_raw_sys::errno as raw;

/// An error number that a system call answers with, as a small positive number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(u16);

/// What a handler answers.
pub type Result<T> = core::result::Result<T, Errno>;

impl Errno {
    /// The positive number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// What a program finds in `rax`.
    pub const fn to_register(self) -> i64 {
        -(self.0 as i64)
    }

    /// From a positive number.
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// Whether this only tells the way back to the program to start the call again after a signal.
    pub const fn is_restart(self) -> bool {
        matches!(self.0, 512..=516)
    }
}

macro_rules! errnos {
    ($($name:ident)*) => {
        #[allow(missing_docs)]
        impl Errno {
            $(pub const $name: Self = Self(raw::$name as u16);)*

            /// The constant's name; `None` for a number that has none.
            pub fn name(self) -> Option<&'static str> {
                match self {
                    $(Self::$name => Some(stringify!($name)),)*
                    Self::ERESTARTSYS => Some("ERESTARTSYS"),
                    Self::ERESTARTNOINTR => Some("ERESTARTNOINTR"),
                    Self::ERESTARTNOHAND => Some("ERESTARTNOHAND"),
                    Self::ERESTART_RESTARTBLOCK => Some("ERESTART_RESTARTBLOCK"),
                    _ => None,
                }
            }
        }
    };
}

errnos! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST
    EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM
    ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENOMSG EIDRM ENODATA ETIME EPROTO EBADMSG EOVERFLOW
    EBADFD EUSERS ENOTSOCK EDESTADDRREQ EMSGSIZE EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP
    EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ECONNABORTED ECONNRESET ENOBUFS EISCONN
    ENOTCONN ESHUTDOWN ETIMEDOUT ECONNREFUSED EHOSTDOWN EHOSTUNREACH ETOOMANYREFS EALREADY EINPROGRESS ESTALE EDQUOT ECANCELED EOWNERDEAD
    ENOTRECOVERABLE ELIBBAD
}

/// Linux's internal numbers (`include/linux/errno.h`): how a call that a signal interrupted goes on. No program
/// ever sees them.
impl Errno {
    /// Start again when the handler has `SA_RESTART`, otherwise `EINTR`.
    pub const ERESTARTSYS: Self = Self(512);
    /// Always start again.
    pub const ERESTARTNOINTR: Self = Self(513);
    /// Start again only when no handler ran.
    pub const ERESTARTNOHAND: Self = Self(514);
    /// Start again through `restart_syscall(2)`, with what is left of a timeout.
    pub const ERESTART_RESTARTBLOCK: Self = Self(516);
}

impl core::fmt::Debug for Errno {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "errno {}", self.0),
        }
    }
}
