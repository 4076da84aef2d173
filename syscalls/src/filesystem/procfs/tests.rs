use super::*;
use crate::argument::Fd;
use crate::errno::Errno;
use crate::file::{File, OpenFile, OpenFlags, StatusFlags};
use crate::filesystem::{How, Inode, Walk, namespace, open_entry};
use crate::machine::host::{test_process, user_bytes};
use crate::memory::{AreaFlags, Protection};
use crate::pipe::{Pipe, PipeEnd, Side};
use crate::process::Credentials;
use crate::process::program::ProgramImage;
use crate::thread::Thread;
use crate::transfer::{Destination, Source};
use std::string::String;
use std::vec;

fn open(path: &str, flags: OpenFlags) -> Result<Arc<OpenFile>> {
    let root = procfs().1;
    let entry = Walk::from(root.clone(), root, Credentials::root()).entry(path.as_bytes(), true)?;
    open_entry(&Credentials::root(), entry, false, How::open(flags, 0)?)
}

fn read_at(file: &Arc<dyn File>, offset: u64, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let count = file.read(&mut Destination::kernel(&mut bytes), offset)?;
    bytes.truncate(count);
    Ok(bytes)
}

fn bytes_of(path: &str) -> Vec<u8> {
    read_at(open(path, OpenFlags::empty()).unwrap().file(), 0, 1 << 20).unwrap()
}

fn text_of(path: &str) -> String {
    String::from_utf8(bytes_of(path)).unwrap()
}

fn write_to(path: &str, text: &str) -> Result<usize> {
    open(path, OpenFlags::O_WRONLY)?.file().write(&mut Source::kernel(text.as_bytes()), 0)
}

fn target_of(path: &str) -> Result<String> {
    let root = procfs().1;
    let entry = Walk::from(root.clone(), root, Credentials::root()).entry(path.as_bytes(), false)?;
    Ok(String::from_utf8(entry.inode().link_text()?.to_vec()).unwrap())
}

fn names_in(path: &str) -> Vec<String> {
    let root = procfs().1;
    let entry = Walk::from(root.clone(), root, Credentials::root()).entry(path.as_bytes(), true).unwrap();
    let (mut names, mut position) = (vec![], 0);
    // In pieces of three, as a small buffer of getdents64 takes them.
    loop {
        let mut count = 0;
        let inode: &Arc<dyn Inode> = entry.inode();
        inode
            .list(position, &mut |item| {
                names.push(String::from_utf8(item.name.to_vec()).unwrap());
                position = item.next;
                count += 1;
                count < 3
            })
            .unwrap();
        if count < 3 {
            return names;
        }
    }
}

/// The value of a line such as `Name:\tvalue`.
fn field(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).expect(name);
    line.trim().into()
}

/// A process that has a program with these arguments and environment.
fn with_program(arguments: &[u8], environment: &[u8]) -> Arc<Thread> {
    let thread = test_process();
    let all = [arguments, environment].concat();
    let start = user_bytes(&all);
    let middle = start + arguments.len() as u64;
    thread.process.set_program(ProgramImage {
        entry: namespace().root(),
        running: None,
        arguments: start..middle,
        environment: middle..start + all.len() as u64,
        auxiliary: start..start + 4,
        stack: 0x1000,
        entry_point: 0,
        code: 0x1_0000..0x1_1001,
        data: 0x2_0000..0x2_0010,
    });
    thread
}

#[test]
fn oneself_is_a_link_to_a_number() {
    let thread = test_process();
    let id = thread.process.id;
    assert_eq!(target_of("self").unwrap(), format!("{id}"));
    assert_eq!(target_of("thread-self").unwrap(), format!("{id}/task/{id}"));
    assert_eq!(field(&text_of("self/status"), "Pid"), format!("{id}"));
    assert_eq!(open("2147483647/stat", OpenFlags::empty()).err(), Some(Errno::ENOENT));
    assert_eq!(open(&format!("0{id}/stat"), OpenFlags::empty()).err(), Some(Errno::ENOENT));
}

