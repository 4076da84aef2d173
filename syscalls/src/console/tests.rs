//! The console on a device that only remembers, its processes on the host's machine.

use super::*;
use crate::errno::Errno;
use crate::file::Events;
use crate::file::{File, OpenFile, StatusFlags};
use crate::filesystem::{Kind, namespace};
use crate::machine::host::{bytes_of_user, spawn, test_process, user_bytes, user_pages};
use crate::process::exit::End;
use crate::signal::{SigSet, mask};
use crate::terminal::Termios;
use crate::thread::Thread;
use crate::transfer::{Destination, Source};
use crate::user::UserPtr;
use linux_raw_sys::general::{ECHO, ICANON, O_NONBLOCK, O_RDWR, VMIN, VTIME};
use linux_raw_sys::ioctl::{
    FIONREAD, TCGETS, TCSETS, TIOCGPGRP, TIOCGSID, TIOCGWINSZ, TIOCNOTTY, TIOCSCTTY, TIOCSPGRP,
};
use std::boxed::Box;
use std::format;
use std::string::String;

/// What went out, frame by frame.
struct Device {
    framed: bool,
    sent: Mutex<Vec<u8>>,
}

impl Port for Device {
    fn send(&self, bytes: Vec<u8>) {
        self.sent.lock().extend(bytes);
    }

    fn is_framed(&self) -> bool {
        self.framed
    }
}

impl Device {
    /// What was sent since the last time, readable: `1:text`, `credit 32768`.
    fn take(&self) -> Vec<String> {
        let bytes = core::mem::take(&mut *self.sent.lock());
        let mut rest = &bytes[..];
        let mut decoder = Decoder::new(Direction::ToHost);
        let mut told: Vec<String> = Vec::new();
        while let Some(event) = decoder.next(&mut rest).expect("frames") {
            told.push(match event {
                Event::Data { stream, bytes, .. } => format!("{}:{}", stream as u8, String::from_utf8_lossy(bytes)),
                Event::Control(Control::Credit { bytes, .. }) => format!("credit {bytes}"),
                Event::Control(control) => format!("{control:?}"),
            });
        }
        told
    }

    fn take_plain(&self) -> String {
        String::from_utf8(core::mem::take(&mut *self.sent.lock())).unwrap()
    }
}

/// A console of a tool with these standard files on a terminal, and its first process.
fn console(files: u8) -> (&'static Console, &'static Device, Arc<Thread>) {
    let thread = test_process();
    let console: &'static Console = Box::leak(Box::new(Console::new()));
    let device: &'static Device = Box::leak(Box::new(Device { framed: true, sent: Mutex::new(Vec::new()) }));
    console.attach(device);
    console.connect(Some(Terminal { files, rows: 24, columns: 80 }));
    console.adopt(&thread.process);
    (console, device, thread)
}

/// A description of a console's terminal.
fn terminal(console: &Console) -> Arc<OpenFile> {
    OpenFile::new(console.tty.get().unwrap().clone(), StatusFlags::from_bits_retain(O_RDWR))
}

fn data(bytes: &[u8]) -> Vec<u8> {
    [&wire::data_header(Stream::Input, bytes.len()).unwrap(), bytes].concat()
}

fn read(file: &dyn File, length: usize) -> Result<String> {
    let mut buffer = std::vec![0; length];
    let count = file.read(&mut Destination::kernel(&mut buffer), 0)?;
    Ok(String::from_utf8(buffer[..count].to_vec()).unwrap())
}

fn read_open(open: &OpenFile, length: usize) -> Result<String> {
    let mut buffer = std::vec![0; length];
    let count = open.read(&mut Destination::kernel(&mut buffer))?;
    Ok(String::from_utf8(buffer[..count].to_vec()).unwrap())
}

fn write(file: &dyn File, bytes: &[u8]) -> Result<usize> {
    file.write(&mut Source::kernel(bytes), 0)
}

fn block_all(thread: &Thread) {
    mask::set_blocked(thread, SigSet::EMPTY.complement());
}

