//! The root file system, filled from the boot modules.

use super::BootModule;
use crate::boot::Information;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use birgus_loader::command_line::module_words;
use birgus_loader::handover::{Handover, MAGIC};
use birgus_syscalls::Errno;
use birgus_syscalls::filesystem::tmpfs::{Archived, Module, Node};
use birgus_syscalls::filesystem::{Entry, Make, archive, namespace};
use birgus_syscalls::network;
use core::any::Any;

/// The program that came as a module of its own.
pub(super) struct Program {
    /// Where it lies in the root.
    pub(super) path: Vec<u8>,
    /// What stood behind its name when it was given to the loader.
    pub(super) arguments: Vec<Vec<u8>>,
}

/// Unpacks archives, puts a bare program into the root, adds what is missing. `Err`: a message for people.
pub(super) fn fill(information: &Information) -> Result<Option<Program>, String> {
    let root = namespace().root();
    let mut program = None;
    for module in information.modules.iter() {
        let boot_module: Arc<dyn Module> = Arc::new(BootModule(module.clone()));
        match module.bytes() {
            bytes if bytes.starts_with(&MAGIC) || bytes.starts_with(&birgus_rewriter::Plan::MAGIC) => {}
            bytes if bytes.starts_with(b"\x7fELF") => {
                let mut words = module_words(module.command_line);
                let name = program_name(information, words.next());
                let arguments = words.collect();
                let path = put(&root, &name, boot_module);
                let path = path.map_err(|errno| format!("no place for the program: {errno:?}"))?;
                program = Some(Program { path, arguments });
            }
            _ => {
                archive::unpack(&boot_module, &root).map_err(|error| format!("the root archive is {error}"))?;
            }
        }
    }
    namespace().furnish().map_err(|errno| format!("no place for /proc, /sys, /dev or /tmp: {errno:?}"))?;
    if let Some(configuration) = network::configuration()
        && information.is_from_tool()
    {
        network::files::provide(configuration).map_err(|errno| format!("no place for files in /etc: {errno:?}"))?;
    }
    Ok(program)
}

/// The last part of the name by which the program is to know itself: as the tool says, or as the loader found it.
fn program_name(information: &Information, found: Option<Vec<u8>>) -> Vec<u8> {
    let handover = information.modules.iter().find(|module| module.bytes().starts_with(&MAGIC));
    let handover = handover.and_then(|module| Handover::parse(module.bytes()).ok());
    let path = handover.and_then(|handover| handover.exec_name).or(found.as_deref()).unwrap_or(b"init");
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    if name.is_empty() || name == b"." || name == b".." { b"init".to_vec() } else { name.to_vec() }
}

/// Directories that the root is furnished with: a program of such a name goes into `/bin`.
const TAKEN: [&[u8]; 4] = [b"dev", b"proc", b"sys", b"tmp"];

/// Makes a file whose content is the module; gives its path.
fn put(root: &Arc<Entry>, name: &[u8], module: Arc<dyn Module>) -> Result<Vec<u8>, Errno> {
    let length = module.bytes().len() as u64;
    let (directory, path) = if TAKEN.contains(&name) {
        let directory = root.inode().make(root, b"bin", Make::Directory, (0o755, 0, 0))?;
        (directory, [b"/bin/", name].concat())
    } else {
        (root.clone(), [b"/", name].concat())
    };
    let entry = directory.inode().make(&directory, name, Make::Regular, (0o755, 0, 0))?;
    let inode: &dyn Any = &**entry.inode();
    inode.downcast_ref::<Node>().ok_or(Errno::EXDEV)?.set_archived(Archived::new(module, 0, length)?)?;
    Ok(path)
}