#[test]
fn a_listing_goes_on_where_it_stopped() {
    let thread = test_process();
    let names = names_in(".");
    let own = format!("{}", thread.process.id);
    assert_eq!(names.iter().filter(|name| **name == own).count(), 1);
    assert!(names.iter().any(|name| name == "cpuinfo"));
    let mut once = names.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), names.len());
    let all = names_in("self");
    assert_eq!(all.len(), 38);
    let in_task = names_in("thread-self");
    assert!(in_task.iter().all(|name| all.contains(name)) && !in_task.contains(&String::from("task")));
    assert_eq!(names_in("self/task"), [own]);
}

#[test]
fn every_file_can_be_read() {
    let _thread = with_program(b"a\0", b"b=c\0");
    for directory in [".", "self", "self/task", "sys/kernel", "sys/kernel/random", "sys/vm", "sys/fs"] {
        for name in names_in(directory).iter().filter(|name| name.parse::<i32>().is_err()) {
            let path = format!("{directory}/{name}");
            match open(&path, OpenFlags::empty()).map(|open| read_at(open.file(), 0, 64)) {
                Ok(Ok(_) | Err(Errno::EISDIR)) => {}
                // Nothing is mapped at 0.
                Ok(Err(Errno::EIO)) if name == "mem" => {}
                Ok(Err(errno)) | Err(errno) => panic!("{path}: {errno:?}"),
            }
        }
    }
}

#[test]
fn a_program_finds_what_it_was_started_with() {
    let thread = with_program(b"cat\0-n\0", b"A=1\0");
    assert_eq!(bytes_of("self/cmdline"), b"cat\0-n\0");
    assert_eq!(bytes_of("self/environ"), b"A=1\0");
    assert_eq!(bytes_of("self/auxv"), b"cat\0");
    assert_eq!(target_of("self/exe").unwrap(), "/");
    // A title over the last zero byte goes on to the first one behind.
    let program = thread.process.program().unwrap();
    assert_eq!(thread.process.memory().poke(program.arguments.end - 1, b"x"), 1);
    assert_eq!(bytes_of("self/cmdline"), b"cat\0");
    assert_eq!(thread.process.memory().poke(program.arguments.start + 3, b" "), 1);
    assert_eq!(bytes_of("self/cmdline"), b"cat -nxA=1\0");
}

#[test]
fn a_process_without_a_program_has_none_of_it() {
    let _thread = test_process();
    assert_eq!(bytes_of("self/cmdline"), b"");
    assert_eq!(target_of("self/exe"), Err(Errno::ENOENT));
}

#[test]
fn the_name_can_be_changed() {
    let thread = test_process();
    assert_eq!(write_to("self/comm", "sixteen letters!"), Ok(16));
    assert_eq!(text_of("self/comm"), "sixteen letters\n");
    thread.set_name(*b"a) b\\\n\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(field(&text_of("self/status"), "Name"), "a) b\\\\\\n");
    let stat = text_of("self/stat");
    assert!(stat.starts_with(&format!("{} (a) b\\\n) ", thread.id())), "{stat}");
    assert_eq!(stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().count(), 50);
}

#[test]
fn descriptors_are_links_that_say_how_they_are_open() {
    let thread = test_process();
    let pipe = Pipe::new();
    let reader = OpenFile::new(Arc::new(PipeEnd::new(&pipe, Side::Read)), StatusFlags::empty());
    let fd = thread.files().install(reader, true).unwrap();
    let path = format!("self/fd/{}", fd.0);
    let label = target_of(&path).unwrap();
    assert!(label.starts_with("pipe:[") && label.ends_with(']'), "{label}");
    assert_eq!(names_in("self/fd"), [format!("{}", fd.0)]);
    let entry = open("self/fd", OpenFlags::empty()).unwrap().entry();
    let attributes = entry.inode().attributes();
    assert_eq!((attributes.mode, attributes.size), (0o500, 1));
    let link = entry.inode().lookup(&entry, b"0").unwrap();
    assert_eq!((link.inode().attributes().mode, link.inode().attributes().size), (0o500, 64));
    let information = text_of(&format!("self/fdinfo/{}", fd.0));
    assert!(information.starts_with("pos:\t0\nflags:\t02000000\nmnt_id:\t"), "{information}");
    thread.files().remove(Fd(0)).unwrap();
    assert_eq!(target_of(&path), Err(Errno::ENOENT));
    assert_eq!(link.inode().link_text().err(), Some(Errno::ENOENT));
}

