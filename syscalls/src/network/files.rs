//! `/etc/resolv.conf`, `/etc/hosts` and `/etc/hostname`, where a root has none: what a C library looks up names with.

use super::Configuration;
use crate::errno::{Errno, Result};
use crate::file::OpenFlags;
use crate::filesystem::{Make, Walk, namespace};
use crate::process::Credentials;
use crate::system;
use crate::transfer::Source;
use alloc::format;
use alloc::string::String;

/// Makes those that are missing. Called once, before the first program. `ENOSPC`.
pub fn provide(configuration: &Configuration) -> Result<()> {
    namespace().directory(b"/etc", 0o755)?;
    let name = String::from_utf8_lossy(&system::node_name()).into_owned();
    let mut hosts = String::from("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    match configuration.address {
        Some(subnet) => hosts.push_str(&format!("{}\t{name}\n", subnet.address)),
        None => hosts.push_str(&format!("127.0.1.1\t{name}\n")),
    }
    put(b"/etc/hosts", hosts.as_bytes())?;
    put(b"/etc/hostname", format!("{name}\n").as_bytes())?;
    if let Some(server) = configuration.name_server {
        put(b"/etc/resolv.conf", format!("nameserver {server}\n").as_bytes())?;
    }
    Ok(())
}

fn put(path: &[u8], text: &[u8]) -> Result<()> {
    let root = namespace().root();
    let mut walk = Walk::from(root.clone(), root, Credentials::root());
    let last = walk.parent(path)?;
    let made = match walk.look_up(&last) {
        Err(Errno::ENOENT) => {
            last.directory.inode().make(&last.directory, last.name(), Make::Regular, (0o644, 0, 0))?
        }
        Ok(_) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    let file = made.inode().clone().open(&made, OpenFlags::O_WRONLY)?;
    file.write(&mut Source::kernel(text), 0).map(drop)
}
