//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::environment::Variable;
use crate::memory_size::MemorySize;
use crate::network::{Forward, GuestAddress, NetworkKind};

/// Runs an unmodified Linux x86-64 program as a virtual machine.
#[derive(Debug, Parser)]
#[command(name = "birgus", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program in a machine of its own
    ///
    /// The program's standard streams and exit code are this command's, and signals that this command gets reach the
    /// program. The host's environment and files do not, unless given.
    Run(Box<RunArguments>),
    /// Tell what a program is, which system calls it makes where, and which of these places become jumps
    Analyze {
        /// A recipe (images/NAME) or a file of the host; it is not run
        program: OsString,
        /// For programs to read
        #[arg(long)]
        json: bool,
    },
    /// Write a copy of a program whose system calls pass through trampolines and that runs on plain Linux
    ///
    /// Where the copy does all that the program does, the rewriting has broken nothing. What lies behind the
    /// program's last section stays at the end of the file.
    Rewrite {
        /// A recipe (images/NAME) or a file of the host
        program: OsString,
        /// The file to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Check what this host needs to run machines, and say how to mend what is missing
    Doctor,
    /// List Linux's system calls and how much of each is there
    Syscalls {
        /// As the Markdown table of the documentation
        #[arg(long)]
        markdown: bool,
    },
}

/// What `birgus run` is told.
#[derive(Debug, Args)]
#[command(override_usage = "birgus run [OPTIONS] PROGRAM [ARGUMENTS]...", after_long_help = AFTER_HELP)]
pub(crate) struct RunArguments {
    /// The machine's memory: 5M, 1G; a bare number is MiB [default: 256M and what program and files take]
    #[arg(short, long, value_name = "SIZE")]
    pub(crate) memory: Option<MemorySize>,

    /// Set a variable of the program's environment; `-e K` copies the host's
    #[arg(short, long = "env", value_name = "K[=V]", value_parser = clap::builder::OsStringValueParser::new())]
    environment: Vec<OsString>,

    /// The program's working directory [default: /]
    #[arg(short = 'w', long = "workdir", value_name = "DIR")]
    pub(crate) working_directory: Option<PathBuf>,

    /// The files of the machine: a directory, or a tar or cpio archive; PROGRAM is then a path in it
    #[arg(long, value_name = "DIR|FILE")]
    pub(crate) rootfs: Option<PathBuf>,

    /// Take the host's libraries along that PROGRAM needs, each under its own path
    #[arg(long, conflicts_with = "rootfs")]
    pub(crate) with_libs: bool,

    /// Take a file or directory of the host along, under its own path, with the libraries that programs in it need
    #[arg(long, value_name = "PATH", requires = "with_libs")]
    pub(crate) also: Vec<PathBuf>,

    /// The kind of machine
    #[arg(long, value_enum, default_value_t = Machine::Microvm)]
    pub(crate) machine: Machine,

    /// How many CPUs the machine has; programs run on them in parallel, the kernel on one at a time
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=MOST_CPUS))]
    pub(crate) cpus: u8,

    /// The CPU model, as QEMU names it
    #[arg(long, value_name = "MODEL", default_value = "max")]
    pub(crate) cpu: String,

    /// Run by hardware (kvm) or by translation (tcg); auto takes kvm where it works
    #[arg(long, value_enum, default_value_t = Acceleration::Auto)]
    pub(crate) accel: Acceleration,

    /// Count instructions: the machine's clock advances 1 ns with each, runs can be compared
    #[arg(long)]
    pub(crate) icount: bool,

    /// How the program's system calls become jumps into the kernel
    #[arg(long, value_enum, default_value_t = Rewriting::Auto)]
    pub(crate) rewrite: Rewriting,

    /// Print each system call with its arguments and result, to standard error or FILE
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[expect(clippy::option_option, reason = "clap's way to say: option with an optional value")]
    pub(crate) trace: Option<Option<PathBuf>>,

    /// Let a port of the host lead to one of the machine: of 127.0.0.1, or of the address before it
    #[arg(short, long, value_name = "[IP:]HOST:GUEST[/udp]")]
    pub(crate) publish: Vec<Forward>,

    /// The machine's network: none, QEMU's own (user), or a device of the host [default: none; user with -p]
    #[arg(long, value_name = "user|none|tap=NAME")]
    pub(crate) net: Option<NetworkKind>,

    /// The machine's address with the length of its network's prefix, perhaps a gateway; dhcp asks for one
    #[arg(long, value_name = "IP/BITS[,GATEWAY]|dhcp")]
    pub(crate) ip: Option<GuestAddress>,

    /// Write all frames of the network to a file that tcpdump and wireshark read
    #[arg(long, value_name = "FILE")]
    pub(crate) pcap: Option<PathBuf>,

    /// The machine's name [default: birgus]
    #[arg(long, value_name = "NAME")]
    pub(crate) hostname: Option<String>,

    /// End the machine after this time (90, 1.5s, 2m, 1h) with exit code 124
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) timeout: Option<Duration>,

    /// Show the kernel's log, and what the tool decides
    #[arg(short, long)]
    pub(crate) verbose: bool,

    /// A recipe (images/NAME), a static Linux program of the host, with --with-libs also a dynamic one, or with --rootfs
    /// a path in it; all words behind it are its arguments
    #[arg(value_name = "PROGRAM [ARGUMENTS]", trailing_var_arg = true, required = true, num_args = 1..)]
    program_and_arguments: Vec<OsString>,
}