/// The numbers of the pending signals, all of which are blocked.
fn pending(thread: &Thread) -> Vec<u32> {
    let memory = user_pages(1);
    mask::rt_sigpending(thread, UserPtr::new(memory), 8).unwrap();
    let bits = UserPtr::<u64>::new(memory).read(thread).unwrap();
    (1..=64).filter(|number| bits >> (number - 1) & 1 != 0).collect()
}

/// `ioctl` with an `int` that is taken and given.
fn ioctl_word(file: &dyn File, thread: &Thread, request: u32, word: i32) -> Result<i32> {
    let address = user_bytes(&word.to_ne_bytes());
    file.ioctl(thread, request, address)?;
    Ok(i32::from_ne_bytes(bytes_of_user(address, 4).try_into().unwrap()))
}

fn set_raw(file: &dyn File, thread: &Thread, minimum: u8, patience: u8) {
    let mut termios = Termios::default();
    termios.local_flags &= !(ICANON | ECHO);
    termios.control_characters[VMIN as usize] = minimum;
    termios.control_characters[VTIME as usize] = patience;
    file.ioctl(thread, TCSETS, user_bytes(&termios.to_bytes())).unwrap();
}

#[test]
fn plain_input_comes_by_credit() {
    let (console, device, thread) = console(0);
    let input = StandardStream::new(console, Stream::Input);
    console.listen();
    assert!(device.take().is_empty(), "nobody has read yet");
    assert_eq!(read(&input, 10), Err(Errno::EAGAIN));
    assert_eq!(device.take(), ["credit 32768"]);
    assert_eq!(input.poll(), Events::empty());
    console.receive(&data(b"hello\x03world"));
    assert_eq!(thread.process.end(), None);
    assert_eq!(ioctl_word(&input, &thread, FIONREAD, 0), Ok(11));
    assert_eq!(ioctl_word(&input, &thread, TCGETS, 0), Err(Errno::ENOTTY));
    assert_eq!(input.attributes().kind, Kind::Fifo);
    assert_eq!(input.poll(), Events::IN);
    assert_eq!(read(&input, 5).unwrap(), "hello");
    assert!(device.take().is_empty(), "more than half of the window is still out");
    console.receive(&data(&[b'x'; 16 << 10]));
    console.receive(&Control::End.encode());
    assert_eq!(read(&input, 64 << 10).unwrap().len(), (16 << 10) + 6);
    assert_eq!(read(&input, 1).unwrap(), "");
    assert_eq!(input.poll(), Events::HUP);
    assert!(device.take().is_empty(), "nothing comes behind the end");
}

#[test]
fn what_a_program_does_not_get_is_not_lost() {
    let (console, _, thread) = console(0);
    let input = StandardStream::new(console, Stream::Input);
    console.receive(&data(b"abcdef"));
    let mut nowhere = Destination::user(&thread, 0x7000_0000_0000, 4).unwrap();
    assert_eq!(input.read(&mut nowhere, 0), Err(Errno::EFAULT));
    assert_eq!(read(&input, 10).unwrap(), "abcdef");
}

#[test]
fn plain_output_stops_without_credit() {
    let (console, device, thread) = console(0);
    let output = StandardStream::new(console, Stream::Output);
    assert_eq!(write(&output, b"hi"), Ok(2));
    assert_eq!(device.take(), ["1:hi"]);
    let long = std::vec![b'x'; 100 << 10];
    let written = write(&output, &long).unwrap();
    assert!((40 << 10..64 << 10).contains(&written), "{written}");
    assert_eq!(write(&output, b"x"), Err(Errno::EAGAIN));
    assert_eq!(output.poll(), Events::empty());
    device.take();
    console.receive(&Control::Credit { stream: Stream::Output, bytes: 2048 + 3 }.encode());
    assert_eq!(output.poll(), Events::OUT);
    assert_eq!(write(&output, b"abcdef"), Ok(3));
    assert_eq!(device.take(), ["1:abc"]);
    block_all(&thread);
    console.receive(&Control::Closed(Stream::Output).encode());
    assert_eq!(output.poll(), Events::ERR);
    assert_eq!(write(&output, b"x"), Err(Errno::EPIPE));
    assert_eq!(pending(&thread), [13]);
    assert_eq!(write(&StandardStream::new(console, Stream::Error), b"e"), Ok(1));
}

