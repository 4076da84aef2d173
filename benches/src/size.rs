//! The kernel's size.

use object::LittleEndian as Little;
use object::elf::{FileHeader64, PF_W, PF_X, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader};

use crate::Result;
use crate::in_front_of_qemu::Wishes;
use crate::programs::Programs;
use crate::report::{Cell, Table};
use crate::tool::Tool;

/// Takes the file that the tool gives to QEMU: what is loaded, without symbols and section headers.
pub(crate) fn measure(tool: &Tool, programs: &Programs) -> Result<Vec<Table>> {
    let folder = programs.path("");
    let (run, notes) =
        tool.run(&[programs.path("hello").as_os_str()], &folder, Wishes { kernel: true, ..Wishes::default() })?;
    run.expect("hello", Some("hello\n"))?;
    let kernel = notes.kernel()?;
    let mut table =
        Table::new("Size of the kernel, in bytes", &["what", "in the file", "in memory", "wanted in the file"]);
    let (mut code, mut read_only, mut data) = ((0, 0), (0, 0), (0, 0));
    for segment in FileHeader64::<Little>::parse(&*kernel)?.program_headers(Little, &*kernel)? {
        if segment.p_type(Little) == PT_LOAD {
            let kind = match segment.p_flags(Little) {
                flags if flags & PF_X != 0 => &mut code,
                flags if flags & PF_W != 0 => &mut data,
                _ => &mut read_only,
            };
            kind.0 += segment.p_filesz(Little);
            kind.1 += segment.p_memsz(Little);
        }
    }
    let in_memory = code.1 + read_only.1 + data.1;
    table.row([
        "kernel file, stripped".into(),
        u64::try_from(kernel.len())?.into(),
        in_memory.into(),
        "≤ 1,048,576".into(),
    ]);
    for (name, (in_file, in_memory)) in [("code", code), ("read-only data", read_only), ("data", data)] {
        table.row([name.into(), in_file.into(), in_memory.into(), Cell::Missing]);
    }
    Ok(vec![table])
}
