//! From boot modules to the first program's first instruction.

use crate::boot::{Information, Module};
use crate::command_line::{CommandLine, number};
use crate::cpu::{apic, clock};
use crate::device::console;
use crate::random;
use alloc::vec;
use birgus_loader::handover::{Handover, MAGIC};
use birgus_loader::stack::{Auxiliary, Startup};
use birgus_syscalls::console::StandardStream;
use birgus_syscalls::file::{FileTable, OpenFile, StatusFlags};
use birgus_syscalls::frame::Frame;
use birgus_syscalls::machine::{Access, Machine};
use birgus_syscalls::memory::AddressSpace;
use birgus_syscalls::process::{Process, registry};
use birgus_syscalls::registers::Registers;
use birgus_syscalls::thread::Thread;
use birgus_syscalls::time::Instant;
use birgus_syscalls::wire::Stream;

pub(crate) fn launch(information: &Information, command_line: &CommandLine) {
    let handover = information.modules.iter().find(|module| module.bytes().starts_with(&MAGIC));
    let handover = handover.map(|module| Handover::parse(module.bytes()).expect("handover"));
    let told = command_line.value(b"birgus.tsc_khz").and_then(|text| number(core::str::from_utf8(text).ok()?));
    clock::start(handover.as_ref().and_then(|handover| handover.tsc_khz).or(told.map(|khz| khz as u32)));
    random::start(handover.as_ref().and_then(|handover| handover.seed));
    console::set_logging(command_line.has(b"birgus.log"));
    apic::start().expect("memory for a page table");
    let program = information.modules.iter().find(|module| module.bytes().starts_with(b"\x7fELF")).expect("program");
    start(program, handover.as_ref());
    clock::arm(Instant(0).after(100_000_000));
}

fn start(program: &Module, handover: Option<&Handover<'_>>) {
    let machine = &crate::machine::Hardware;
    let plan = birgus_loader::plan(program.bytes()).expect("plan");
    let table = machine.new_page_table().ok().expect("memory");
    let bias = plan.bias_for(0x5555_5555_4000).expect("bias");
    for segment in &plan.segments {
        let access = Access { read: true, write: segment.protection.writable, execute: segment.protection.executable };
        for page in segment.pages().step_by(4096) {
            let frame = Frame::zeroed().expect("memory");
            let at = (page - segment.address) as usize;
            let length = (segment.file_size as usize).saturating_sub(at).min(4096);
            let from = segment.file_offset as usize + at;
            if length > 0 {
                frame.write(0, &program.bytes()[from..from + length]);
            }
            table.map(page + bias, frame, access).expect("memory");
        }
    }
    let mut random = [0; 16];
    machine.random(&mut random);
    let top = 0x7fff_ffff_0000;
    let arguments: vec::Vec<&[u8]> =
        handover.map_or_else(|| vec![&b"program"[..]], |handover| handover.arguments().collect());
    let environment: vec::Vec<&[u8]> = handover.map_or_else(vec::Vec::new, |handover| handover.environment().collect());
    let image = Startup {
        arguments: arguments.iter().copied(),
        environment: environment.iter().copied(),
        name: b"/program",
        random,
        auxiliary: Auxiliary::of(&plan, bias),
        top,
        total_limit: 1 << 20,
    }
    .image()
    .expect("stack");
    for page in (top - (128 << 10)..top).step_by(4096) {
        let frame = Frame::zeroed().expect("memory");
        if page + 4096 > image.pointer {
            let from = image.pointer.max(page);
            let at = (from - image.pointer) as usize;
            frame.write((from - page) as usize, &image.bytes[at..at + (page + 4096 - from) as usize]);
        }
        table.map(page, frame, Access::WRITE).expect("memory");
    }
    let memory = AddressSpace::new(table);
    let files = FileTable::new(1024);
    for (stream, flags) in [(Stream::Input, 0), (Stream::Output, 1), (Stream::Error, 1)] {
        let open = OpenFile::new(alloc::sync::Arc::new(StandardStream(stream)), StatusFlags::from_bits_retain(flags));
        files.install(open, false).expect("a descriptor");
    }
    let id = registry::next_id();
    let process = Process::new(id, 1, memory, files);
    process.set_first();
    let thread = Thread::new(id, process);
    let registers = Registers {
        rip: plan.entry + bias,
        rsp: image.pointer,
        rflags: 0x202,
        number: Registers::NO_CALL,
        ..Registers::default()
    };
    machine.start_thread(thread, &registers, 0).expect("memory");
}