#[test]
fn a_blocked_writer_goes_on_with_credit() {
    let (console, _, thread) = console(0);
    let open = OpenFile::new(
        Arc::new(StandardStream::new(console, Stream::Output)),
        StatusFlags::from_bits_retain(linux_raw_sys::general::O_WRONLY),
    );
    let writer = spawn(&thread.process, move |_| open.write(&mut Source::kernel(&[b'x'; 200 << 10])));
    while !writer.is_finished() {
        console.receive(&Control::Credit { stream: Stream::Output, bytes: 10_000 }.encode());
        std::thread::yield_now();
    }
    assert_eq!(writer.join().unwrap(), Ok(200 << 10));
}

#[test]
fn a_line_is_edited_echoed_and_read() {
    let (console, device, thread) = console(7);
    let tty = terminal(console);
    assert!(device.take().is_empty());
    console.listen();
    assert_eq!(device.take(), ["credit 32768"]);
    assert!(!tty.poll().contains(Events::IN));
    console.receive(&data(b"lx\x7fs\r"));
    assert_eq!(device.take(), ["1:lx\x08 \x08s\r\n"]);
    assert_eq!(tty.poll(), Events::IN | Events::OUT);
    assert_eq!(ioctl_word(&**tty.file(), &thread, FIONREAD, 0), Ok(3));
    assert_eq!(read_open(&tty, 100).unwrap(), "ls\n");
    assert_eq!(tty.write(&mut Source::kernel(b"a\nb\n")), Ok(4));
    assert_eq!(device.take(), ["1:a\r\nb\r\n"], "one write, one frame");
    console.receive(&data(b"\x04"));
    assert_eq!(read_open(&tty, 100).unwrap(), "", "an end of file was typed");
    tty.set_status(StatusFlags::from_bits_retain(O_RDWR | O_NONBLOCK));
    assert_eq!(read_open(&tty, 100), Err(Errno::EAGAIN));
    console.receive(&Control::End.encode());
    assert_eq!(read_open(&tty, 100).unwrap(), "");
}

#[test]
fn a_reader_waits_for_the_line() {
    let (console, _, thread) = console(7);
    let tty = terminal(console);
    let reader = spawn(&thread.process, move |_| read_open(&tty, 100));
    for byte in b"word\n" {
        std::thread::sleep(std::time::Duration::from_millis(2));
        console.receive(&data(&[*byte]));
    }
    assert_eq!(reader.join().unwrap().unwrap(), "word\n");
}

#[test]
fn minimum_and_patience() {
    let (console, _, thread) = console(7);
    let tty = terminal(console);
    set_raw(&**tty.file(), &thread, 0, 1);
    let begin = std::time::Instant::now();
    assert_eq!(read_open(&tty, 10).unwrap(), "");
    assert!(begin.elapsed() >= std::time::Duration::from_millis(100));
    set_raw(&**tty.file(), &thread, 3, 0);
    console.receive(&data(b"ab"));
    assert!(!tty.poll().contains(Events::IN));
    let other = tty.clone();
    let reader = spawn(&thread.process, move |_| read_open(&other, 10));
    std::thread::sleep(std::time::Duration::from_millis(5));
    console.receive(&data(b"c"));
    assert_eq!(reader.join().unwrap().unwrap(), "abc");
    console.receive(&data(b"d"));
    assert_eq!(read(&**tty.file(), 10).unwrap(), "d", "who does not wait gets what there is");
    // The clock between bytes starts with the first.
    set_raw(&**tty.file(), &thread, 3, 1);
    console.receive(&data(b"e"));
    assert_eq!(read_open(&tty, 10).unwrap(), "e");
}