#[test]
fn memory_is_read_and_written_whatever_its_protection() {
    let thread = test_process();
    let memory = thread.process.memory();
    memory.map_anonymous(0x10_0000, 0x2000, Protection::READ).unwrap();
    let mem = open("self/mem", OpenFlags::O_RDWR).unwrap();
    assert_eq!(read_at(mem.file(), 0x10_0ffe, 4).unwrap(), [0; 4]);
    assert_eq!(mem.file().write(&mut Source::kernel(b"abcd"), 0x10_0ffe), Ok(4));
    assert_eq!(read_at(mem.file(), 0x10_0ffe, 4).unwrap(), b"abcd");
    assert_eq!(read_at(mem.file(), 0x10_1ffe, 4).unwrap(), [0; 2], "up to the end of what is mapped");
    assert_eq!(read_at(mem.file(), 0x20_0000, 4), Err(Errno::EIO));
    assert_eq!(mem.file().write(&mut Source::kernel(b"x"), 0x20_0000), Err(Errno::EIO));
    assert_eq!(read_at(mem.file(), u64::MAX, 4), Err(Errno::EIO));
    let pages = open("self/pagemap", OpenFlags::empty()).unwrap();
    let entry = read_at(pages.file(), 0x100 * 8, 8).unwrap();
    assert_eq!(entry[7] >> 7, 1);
    assert_eq!(read_at(pages.file(), 0x102 * 8, 8).unwrap(), [0; 8]);
    assert_eq!(read_at(pages.file(), 4, 8), Err(Errno::EINVAL));
}

#[test]
fn sizes_agree() {
    let thread = with_program(b"a\0", b"");
    let memory = thread.process.memory();
    memory.map_anonymous(0x10_0000, 0x8000, Protection::READ | Protection::WRITE).unwrap();
    memory.fault_in(0x10_0000, crate::machine::Access::WRITE).unwrap();
    let total = memory.counts().total;
    let status = text_of("self/status");
    assert_eq!(field(&status, "VmSize"), format!("{:1} kB", total * 4));
    let resident = memory.resident(0, u64::MAX).resident;
    assert_eq!(field(&status, "VmRSS"), format!("{} kB", resident * 4));
    assert!(text_of("self/statm").starts_with(&format!("{total} {resident} 0 2 0 ")));
    assert_eq!(text_of("self/maps").lines().count(), memory.describe().unwrap().len());
    let detailed = text_of("self/smaps");
    assert_eq!(detailed.matches("\nRss:   ").count(), memory.describe().unwrap().len());
    assert!(detailed.contains("VmFlags: rd wr mr mw me ac \n"), "{detailed}");
    let sum = text_of("self/smaps_rollup");
    assert_eq!(field(&sum, "Rss"), format!("{} kB", resident * 4));
    assert_eq!(sum.lines().next().unwrap().find("[rollup]"), Some(73));
    assert!(!memory.describe().unwrap().iter().any(|area| area.flags.contains(AreaFlags::SHARED)));
}

#[test]
fn limits_are_a_table_as_on_linux() {
    let _thread = test_process();
    let text = text_of("self/limits");
    assert!(text.starts_with("Limit                     Soft Limit           Hard Limit           Units     \n"));
    assert!(text.contains("\nMax stack size            8388608              unlimited            bytes     \n"));
    assert!(text.contains("\nMax nice priority         0                    0                    \n"));
    assert_eq!(text.lines().count(), 17);
}

