//! `/proc/PID/fd` and `/proc/PID/fdinfo`.

use super::super::generated::{Content, Directory, Object, Owned, Target};
use super::super::{Kind, Link, namespace};
use super::subject::Subject;
use super::{number, put};
use crate::argument::Fd;
use crate::errno::{Errno, Result};
use crate::file::Descriptor;
use alloc::string::ToString;
use alloc::vec::Vec;
use linux_raw_sys::general::{O_ACCMODE, O_CLOEXEC, O_PATH, O_RDONLY, O_RDWR, O_WRONLY};

/// The directory of links to open files.
pub(super) fn links(subject: Subject) -> Object {
    Object::directory(Descriptors { subject, links: true })
}

/// The directory of what there is to know of them.
pub(super) fn information(subject: Subject) -> Object {
    Object::directory(Descriptors { subject, links: false })
}

struct Descriptors {
    subject: Subject,
    links: bool,
}

impl Descriptors {
    fn all(&self) -> Vec<Fd> {
        let Ok(process) = self.subject.process() else { return Vec::new() };
        process.files.snapshot().into_iter().map(|(fd, _)| fd).collect()
    }
}

impl Directory for Descriptors {
    fn lookup(&self, name: &[u8]) -> Result<Object> {
        let subject = self.subject.clone();
        let one = OpenDescriptor { subject, fd: Fd(number(name).ok_or(Errno::ENOENT)?) };
        one.descriptor()?;
        Ok(if self.links { Object::link(one) } else { Object::file(one) })
    }

    fn list(&self, position: u64, each: &mut dyn FnMut(u64, &[u8], Kind) -> bool) {
        let kind = if self.links { Kind::Symlink } else { Kind::Regular };
        // Behind a descriptor's name stands the next one's position.
        for fd in self.all().into_iter().filter(|fd| fd.0 as u64 >= position) {
            if !each(fd.0 as u64 + 1, fd.0.to_string().as_bytes(), kind) {
                return;
            }
        }
    }

    fn owned(&self) -> Owned {
        self.subject.owned(if self.links { 0o500 } else { 0o555 })
    }

    fn size(&self) -> u64 {
        if self.links { self.all().len() as u64 } else { 0 }
    }
}

/// One descriptor of a process, as long as it is open.
struct OpenDescriptor {
    subject: Subject,
    fd: Fd,
}

impl OpenDescriptor {
    fn descriptor(&self) -> Result<Descriptor> {
        let process = self.subject.process().map_err(|_| Errno::ENOENT)?;
        process.files.descriptor(self.fd).map_err(|_| Errno::ENOENT)
    }
}

impl Target for OpenDescriptor {
    fn follow(&self) -> Result<Link> {
        Ok(Link::Object(self.descriptor()?.open.entry()))
    }

    fn owned(&self) -> Owned {
        // What the descriptor can do shows as the owner's permissions.
        let bits = self.descriptor().map_or(0, |descriptor| descriptor.open.status().bits());
        let mode = match bits & (O_ACCMODE | O_PATH) {
            O_RDONLY => 0o500,
            O_WRONLY => 0o300,
            O_RDWR => 0o700,
            _ => 0,
        };
        self.subject.owned(mode)
    }

    fn size(&self) -> u64 {
        64
    }
}

impl Content for OpenDescriptor {
    fn generate(&self, to: &mut Vec<u8>) -> Result<()> {
        let Descriptor { open, close_on_exec } = self.descriptor()?;
        let mut flags = open.status().bits();
        if close_on_exec {
            flags |= O_CLOEXEC;
        }
        let attributes = open.attributes();
        put(to, format_args!("pos:\t{}\nflags:\t0{flags:o}\n", open.position() as i64));
        put(to, format_args!("mnt_id:\t{}\n", namespace().mount_id(attributes.device)));
        put(to, format_args!("ino:\t{}\n", attributes.inode));
        Ok(())
    }

    fn owned(&self) -> Owned {
        self.subject.owned(0o444)
    }
}