#[test]
fn a_signal_ends_a_read() {
    let (console, _, thread) = console(7);
    let tty = terminal(console);
    set_raw(&**tty.file(), &thread, 3, 0);
    let interrupted = spawn(&thread.process, {
        let tty = tty.clone();
        move |thread| {
            thread.demand(crate::thread::Work::SIGNAL);
            read_open(&tty, 10)
        }
    });
    assert_eq!(interrupted.join().unwrap(), Err(Errno::ERESTARTSYS));
    console.receive(&data(b"x"));
    let interrupted = spawn(&thread.process, move |thread| {
        thread.demand(crate::thread::Work::SIGNAL);
        read_open(&tty, 10)
    });
    assert_eq!(interrupted.join().unwrap().unwrap(), "x", "what was read counts");
}

#[test]
fn typed_ahead_of_the_reader() {
    let (console, device, thread) = console(7);
    let tty = terminal(console);
    set_raw(&**tty.file(), &thread, 1, 0);
    console.listen();
    let typed: Vec<u8> = (0..9_000_u32).map(|number| b'a' + (number % 23) as u8).collect();
    for piece in typed.chunks(1000) {
        console.receive(&data(piece));
    }
    let mut got = String::new();
    while got.len() < typed.len() {
        got += &read_open(&tty, 700).unwrap();
    }
    assert_eq!(got.as_bytes(), typed);
    let granted: usize = device.take().iter().map(|frame| frame["credit ".len()..].parse::<usize>().unwrap()).sum();
    assert!(granted <= 32_768 + typed.len(), "never more than a window ahead: {granted}");
}

#[test]
fn echo_waits_for_credit() {
    let (console, device, _) = console(7);
    let tty = terminal(console);
    tty.set_status(StatusFlags::from_bits_retain(O_RDWR | O_NONBLOCK));
    while tty.write(&mut Source::kernel(&[b'x'; 1000])).is_ok() {}
    assert!(!tty.poll().contains(Events::OUT));
    device.take();
    console.receive(&data(b"typed"));
    assert!(!device.take().iter().any(|frame| frame.starts_with("1:")));
    console.receive(&Control::Credit { stream: Stream::Output, bytes: 4096 }.encode());
    assert_eq!(device.take(), ["1:typed"]);
}

#[test]
fn keys_and_the_tool_send_signals() {
    for (frames, number) in [
        (data(b"\x03"), 2),
        (data(b"\x1c"), 3),
        (data(b"\x1a"), 20),
        (Control::Signal(15).encode().to_vec(), 15),
        (Control::Window { rows: 30, columns: 80 }.encode().to_vec(), 28),
    ] {
        let (console, _, thread) = console(7);
        block_all(&thread);
        console.receive(&frames);
        assert_eq!(pending(&thread), [number]);
    }
    let (console, _, thread) = console(7);
    let tty = terminal(console);
    console.receive(&Control::Window { rows: 24, columns: 80 }.encode());
    console.receive(&Control::Window { rows: 50, columns: 132 }.encode());
    console.receive(&Control::Signal(0).encode());
    console.receive(&Control::Signal(65).encode());
    let size = user_pages(1);
    tty.file().ioctl(&thread, TIOCGWINSZ, size).unwrap();
    assert_eq!(bytes_of_user(size, 8), [50, 0, 132, 0, 0, 0, 0, 0]);
    console.receive(&data(b"\x03"));
    assert_eq!(thread.process.end(), Some(End::Killed(Signal::INT)));
}

#[test]
fn a_terminal_that_goes_hangs_up() {
    let (console, _, thread) = console(7);
    let tty = terminal(console);
    block_all(&thread);
    console.receive(&Control::Closed(Stream::Output).encode());
    assert_eq!(pending(&thread), [1, 18]);
    assert_eq!(read_open(&tty, 1).unwrap(), "");
    assert_eq!(tty.write(&mut Source::kernel(b"x")), Err(Errno::EIO));
    assert_eq!(tty.file().ioctl(&thread, TIOCGWINSZ, user_pages(1)), Err(Errno::EIO));
    assert_eq!(tty.poll(), Events::IN | Events::OUT | Events::ERR | Events::HUP);
    assert!(thread.process.terminal().is_none());
}

