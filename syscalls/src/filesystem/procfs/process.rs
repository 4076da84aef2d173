//! `/proc/PID` and `/proc/PID/task`.

use super::super::generated::{Content, Directory, Object, Owned, Target};
use super::super::{Entry, Kind, Link};
use super::subject::Subject;
use super::{descriptors, limits, maps, memory, mounts, network, oom, put, startup, stat, status, written_number};
use crate::errno::{Errno, Result};
use crate::file::{File, OpenFlags};
use crate::machine::machine;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use linux_raw_sys::general::CAP_SYS_NICE;

type Generate = fn(&Subject, &mut Vec<u8>) -> Result<()>;
type Store = fn(&Subject, &[u8]) -> Result<()>;

/// What a name stands for.
#[derive(Clone, Copy)]
enum What {
    Directory(fn(Subject) -> Object),
    Text(u16, Generate),
    Writable(u16, Generate, Store),
    /// A file that is no text.
    File(u16, fn(&Subject) -> Result<Arc<dyn File>>),
    /// A link straight to an object.
    Link(fn(&Subject) -> Result<Arc<Entry>>),
}

/// The names in `/proc/PID`, in the order in which Linux lists them. Those with `true` are in `task/TID`, too.
const NAMES: [(&str, bool, What); 38] = [
    ("task", false, What::Directory(|subject| Object::directory(Tasks(subject)))),
    ("fd", true, What::Directory(descriptors::links)),
    ("fdinfo", true, What::Directory(descriptors::information)),
    ("net", true, What::Directory(|subject| Object::directory(network::Net(subject)))),
    ("environ", true, What::Text(0o400, startup::environment)),
    ("auxv", true, What::Text(0o400, startup::auxiliary)),
    ("status", true, What::Text(0o444, status::status)),
    ("personality", true, What::Text(0o400, personality)),
    ("limits", true, What::Text(0o444, limits::limits)),
    ("comm", true, What::Writable(0o644, startup::name, startup::set_name)),
    ("cmdline", true, What::Text(0o444, startup::command_line)),
    ("stat", true, What::Text(0o444, stat::stat)),
    ("statm", true, What::Text(0o444, stat::memory)),
    ("maps", true, What::Text(0o444, maps::maps)),
    ("mem", true, What::File(0o600, memory::memory)),
    ("cwd", true, What::Link(|subject| Ok(subject.process()?.context.working_directory()))),
    ("root", true, What::Link(|subject| Ok(subject.process()?.context.root()))),
    ("exe", true, What::Link(|subject| Ok(subject.process()?.program().ok_or(Errno::ENOENT)?.entry))),
    ("mounts", true, What::Text(0o444, mounts::mounts)),
    ("mountinfo", true, What::Text(0o444, mounts::information)),
    ("mountstats", false, What::Text(0o400, mounts::statistics)),
    ("smaps", true, What::Text(0o444, maps::detailed)),
    ("smaps_rollup", true, What::Text(0o444, maps::summed_up)),
    ("pagemap", true, What::File(0o400, memory::page_map)),
    // What a thread waits in has no name that a program would know; Linux shows 0 to those who may not see it.
    ("wchan", true, What::Text(0o444, |_, to| line(to, "0"))),
    ("cpuset", true, What::Text(0o444, |_, to| line(to, "/\n"))),
    ("cgroup", true, What::Text(0o444, |_, to| line(to, "0::/\n"))),
    ("oom_score", true, What::Text(0o444, oom::score)),
    ("oom_adj", true, What::Writable(0o644, oom::old_adjustment, oom::set_old_adjustment)),
    ("oom_score_adj", true, What::Writable(0o644, oom::adjustment, oom::set_adjustment)),
    // Nobody has logged in: -1.
    ("loginuid", true, What::Text(0o444, |_, to| line(to, "4294967295"))),
    ("sessionid", true, What::Text(0o444, |_, to| line(to, "4294967295"))),
    ("coredump_filter", false, What::Text(0o444, |_, to| line(to, "00000033\n"))),
    ("uid_map", true, What::Text(0o444, everybody)),
    ("gid_map", true, What::Text(0o444, everybody)),
    ("projid_map", true, What::Text(0o444, everybody)),
    ("setgroups", true, What::Text(0o444, |_, to| line(to, "allow\n"))),
    ("timerslack_ns", false, What::Writable(0o666, slack, set_slack)),
];

fn line(to: &mut Vec<u8>, line: &str) -> Result<()> {
    to.extend_from_slice(line.as_bytes());
    Ok(())
}

/// `personality`.
fn personality(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let thread = subject.thread().ok_or(Errno::ESRCH)?;
    put(to, format_args!("{:08x}\n", thread.attributes.personality()));
    Ok(())
}

/// `timerslack_ns`.
fn slack(subject: &Subject, to: &mut Vec<u8>) -> Result<()> {
    let thread = subject.thread().ok_or(Errno::ESRCH)?;
    put(to, format_args!("{}\n", thread.attributes.slack()));
    Ok(())
}

/// Sets it; 0 is what the thread began with. `EINVAL`, `EPERM` for another's without the capability.
fn set_slack(subject: &Subject, bytes: &[u8]) -> Result<()> {
    let slack = u64::try_from(written_number(bytes)?).map_err(|_| Errno::EINVAL)?;
    if !is_own(subject)? && !machine().current().process.credentials().has(CAP_SYS_NICE) {
        return Err(Errno::EPERM);
    }
    let attributes = &subject.thread().ok_or(Errno::ESRCH)?.attributes;
    attributes.set_slack(if slack == 0 { attributes.default_slack() } else { slack });
    Ok(())
}

