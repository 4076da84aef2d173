//! Ports of this host that lead into the machine: `birgus run -p`, and a server in the guest.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::case::Program;
use crate::guest::{Bench, LIMIT};
use crate::outcome::Ending;
use crate::process;

/// `programs/sockets/server.c` echoes by TCP and UDP.
const PROGRAM: &str = "sockets/server";
/// The guest's port.
const PORT: u16 = 7777;
/// How long one exchange may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server in one kind of machine.
pub(crate) struct PublishedCase {
    pub(crate) name: String,
    pub(crate) full: bool,
    machine: &'static str,
}

/// The kinds of machine: each reaches the device in its own way.
pub(crate) fn cases() -> Vec<PublishedCase> {
    let case = |machine, full| PublishedCase { name: format!("network/published-{machine}"), full, machine };
    vec![case("microvm", false), case("q35", false), case("pc", true)]
}

/// Starts the server, talks to it from here, and has it end.
///
/// # Errors
/// What went wrong, with what the tool said.
pub(crate) fn try_case(bench: &Bench<'_>, case: &PublishedCase) -> Result<(), String> {
    let server = bench.compiled(&Program::Compiled(PROGRAM.to_owned()))?;
    let port = free_port()?;
    let mut command = Command::new(&bench.built()?.tool);
    command.args(["run", "--machine", case.machine, "-p", &format!("{port}:{PORT}"), "-p"]);
    command.arg(format!("{port}:{PORT}/udp")).arg(server).arg(PORT.to_string());
    let (outcome, talked) = thread::scope(|scope| {
        let talk = scope.spawn(|| talk(SocketAddr::from((Ipv4Addr::LOCALHOST, port))));
        let outcome = process::run(&mut command, b"", LIMIT);
        (outcome, talk.join().expect("a talk never panics"))
    });
    let outcome = outcome?;
    let told = format!("{:?}\n{}", outcome.ending, String::from_utf8_lossy(&outcome.stderr));
    talked.map_err(|why| format!("{why}\n{told}"))?;
    match outcome.ending {
        Ending::Code(0) => Ok(()),
        _ => Err(told),
    }
}

/// A port that nobody has, for the moment.
fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}

/// A connection that the server answers: QEMU accepts them before the guest is there.
fn connect(to: SocketAddr) -> Result<TcpStream, String> {
    let late = Instant::now() + PATIENCE;
    loop {
        let answered = TcpStream::connect_timeout(&to, PATIENCE).and_then(|mut stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.write_all(b"hello")?;
            let mut answer = [0; 5];
            stream.read_exact(&mut answer)?;
            Ok(stream)
        });
        match answered {
            Ok(stream) => return Ok(stream),
            Err(error) if Instant::now() > late => return Err(format!("no connection: {error}")),
            Err(_) => thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn noise(length: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(step).take(length).collect()
}

fn talk(to: SocketAddr) -> Result<(), String> {
    let mut first = connect(to)?;
    let outcomes: Vec<Result<(), String>> = thread::scope(|scope| {
        let talks: Vec<_> = (0..8).map(|number| scope.spawn(move || exchange(to, number))).collect();
        talks.into_iter().map(|talk| talk.join().expect("an exchange never panics")).collect()
    });
    outcomes.into_iter().collect::<Result<Vec<()>, String>>()?;
    datagrams(to)?;
    let io = |error: std::io::Error| format!("the end: {error}");
    first.write_all(b"quit").map_err(io)?;
    let mut last = Vec::new();
    first.read_to_end(&mut last).map_err(io)?;
    match last == b"bye" {
        true => Ok(()),
        false => Err(format!("the last words are {last:?}")),
    }
}

/// Sends a megabyte and wants it back, then half-closes and wants the end.
fn exchange(to: SocketAddr, number: u32) -> Result<(), String> {
    let mut stream = connect(to)?;
    let io = |error: std::io::Error| format!("connection {number}: {error}");
    let sent = noise(1 << 20, number);
    let mut writer = stream.try_clone().map_err(io)?;
    let mut received = vec![0; sent.len()];
    thread::scope(|scope| {
        let writes = scope.spawn(|| writer.write_all(&sent));
        stream.read_exact(&mut received).and_then(|()| writes.join().expect("a writer never panics"))
    })
    .map_err(io)?;
    if received != sent {
        return Err(format!("connection {number}: the bytes changed on their way"));
    }
    stream.shutdown(Shutdown::Write).map_err(io)?;
    match stream.read(&mut [0]).map_err(io)? {
        0 => Ok(()),
        _ => Err(format!("connection {number}: more came back than was sent")),
    }
}

fn datagrams(to: SocketAddr) -> Result<(), String> {
    let io = |error: std::io::Error| format!("datagrams: {error}");
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(io)?;
    socket.connect(to).map_err(io)?;
    socket.set_read_timeout(Some(Duration::from_secs(1))).map_err(io)?;
    for length in [1, 100, 1472] {
        let sent = noise(length, length as u32);
        let mut buffer = [0; 2000];
        // A datagram may get lost, though hardly here.
        let is_back = (0..5)
            .any(|_| socket.send(&sent).is_ok() && socket.recv(&mut buffer).is_ok_and(|count| buffer[..count] == sent));
        if !is_back {
            return Err(format!("a datagram of {length} bytes did not come back"));
        }
    }
    Ok(())
}