#[test]
fn a_terminal_without_a_keyboard() {
    let (console, device, _) = console(4);
    let tty = terminal(console);
    console.receive(&data(b"file\x03\n"));
    assert_eq!(read_open(&tty, 10).unwrap(), "", "nothing is ever typed");
    assert_eq!(read(&StandardStream::new(console, Stream::Input), 10).unwrap(), "file\x03\n");
    tty.write(&mut Source::kernel(b"x\n")).unwrap();
    assert!(device.take().contains(&String::from("2:x\r\n")));
}

#[test]
fn job_control() {
    let (console, _, first) = console(7);
    let tty = terminal(console);
    let file = &**tty.file();
    let id = first.process.id;
    assert_eq!(ioctl_word(file, &first, TIOCGPGRP, 0), Ok(id));
    assert_eq!(ioctl_word(file, &first, TIOCGSID, 0), Ok(id));
    assert_eq!(file.ioctl(&first, TIOCSCTTY, 0), Ok(0), "it is already");
    // A job, and somebody in another session.
    let job = test_process();
    job.process.become_child_of(&first.process);
    job.process.set_group(job.process.id);
    let stranger = test_process();
    assert_eq!(ioctl_word(file, &stranger, TIOCGPGRP, 0), Err(Errno::ENOTTY));
    assert_eq!(ioctl_word(file, &stranger, TIOCSPGRP, id), Err(Errno::ENOTTY));
    assert_eq!(file.ioctl(&stranger, TIOCNOTTY, 0), Err(Errno::ENOTTY));
    assert_eq!(file.ioctl(&stranger, TIOCSCTTY, 0), Err(Errno::EPERM));
    // In the background: reading and setting stop it.
    let in_job = |body: fn(&Arc<OpenFile>, &Thread)| {
        let (tty, job) = (tty.clone(), job.clone());
        spawn(&job.process.clone(), move |thread| body(&tty, thread)).join().unwrap();
    };
    block_all(&job);
    in_job(|tty, _| assert_eq!(read_open(tty, 10), Err(Errno::ERESTARTSYS)));
    assert_eq!(pending(&job), [21]);
    in_job(|tty, thread| {
        mask::set_blocked(thread, SigSet::EMPTY.complement());
        assert_eq!(read_open(tty, 10), Err(Errno::EIO));
        assert_eq!(tty.write(&mut Source::kernel(b"x")), Ok(1), "without TOSTOP");
        set_raw(&**tty.file(), thread, 1, 0);
    });
    for (group, outcome) in [
        (-1, Err(Errno::EINVAL)),
        (1 << 22, Err(Errno::ESRCH)),
        (stranger.process.id, Err(Errno::EPERM)),
        (job.process.id, Ok(job.process.id)),
    ] {
        assert_eq!(ioctl_word(file, &first, TIOCSPGRP, group), outcome, "{group}");
    }
    // The first process is in the background now, where nobody could let it go on.
    let orphan = spawn(&first.process, {
        let tty = tty.clone();
        move |thread| {
            let word = ioctl_word(&**tty.file(), thread, TIOCSPGRP, thread.process.id);
            (read_open(&tty, 10), word)
        }
    });
    assert_eq!(orphan.join().unwrap(), (Err(Errno::EIO), Err(Errno::ENOTTY)));
    block_all(&first);
    console.receive(&data(b"\x03"));
    assert_eq!((pending(&first), pending(&job)), (Vec::new(), std::vec![2, 21]), "the foreground alone");
    // The leader gives the terminal up for all.
    assert_eq!(file.ioctl(&first, TIOCNOTTY, 0), Ok(0));
    assert!(job.process.terminal().is_none());
    assert_eq!(pending(&job), [1, 2, 18]);
    assert_eq!(file.ioctl(&first, TIOCSCTTY, 0), Ok(0));
    assert_eq!(ioctl_word(file, &first, TIOCGPGRP, 0), Ok(id));
}

