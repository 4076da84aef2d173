//! Stands in for QEMU in the tests of the tool: takes QEMU's command line, finds what the tool passes on, and plays a
//! guest. The file of the program does not matter to it.
//!
//! The program's arguments are its script, a word each:
//! `out:TEXT`, `err:TEXT`, `log:TEXT` write; `fill:BYTES` writes that much to standard output; `small:COUNT` writes so
//! many frames of one byte as fast as credit allows; `cat` gives standard input back until it ends; `take:BYTES`
//! allows and awaits so much input; `signal` awaits a signal and prints its number;
//! `window` awaits a new size of the terminal and prints it; `closed` awaits that standard output is
//! closed; `show` prints the handover; `qemu` prints this command line; `modules` prints what the boot modules are;
//! `exit:CODE`, `kill:SIGNAL`, `panic` end the machine; `die:TEXT` complains as QEMU does and ends without an exit
//! code; `reset` ends without a word; `garbage` breaks the protocol; `hang` does nothing for good.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::fd::FromRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::thread;
use std::time::Duration;

use birgus_loader::handover::Handover;
use birgus_syscalls::wire::{Control, Credit, Decoder, Direction, Ending, Event, Stream, data_header};

fn main() {
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    if words.iter().any(|word| word == "--version") {
        println!("QEMU emulator version 9.9.9 (fake)");
        return;
    }
    let value = |name: &str| {
        let at = words.iter().position(|word| word == name).expect("the option is there");
        words[at + 1].to_str().expect("text").to_owned()
    };
    let modules: Vec<Vec<u8>> =
        value("-initrd").split(',').map(|path| fs::read(path).expect("a boot module")).collect();
    let number = value("-chardev").rsplit_once("fd=").expect("a file").1.parse().expect("a number");
    // SAFETY: the tool has passed on this socket for the console; nothing else here uses it.
    let socket = unsafe { UnixStream::from_raw_fd(number) };
    let guest = Guest {
        socket,
        decoder: Decoder::new(Direction::ToGuest),
        credit: Stream::OUTPUTS.map(Credit::initial),
        input: Vec::new(),
        ended: false,
        closed: false,
        signal: None,
        window: None,
    };
    play(guest, &modules, &words);
}

fn play(mut guest: Guest, modules: &[Vec<u8>], words: &[OsString]) -> ! {
    let handover = Handover::parse(&modules[0]).expect("the first module is a handover");
    for word in handover.arguments().skip(1) {
        let (verb, value) = match word.iter().position(|byte| *byte == b':') {
            Some(at) => (&word[..at], &word[at + 1..]),
            None => (word, &b""[..]),
        };
        let number = || str::from_utf8(value).expect("text").parse::<usize>().expect("a number");
        match verb {
            b"out" => guest.write(Stream::Output, value),
            b"err" => guest.write(Stream::Error, value),
            b"log" => guest.write(Stream::Log, &[value, b"\n"].concat()),
            b"fill" => guest.write(Stream::Output, &vec![b'x'; number()]),
            b"small" => (0..number()).for_each(|count| guest.write(Stream::Output, &[count as u8])),
            b"cat" => {
                guest.allow(4096);
                while !(guest.ended && guest.input.is_empty()) {
                    guest.listen();
                    let input = std::mem::take(&mut guest.input);
                    guest.write(Stream::Output, &input);
                    guest.allow(input.len());
                }
            }
            b"take" => {
                guest.allow(number());
                while guest.input.len() < number() {
                    guest.listen();
                }
                let input = std::mem::take(&mut guest.input);
                guest.write(Stream::Output, &input);
            }
            b"signal" => {
                while guest.signal.is_none() {
                    guest.listen();
                }
                let number = guest.signal.take().expect("a signal");
                guest.write(Stream::Output, format!("signal {number}\n").as_bytes());
            }
            b"window" => {
                while guest.window.is_none() {
                    guest.listen();
                }
                let (rows, columns) = guest.window.take().expect("a size");
                guest.write(Stream::Output, format!("window {rows} {columns}\n").as_bytes());
            }
            b"closed" => {
                while !guest.closed {
                    guest.listen();
                }
            }
            b"show" => guest.write(Stream::Output, show(&handover).as_bytes()),
            b"qemu" => {
                let line: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
                guest.write(Stream::Output, &line.join(&b'\n'));
            }
            b"modules" => {
                let list: Vec<String> = modules.iter().map(|module| starts(module)).collect();
                guest.write(Stream::Output, list.join(" ").as_bytes());
            }
            b"exit" => guest.exit(Ending::Exited(number() as u8)),
            b"kill" => guest.exit(Ending::Killed(number() as u8)),
            b"panic" => guest.exit(Ending::Panicked),
            b"die" => {
                eprintln!("{}", String::from_utf8_lossy(value));
                exit(1);
            }
            b"reset" => exit(0),
            b"garbage" => guest.socket.write_all(&[0xff; 64]).expect("sent"),
            b"hang" => thread::sleep(Duration::from_secs(600)),
            _ => panic!("no such word: {}", String::from_utf8_lossy(word)),
        }
    }
    guest.exit(Ending::Exited(0));
}