#[test]
fn adjustments_for_want_of_memory_have_two_scales() {
    let _thread = test_process();
    assert_eq!(write_to("self/oom_score_adj", "-500\n"), Ok(5));
    assert_eq!(text_of("self/oom_score_adj"), "-500\n");
    assert_eq!(text_of("self/oom_adj"), "-8\n");
    assert_eq!(write_to("self/oom_score_adj", "1001"), Err(Errno::EINVAL));
    assert_eq!(write_to("self/oom_adj", "15"), Ok(2));
    assert_eq!(text_of("self/oom_score_adj"), "1000\n");
    assert_eq!(write_to("self/oom_adj", "x"), Err(Errno::EINVAL));
}

#[test]
fn settings_hold_for_the_super_user_too() {
    let _thread = test_process();
    assert_eq!(text_of("sys/kernel/ostype"), "Linux\n");
    assert_eq!(write_to("sys/kernel/ostype", "x").err(), Some(Errno::EACCES));
    assert_eq!(text_of("sys/kernel/random/boot_id"), text_of("sys/kernel/random/boot_id"));
    let uuid = text_of("sys/kernel/random/uuid");
    assert_ne!(uuid, text_of("sys/kernel/random/uuid"));
    assert_eq!(
        uuid.char_indices().filter(|(_, letter)| *letter == '-').map(|(at, _)| at).collect::<Vec<_>>(),
        [8, 13, 18, 23]
    );
    assert_eq!((uuid.len(), uuid.as_bytes()[14]), (37, b'4'));
}

#[test]
fn the_processor_is_the_one_that_runs_this() {
    let _thread = test_process();
    let text = text_of("cpuinfo");
    let linux = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).expect(name);
        String::from(line.split_once(':').unwrap().1.trim())
    };
    for name in ["vendor_id", "cpu family", "model\t", "model name", "stepping", "clflush size"] {
        assert_eq!(value(&text, name), value(&linux, name), "{name}");
    }
    // All named flags are Linux's, in its order; the host machine has no vector state but SSE's.
    let linux_flags = value(&linux, "flags");
    let mut others = linux_flags.split(' ');
    for flag in value(&text, "flags").split(' ') {
        assert!(flag != "avx" && flag != "pku" && flag != "fsgsbase");
        assert!(others.any(|other| other == flag) || !linux_flags.contains(flag), "{flag}: not in order");
    }
}

#[test]
fn the_machine_counts_what_it_has() {
    let _thread = test_process();
    let memory = text_of("meminfo");
    assert!(memory.starts_with("MemTotal:       ") && memory.contains("\nHugePages_Total:       0\n"));
    let stat = text_of("stat");
    assert!(stat.starts_with("cpu  ") && stat.contains("\ncpu0 ") && stat.contains("\nbtime "));
    assert_eq!(text_of("loadavg").split(' ').count(), 5);
    assert_eq!(text_of("uptime").split(' ').count(), 2);
    assert!(text_of("version").starts_with("Linux version 6.12.0-birgus "));
}

#[test]
fn a_process_that_has_gone_leaves_open_files_behind() {
    let id = {
        let other = std::thread::spawn(|| {
            let thread = test_process();
            (
                thread.process.id,
                open("self/stat", OpenFlags::empty()).unwrap(),
                open("self/mem", OpenFlags::empty()).unwrap(),
            )
        });
        let (id, stat, mem) = other.join().unwrap();
        test_process();
        assert_eq!(read_at(stat.file(), 0, 10), Err(Errno::ESRCH));
        assert_eq!(read_at(mem.file(), 0, 10), Ok(vec![]));
        id
    };
    assert_eq!(open(&format!("{id}"), OpenFlags::empty()).err(), Some(Errno::ENOENT));
}

#[test]
fn masks_of_cpus_are_lists() {
    let lists = [0, 1, 0b1111, 0b1101, 1 << 63 | 1].map(processor::list_of);
    assert_eq!(lists, ["", "0", "0-3", "0,2-3", "0,63"]);
}