#[test]
fn the_log_waits_for_credit() {
    let (console, device, _) = console(0);
    let line = [&[b'l'; 999][..], b"\n"].concat();
    for _ in 0..200 {
        console.log(&line);
    }
    let mut sent: String = device.take().concat().replace("3:", "");
    let credit = Control::Credit { stream: Stream::Log, bytes: 1 << 20 }.encode();
    console.receive(&credit);
    sent += &device.take().concat().replace("3:", "");
    let lost = 200 - sent.matches("l\n").count();
    assert!((50..150).contains(&lost), "{lost}");
    assert!(sent.ends_with(&format!("{lost} lines of the log were lost\n")));
    console.log(b"more\n");
    assert_eq!(device.take(), ["3:more\n"]);
}

#[test]
fn the_trace_loses_nothing() {
    let (console, device, _) = console(0);
    let mut polls = 0;
    let mut poll = || {
        polls += 1;
        console.receive(&Control::Credit { stream: Stream::Log, bytes: 20_000 }.encode());
    };
    for number in 0..20_000 {
        console.trace(format!("line {number}").as_bytes(), &mut poll);
    }
    console.flush_log(&mut poll);
    console.end(Ending::Exited(3));
    assert!(polls > 0);
    let sent = device.take();
    assert_eq!(sent.last().unwrap(), &format!("{:?}", Control::Exit(Ending::Exited(3))));
    let text = sent[..sent.len() - 1].iter().map(|frame| &frame[2..]).collect::<Vec<_>>().concat();
    assert!(text.lines().eq((0..20_000).map(|number| format!("line {number}"))));
}

#[test]
fn a_serial_line_is_a_terminal() {
    let thread = test_process();
    let console: &'static Console = Box::leak(Box::new(Console::new()));
    let device: &'static Device = Box::leak(Box::new(Device { framed: false, sent: Mutex::new(Vec::new()) }));
    console.attach(device);
    console.connect(None);
    console.adopt(&thread.process);
    let tty = terminal(console);
    console.receive(b"hi\r");
    assert_eq!(read_open(&tty, 10).unwrap(), "hi\n");
    tty.write(&mut Source::kernel(b"out\n")).unwrap();
    console.trace(b"traced", || unreachable!("a serial line takes all"));
    console.complain(b"no\n");
    assert_eq!(device.take_plain(), "hi\r\nout\r\ntraced\r\nno\r\n");
    let size = user_pages(1);
    tty.file().ioctl(&thread, TIOCGWINSZ, size).unwrap();
    assert_eq!(bytes_of_user(size, 8), [0; 8]);
}

#[test]
fn the_first_programs_descriptors() {
    let thread = test_process();
    // Another test may have mounted it.
    let _ = namespace().furnish();
    let device: &'static Device = Box::leak(Box::new(Device { framed: true, sent: Mutex::new(Vec::new()) }));
    CONSOLE.attach(device);
    let files = CONSOLE.open(Some(Terminal { files: 3, rows: 1, columns: 2 })).unwrap();
    CONSOLE.adopt(&thread.process);
    let open = |number| files.get(crate::argument::Fd(number)).unwrap();
    assert!(Arc::ptr_eq(&open(0), &open(1)), "one description");
    assert_eq!(open(0).entry().path(None), b"/dev/console");
    assert_eq!((open(0).attributes().kind, open(0).attributes().special), (Kind::Character, 0x501));
    assert!(open(0).check_readable().is_ok() && open(0).check_writable().is_ok());
    assert_eq!((open(2).attributes().kind, open(2).check_readable()), (Kind::Fifo, Err(Errno::EBADF)));
    let tty = crate::filesystem::device::open(Kind::Character, 0x500, crate::file::OpenFlags::O_RDWR).unwrap();
    assert_eq!(ioctl_word(&*tty, &thread, TIOCGPGRP, 0), Ok(thread.process.id));
    thread.process.terminal().unwrap().open(crate::file::OpenFlags::empty()).unwrap();
    test_process();
    let refused = crate::filesystem::device::open(Kind::Character, 0x500, crate::file::OpenFlags::O_RDWR);
    assert_eq!(refused.err(), Some(Errno::ENXIO));
}