fn starts(module: &[u8]) -> String {
    match module {
        [b'B', b'I', b'R', b'G', b'U', b'S', ..] => "handover".to_owned(),
        [b'B', b'G', b'P', b'L', b'A', b'N', ..] => "plan".to_owned(),
        [0x7f, b'E', b'L', b'F', ..] => "program".to_owned(),
        [b'0', b'7', b'0', b'7', b'0', b'1', ..] => "archive".to_owned(),
        _ => "unknown".to_owned(),
    }
}

fn show(handover: &Handover<'_>) -> String {
    let text = |bytes: Option<&[u8]>| bytes.map_or("-".to_owned(), |bytes| bytes.escape_ascii().to_string());
    let list = |items: &mut dyn Iterator<Item = &[u8]>| {
        items.map(|item| format!("[{}]", item.escape_ascii())).collect::<String>()
    };
    format!(
        "program {}\nexec {}\nargv {}\nenvp {}\ncwd {}\nterminal {:?}\ntsc {:?}\nclock {}\nseed {}\ntrace {:?}\n",
        text(handover.program),
        text(handover.exec_name),
        list(&mut handover.arguments()),
        list(&mut handover.environment()),
        text(handover.working_directory),
        handover.terminal,
        handover.tsc_khz,
        handover.wall_clock.is_some(),
        handover.seed.is_some(),
        handover.trace,
    )
}

struct Guest {
    socket: UnixStream,
    decoder: Decoder,
    credit: [Credit; 3],
    input: Vec<u8>,
    ended: bool,
    closed: bool,
    signal: Option<u32>,
    window: Option<(u16, u16)>,
}

impl Guest {
    fn write(&mut self, stream: Stream, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let length = self.credit[stream as usize - 1].take(bytes.len());
            if length == 0 {
                self.listen();
                continue;
            }
            let (front, rest) = bytes.split_at(length);
            let header = data_header(stream, length).expect("a length");
            // As QEMU does: a write for each part, and what does not fit is lost.
            self.socket.set_nonblocking(true).expect("set");
            for part in [&header[..], front] {
                assert_eq!(self.socket.write(part).ok(), Some(part.len()), "the socket's buffer is full");
            }
            self.socket.set_nonblocking(false).expect("set");
            bytes = rest;
        }
    }

    fn allow(&mut self, bytes: usize) {
        if bytes > 0 {
            self.send(Control::Credit { stream: Stream::Input, bytes: bytes as u32 });
        }
    }

    fn send(&mut self, control: Control) {
        self.socket.write_all(&control.encode()).expect("sent");
    }

    /// Waits for something from the tool.
    fn listen(&mut self) {
        let mut buffer = [0; 4096];
        let length = self.socket.read(&mut buffer).expect("received");
        if length == 0 {
            exit(1);
        }
        let mut bytes = &buffer[..length];
        while let Some(event) = self.decoder.next(&mut bytes).expect("good frames") {
            match event {
                Event::Data { bytes, .. } => self.input.extend(bytes),
                Event::Control(Control::End) => self.ended = true,
                Event::Control(Control::Credit { stream, bytes }) => self.credit[stream as usize - 1].add(bytes),
                Event::Control(Control::Closed(Stream::Output)) => self.closed = true,
                Event::Control(Control::Window { rows, columns }) => self.window = Some((rows, columns)),
                Event::Control(Control::Signal(number)) => self.signal = Some(number),
                Event::Control(_) => {}
            }
        }
    }

    fn exit(&mut self, ending: Ending) -> ! {
        self.send(Control::Exit(ending));
        // The tool ends what does not end by itself.
        thread::sleep(Duration::from_secs(600));
        exit(1)
    }
}
