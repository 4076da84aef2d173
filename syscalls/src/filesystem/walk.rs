//! From a path to an entry: `path_resolution(7)`.

use super::{Entry, Kind, Link, NAME_MAX, Permission, check};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::process::Credentials;
use crate::thread::Thread;
use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use linux_raw_sys::general::{
    CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, RESOLVE_BENEATH, RESOLVE_CACHED, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS,
    RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV,
};

/// Symbolic links that one walk follows, `MAXSYMLINKS`.
const LINKS: u32 = 40;

bitflags::bitflags! {
    /// The restrictions of `openat2(2)`.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct Resolve: u64 {
        /// Never leave the file system.
        const NO_XDEV = RESOLVE_NO_XDEV as u64;
        /// Follow no magic link.
        const NO_MAGICLINKS = RESOLVE_NO_MAGICLINKS as u64;
        /// Follow no symbolic link.
        const NO_SYMLINKS = RESOLVE_NO_SYMLINKS as u64;
        /// Never leave the start.
        const BENEATH = RESOLVE_BENEATH as u64;
        /// The start is the root.
        const IN_ROOT = RESOLVE_IN_ROOT as u64;
        /// Only what needs no waiting.
        const CACHED = RESOLVE_CACHED as u64;
    }
}

/// What the last component of a path is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Last {
    /// A name.
    Name,
    /// `.`.
    Dot,
    /// `..`.
    DotDot,
    /// Nothing: the path is `/`.
    Root,
}

/// A path but for its last component, which is not looked up yet.
pub struct Final<'p> {
    /// The directory, which may be searched.
    pub directory: Arc<Entry>,
    /// What the last component is.
    pub last: Last,
    /// Whether slashes follow it.
    pub trailing_slash: bool,
    path: Cow<'p, [u8]>,
    name: Range<usize>,
}

impl Final<'_> {
    /// The last component.
    pub fn name(&self) -> &[u8] {
        self.path.get(self.name.clone()).unwrap_or_default()
    }
}

/// Where following a link leads.
pub enum Step<'p> {
    /// To the end of another path.
    Path(Final<'p>),
    /// To an object.
    Object(Arc<Entry>),
}

/// One walk: who walks, from which root, and how many links were followed so far.
pub struct Walk {
    root: Arc<Entry>,
    start: Arc<Entry>,
    credentials: Arc<Credentials>,
    resolve: Resolve,
    links: u32,
}

impl Walk {
    /// A walk by the thread, from `directory` where the path is relative. `EBADF`.
    pub fn new(thread: &Thread, directory: Fd, path: &[u8]) -> Result<Self> {
        let context = &thread.process.context;
        let root = context.root();
        let start = if path.first() == Some(&b'/') {
            root.clone()
        } else if directory == Fd::WORKING_DIRECTORY {
            context.working_directory()
        } else {
            thread.files().get(directory)?.entry()
        };
        Ok(Self::from(root, start, thread.process.credentials()))
    }

    /// A walk by `credentials` from `start`.
    pub fn from(root: Arc<Entry>, start: Arc<Entry>, credentials: Arc<Credentials>) -> Self {
        Self { root, start, credentials, resolve: Resolve::empty(), links: 0 }
    }

    /// The same walk under the restrictions of `openat2(2)`; the start is where relative paths begin.
    #[inline]
    pub fn restricted(mut self, resolve: Resolve) -> Self {
        self.resolve = resolve;
        if resolve.contains(Resolve::IN_ROOT) {
            self.root = self.start.clone();
        }
        self
    }

    /// The same walk by somebody else.
    pub fn acting_as(mut self, credentials: Arc<Credentials>) -> Self {
        self.credentials = credentials;
        self
    }

    /// Who walks.
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The entry at the end of a path; a symbolic link there is followed with `follow`, or when a slash comes behind.
    /// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`.
    pub fn entry(&mut self, path: &[u8], follow: bool) -> Result<Arc<Entry>> {
        let mut last = self.parent(path)?;
        loop {
            let entry = self.look_up(&last)?;
            let entry = if entry.kind() == Kind::Symlink && (follow || last.trailing_slash) {
                match self.follow(&last, &entry)? {
                    Step::Path(next) => {
                        last = next;
                        continue;
                    }
                    Step::Object(entry) => entry,
                }
            } else {
                entry
            };
            if last.trailing_slash && entry.kind() != Kind::Directory {
                return Err(Errno::ENOTDIR);
            }
            return Ok(entry);
        }
    }

