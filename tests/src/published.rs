//! Ports of this host that lead into the machine: `birgus run -p`, and a server in the guest.

use std::io::{ErrorKind, Read, Write};
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
    server: Server,
}

/// Which server.
#[derive(Clone, Copy)]
enum Server {
    /// `programs/sockets/server.c`.
    Echo,
    /// `images/redis`.
    Redis,
}

/// The kinds of machine: each reaches the device in its own way.
pub(crate) fn cases() -> Vec<PublishedCase> {
    let case = |name: &str, machine, server| PublishedCase {
        name: format!("network/{name}"),
        full: machine == "pc",
        machine,
        server,
    };
    vec![
        case("published-microvm", "microvm", Server::Echo),
        case("published-q35", "q35", Server::Echo),
        case("published-pc", "pc", Server::Echo),
        case("redis", "microvm", Server::Redis),
    ]
}

/// Starts the server, talks to it from here, and has it end.
///
/// # Errors
/// What went wrong, with what the tool said.
pub(crate) fn try_case(bench: &Bench<'_>, case: &PublishedCase) -> Result<(), String> {
    let port = free_port()?;
    let mut command = Command::new(&bench.built()?.tool);
    command.args(["run", "--machine", case.machine]);
    match case.server {
        Server::Echo => {
            let server = bench.compiled(&Program::Compiled(PROGRAM.to_owned()))?;
            command.args(["-p", &format!("{port}:{PORT}"), "-p", &format!("{port}:{PORT}/udp")]);
            command.arg(server).arg(PORT.to_string());
        }
        Server::Redis => {
            let folder = bench.workspace.root.join("images/redis");
            // Fetched before, which may take its time.
            birgus_images::prepare(&folder, &mut |_| {}).map_err(|error| error.to_string())?;
            command.args(["-p", &format!("{port}:6379")]).arg(folder);
        }
    }
    let (outcome, talked) = thread::scope(|scope| {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let talk = scope.spawn(move || match case.server {
            Server::Echo => talk(to),
            Server::Redis => talk_to_redis(to),
        });
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

/// A connection that the server answers with `answer`: QEMU accepts them before the guest is there.
fn connect(to: SocketAddr, question: &[u8], answer: &[u8]) -> Result<TcpStream, String> {
    let late = Instant::now() + PATIENCE;
    loop {
        let answered = TcpStream::connect_timeout(&to, PATIENCE).and_then(|mut stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            stream.write_all(question)?;
            let mut came = vec![0; answer.len()];
            stream.read_exact(&mut came)?;
            if came == answer { Ok(stream) } else { Err(ErrorKind::InvalidData.into()) }
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

/// Sets and gets by the protocol of Redis, some at once, and has the server end.
fn talk_to_redis(to: SocketAddr) -> Result<(), String> {
    let mut stream = connect(to, b"PING\r\n", b"+PONG\r\n")?;
    let io = |error: std::io::Error| format!("redis: {error}");
    let (mut commands, mut answers) = (String::new(), String::new());
    for number in 0..1000 {
        commands.push_str(&format!("SET key:{number} value:{number}\r\nGET key:{number}\r\n"));
        let value = format!("value:{number}");
        answers.push_str(&format!("+OK\r\n${}\r\n{value}\r\n", value.len()));
    }
    stream.write_all(commands.as_bytes()).map_err(io)?;
    let mut came = vec![0; answers.len()];
    stream.read_exact(&mut came).map_err(io)?;
    if came != answers.as_bytes() {
        return Err("redis answers something else".to_owned());
    }
    stream.write_all(b"SHUTDOWN NOSAVE\r\n").map_err(io)
}

fn talk(to: SocketAddr) -> Result<(), String> {
    let mut first = connect(to, b"hello", b"hello")?;
    let outcomes: Vec<Result<(), String>> = thread::scope(|scope| {
        let talks: Vec<_> = (0..8).map(|number| scope.spawn(move || exchange(to, number))).collect();
        talks.into_iter().map(|talk| talk.join().expect("an exchange never panics")).collect()
    });
    outcomes.into_iter().collect::<Result<Vec<()>, String>>()?;
    crowd(to)?;
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

/// Many connections that begin at once, and stay.
fn crowd(to: SocketAddr) -> Result<(), String> {
    const CROWD: usize = 100;
    let outcomes: Vec<std::io::Result<TcpStream>> = thread::scope(|scope| {
        let knocks: Vec<_> = (0..CROWD).map(|_| scope.spawn(|| TcpStream::connect_timeout(&to, PATIENCE))).collect();
        knocks.into_iter().map(|knock| knock.join().expect("a knock never panics")).collect()
    });
    let streams = outcomes.into_iter().collect::<std::io::Result<Vec<TcpStream>>>();
    let mut streams = streams.map_err(|error| format!("a crowd: {error}"))?;
    let all_answered: std::io::Result<()> = streams.iter_mut().try_for_each(|stream| -> std::io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"hello")?;
        let mut came = [0; 5];
        stream.read_exact(&mut came)?;
        if &came == b"hello" { Ok(()) } else { Err(ErrorKind::InvalidData.into()) }
    });
    all_answered.map_err(|error| format!("one of a crowd: {error}"))
}

/// Sends a megabyte and wants it back, then half-closes and wants the end.
fn exchange(to: SocketAddr, number: u32) -> Result<(), String> {
    let mut stream = connect(to, b"hello", b"hello")?;
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