/// The one user namespace: every number is itself.
fn everybody(_: &Subject, to: &mut Vec<u8>) -> Result<()> {
    put(to, format_args!("{:10} {:10} {:10}\n", 0, 0, u32::MAX));
    Ok(())
}

impl What {
    const fn kind(self) -> Kind {
        match self {
            Self::Directory(_) => Kind::Directory,
            Self::Link(_) => Kind::Symlink,
            _ => Kind::Regular,
        }
    }

    fn object(self, subject: &Subject) -> Object {
        let subject = subject.clone();
        match self {
            Self::Directory(make) => make(subject),
            Self::Link(to) => Object::link(Magic { subject, to }),
            what => Object::file(ProcessFile { subject, what }),
        }
    }
}

/// `/proc/PID` or `/proc/PID/task/TID`.
pub(super) struct ProcessDirectory(Subject);

impl ProcessDirectory {
    pub(super) const fn new(subject: Subject) -> Self {
        Self(subject)
    }

    fn names(&self) -> impl Iterator<Item = &'static (&'static str, bool, What)> {
        let alone = self.0.alone;
        NAMES.iter().filter(move |(_, in_task, _)| *in_task || !alone)
    }
}

impl Directory for ProcessDirectory {
    fn lookup(&self, name: &[u8]) -> Result<Object> {
        self.0.process().map_err(|_| Errno::ENOENT)?;
        let found = self.names().find(|(known, ..)| known.as_bytes() == name);
        found.map(|(.., what)| what.object(&self.0)).ok_or(Errno::ENOENT)
    }

    fn list(&self, position: u64, each: &mut dyn FnMut(u64, &[u8], Kind) -> bool) {
        if self.0.process().is_err() {
            return;
        }
        for (index, (name, _, what)) in (0..).zip(self.names()).skip(position as usize) {
            if !each(index + 1, name.as_bytes(), what.kind()) {
                return;
            }
        }
    }

    fn owned(&self) -> Owned {
        self.0.owned(0o555)
    }

    fn links(&self) -> u32 {
        2 + self.names().filter(|(.., what)| what.kind() == Kind::Directory).count() as u32
    }
}

/// A file in a process's directory.
struct ProcessFile {
    subject: Subject,
    what: What,
}

impl Content for ProcessFile {
    fn generate(&self, to: &mut Vec<u8>) -> Result<()> {
        match self.what {
            What::Text(_, generate) | What::Writable(_, generate, _) => generate(&self.subject, to),
            _ => Err(Errno::EINVAL),
        }
    }

    fn open(&self, _: OpenFlags) -> Result<Option<Arc<dyn File>>> {
        match self.what {
            What::File(_, open) => open(&self.subject).map(Some),
            _ => Ok(None),
        }
    }

    fn store(&self, bytes: &[u8], _: u64) -> Result<usize> {
        match self.what {
            What::Writable(.., store) => store(&self.subject, bytes).map(|()| bytes.len()),
            // As Linux answers for a file without a way to write it.
            _ => Err(Errno::EINVAL),
        }
    }

    fn owned(&self) -> Owned {
        match self.what {
            What::Text(mode, _) | What::Writable(mode, ..) | What::File(mode, _) => self.subject.owned(mode),
            What::Directory(_) | What::Link(_) => Owned::root(0),
        }
    }
}

/// A link straight to an object.
struct Magic {
    subject: Subject,
    to: fn(&Subject) -> Result<Arc<Entry>>,
}

impl Target for Magic {
    fn follow(&self) -> Result<Link> {
        // A process that has ended has none of these.
        (self.to)(&self.subject).map(Link::Object).map_err(|_| Errno::ENOENT)
    }

    fn owned(&self) -> Owned {
        self.subject.owned(0o777)
    }
}

/// `/proc/PID/task`.
struct Tasks(Subject);

impl Directory for Tasks {
    fn lookup(&self, name: &[u8]) -> Result<Object> {
        let id = super::number(name).ok_or(Errno::ENOENT)?;
        let subject = self.0.task(id).map_err(|_| Errno::ENOENT)?;
        Ok(Object::directory(ProcessDirectory::new(subject)))
    }

    fn list(&self, position: u64, each: &mut dyn FnMut(u64, &[u8], Kind) -> bool) {
        let Ok(process) = self.0.process() else { return };
        let mut ids: Vec<_> = process.threads().iter().map(|thread| thread.id()).collect();
        ids.sort_unstable();
        // A position is the number of the thread listed last.
        for id in ids.into_iter().filter(|&id| id as u64 > position) {
            if !each(id as u64, id.to_string().as_bytes(), Kind::Directory) {
                return;
            }
        }
    }

    fn owned(&self) -> Owned {
        self.0.owned(0o555)
    }

    fn links(&self) -> u32 {
        2 + self.0.process().map_or(0, |process| process.threads().len() as u32)
    }
}

/// Whether the current thread belongs to the subject's process.
pub(super) fn is_own(subject: &Subject) -> Result<bool> {
    Ok(Arc::ptr_eq(&subject.process()?, &machine().current().process))
}

/// The process's adjustment for the case that memory runs out.
pub(super) fn oom_adjustment(subject: &Subject) -> Result<i32> {
    Ok(subject.process()?.oom_adjustment.load(Ordering::Relaxed))
}