    /// Walks up to the last component. `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`.
    pub fn parent<'p>(&mut self, path: &'p [u8]) -> Result<Final<'p>> {
        let start = self.start.clone();
        self.parent_from(start, Cow::Borrowed(path))
    }

    /// The entry of the last component, with what is mounted over it. `ENOENT`, `ENAMETOOLONG`.
    #[inline]
    pub fn look_up(&self, last: &Final<'_>) -> Result<Arc<Entry>> {
        match last.last {
            Last::Name => self.child(&last.directory, last.name()),
            Last::Dot | Last::Root => Ok(last.directory.clone()),
            Last::DotDot => self.up(&last.directory),
        }
    }

    /// The entry of the last component, a name, without what is mounted over it. `ENOENT`, `ENAMETOOLONG`.
    pub fn look_up_below_mounts(&self, last: &Final<'_>) -> Result<Arc<Entry>> {
        if last.name().len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        last.directory.inode().lookup(&last.directory, last.name())
    }

    /// Goes on behind a symbolic link that is the last component. `ELOOP`, and the errors of [`Walk::parent`].
    pub fn follow<'p>(&mut self, last: &Final<'_>, link: &Arc<Entry>) -> Result<Step<'p>> {
        match self.link(link)? {
            Link::Object(entry) => Ok(Step::Object(entry)),
            Link::Path(target) => {
                let mut target = target.to_vec();
                if last.trailing_slash {
                    target.push(b'/');
                }
                self.parent_from(last.directory.clone(), Cow::Owned(target)).map(Step::Path)
            }
        }
    }

    fn parent_from<'p>(&mut self, start: Arc<Entry>, path: Cow<'p, [u8]>) -> Result<Final<'p>> {
        let mut at = start;
        let mut path = path;
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        'path: loop {
            if path.first() == Some(&b'/') {
                at = self.to_root(&at)?;
            }
            let mut next = 0;
            loop {
                let begin = skip(&path, next, |byte| byte == b'/');
                let end = skip(&path, begin, |byte| byte != b'/');
                next = skip(&path, end, |byte| byte == b'/');
                let name = path.get(begin..end).unwrap_or_default();
                let last = match name {
                    b"" => Last::Root,
                    b"." => Last::Dot,
                    b".." => Last::DotDot,
                    _ => Last::Name,
                };
                self.search(&at)?;
                if next == path.len() {
                    return Ok(Final { directory: at, last, trailing_slash: next > end, path, name: begin..end });
                }
                match last {
                    Last::Name => {}
                    Last::DotDot => {
                        at = self.up(&at)?;
                        continue;
                    }
                    Last::Dot | Last::Root => continue,
                }
                let entry = self.child(&at, name)?;
                if entry.kind() != Kind::Symlink {
                    at = entry;
                    continue;
                }
                match self.link(&entry)? {
                    Link::Object(entry) => at = entry,
                    Link::Path(target) => {
                        let mut rest = Vec::new();
                        rest.try_reserve(target.len() + path.len() - end).map_err(|_| Errno::ENOMEM)?;
                        rest.extend_from_slice(&target);
                        rest.extend_from_slice(path.get(end..).unwrap_or_default());
                        path = Cow::Owned(rest);
                        continue 'path;
                    }
                }
            }
        }
    }

    /// `ENOTDIR`, or `EACCES` when the directory may not be searched.
    #[inline]
    fn search(&self, at: &Arc<Entry>) -> Result<()> {
        if at.kind() != Kind::Directory {
            return Err(Errno::ENOTDIR);
        }
        if self.credentials.has(CAP_DAC_OVERRIDE) || self.credentials.has(CAP_DAC_READ_SEARCH) {
            return Ok(());
        }
        check(&self.credentials, at.inode().ownership(), Permission::EXECUTE)
    }

    #[inline]
    fn child(&self, at: &Arc<Entry>, name: &[u8]) -> Result<Arc<Entry>> {
        if name.len() > NAME_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        let entry = at.inode().lookup(at, name)?;
        let entry = if entry.is_mount_point() { entry.through_mounts() } else { entry };
        self.stay(at, &entry)?;
        Ok(entry)
    }

    fn up(&self, at: &Arc<Entry>) -> Result<Arc<Entry>> {
        if self.resolve.contains(Resolve::BENEATH) && Arc::ptr_eq(at, &self.start) {
            return Err(Errno::EXDEV);
        }
        if Arc::ptr_eq(at, &self.root) {
            return Ok(at.clone());
        }
        let parent = at.parent().map_or_else(|| at.clone(), Entry::through_mounts);
        self.stay(at, &parent)?;
        Ok(parent)
    }

    fn to_root(&self, at: &Arc<Entry>) -> Result<Arc<Entry>> {
        if self.resolve.contains(Resolve::BENEATH) {
            return Err(Errno::EXDEV);
        }
        self.stay(at, &self.root)?;
        Ok(self.root.clone())
    }

    /// `EXDEV` when a step leaves the file system and may not.
    #[inline]
    fn stay(&self, from: &Arc<Entry>, to: &Arc<Entry>) -> Result<()> {
        let bound = self.resolve.contains(Resolve::NO_XDEV);
        if bound && from.inode().filesystem().device() != to.inode().filesystem().device() {
            return Err(Errno::EXDEV);
        }
        Ok(())
    }

    fn link(&mut self, link: &Arc<Entry>) -> Result<Link> {
        self.links += 1;
        if self.links > LINKS || self.resolve.contains(Resolve::NO_SYMLINKS) {
            return Err(Errno::ELOOP);
        }
        let target = link.inode().follow()?;
        if let Link::Object(entry) = &target {
            if self.resolve.contains(Resolve::NO_MAGICLINKS) {
                return Err(Errno::ELOOP);
            }
            if self.resolve.intersects(Resolve::BENEATH | Resolve::IN_ROOT) {
                return Err(Errno::EXDEV);
            }
            self.stay(link, entry)?;
        }
        Ok(target)
    }
}

/// The first place from `from` on whose byte is not as `passes` says.
fn skip(path: &[u8], from: usize, passes: impl Fn(u8) -> bool) -> usize {
    let rest = path.get(from..).unwrap_or_default();
    from + rest.iter().position(|&byte| !passes(byte)).unwrap_or(rest.len())
}