/// The most CPUs that the kernel uses.
const MOST_CPUS: i64 = 32;

const AFTER_HELP: &str = "\
Exit codes: the program's own; 128 + n when signal n killed it; 124 after --timeout; 125 when tool or
machine failed; 126 when PROGRAM cannot be run; 127 when there is no PROGRAM; 130 when a second Ctrl-C
within two seconds ended the machine.

With a terminal, keys go to the machine's own terminal, Ctrl-C and Ctrl-Z too. A program that does not
react any more is ended by Ctrl-C three times within two seconds, with no other key and no output of the
program between them.

Environment: BIRGUS_QEMU names the QEMU to use, XDG_CACHE_HOME the folder for what is kept.";

impl RunArguments {
    pub(crate) fn program(&self) -> &OsString {
        // Clap asks for one at least.
        &self.program_and_arguments[0]
    }

    pub(crate) fn program_arguments(&self) -> &[OsString] {
        &self.program_and_arguments[1..]
    }

    pub(crate) fn environment(&self) -> impl Iterator<Item = Variable> {
        self.environment.iter().map(|word| Variable::parse(word))
    }
}

/// The kinds of machine, named as QEMU does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Machine {
    /// The smallest and fastest to start
    Microvm,
    /// A PC of today, with PCI Express
    Q35,
    /// A PC of 1996
    Pc,
}

/// How system calls become jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rewriting {
    /// By a plan that is made on the host, once for a program
    Auto,
    /// Not at all: each call is a trap
    Off,
}

/// What is to run the machine's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Acceleration {
    /// KVM where it works, otherwise TCG
    Auto,
    /// The CPU itself
    Kvm,
    /// QEMU's translator
    Tcg,
}

/// Reads a time as `timeout(1)` does: a number, perhaps with a fraction, and `s` (also without), `m`, `h` or `d`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.char_indices().last() {
        Some((at, 's')) => (&text[..at], 1.0),
        Some((at, 'm')) => (&text[..at], 60.0),
        Some((at, 'h')) => (&text[..at], 3600.0),
        Some((at, 'd')) => (&text[..at], 86400.0),
        _ => (text, 1.0),
    };
    let seconds: f64 = number.parse().map_err(|_| "not a time such as 90, 1.5s, 2m, 1h".to_owned())?;
    match Duration::try_from_secs_f64(seconds * unit) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("the time must be more than nothing and less than an age".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> RunArguments {
        match Arguments::try_parse_from([&["birgus", "run"], words].concat()).expect("parses").command {
            Command::Run(arguments) => *arguments,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_word_that_is_no_option_ends_option_parsing() {
        let arguments = run(&["-v", "prog", "-m", "--trace", "--", "-x"]);
        assert!(arguments.verbose && arguments.memory.is_none() && arguments.trace.is_none());
        assert_eq!(arguments.program(), "prog");
        assert_eq!(arguments.program_arguments(), ["-m", "--trace", "--", "-x"]);
    }

    #[test]
    fn trace_takes_a_file_only_with_an_equals_sign() {
        assert_eq!(run(&["--trace", "prog"]).trace, Some(None));
        assert_eq!(run(&["--trace=out", "prog"]).trace, Some(Some("out".into())));
    }

    #[test]
    fn an_unknown_option_is_no_program() {
        assert!(Arguments::try_parse_from(["birgus", "run", "--nonsense", "prog"]).is_err());
        assert!(Arguments::try_parse_from(["birgus", "run"]).is_err());
    }

    #[test]
    fn times_are_read_as_timeout_reads_them() {
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        for bad in ["", "s", "-1", "0", "nan", "inf", "1e300d", "5x"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
