//! Writes a handover.

use super::record::PADDING;
use super::{Error, Handover, MAGIC, Network, ResourceLimit, Tag, Terminal, WallClock};
use alloc::vec::Vec;
use core::net::Ipv4Addr;

/// Writes a handover, record by record, in any order.
///
/// ```
/// use birgus_loader::handover::{Builder, Handover};
///
/// let mut builder = Builder::new();
/// builder.exec_name(b"/bin/true").argument(b"true").environment(b"LANG=C").tsc_khz(1_000_000);
/// let module = builder.finish()?;
/// assert_eq!(Handover::parse(&module)?.arguments().next(), Some(&b"true"[..]));
/// # Ok::<(), birgus_loader::handover::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    bytes: Vec<u8>,
    error: Option<Error>,
}

impl Default for Builder {
    fn default() -> Builder {
        Builder::new()
    }
}

impl Builder {
    /// One that says nothing yet.
    pub fn new() -> Builder {
        Builder { bytes: MAGIC.to_vec(), error: None }
    }

    /// The program's path in the root archive; without it the program is a boot module.
    pub fn program(&mut self, path: &[u8]) -> &mut Builder {
        self.record(Tag::Program, &[path])
    }

    /// The path that `AT_EXECFN` tells.
    pub fn exec_name(&mut self, path: &[u8]) -> &mut Builder {
        self.record(Tag::ExecName, &[path])
    }

    /// The next string of `argv`.
    pub fn argument(&mut self, argument: &[u8]) -> &mut Builder {
        self.record(Tag::Argument, &[argument])
    }

    /// The next string of `envp`.
    pub fn environment(&mut self, setting: &[u8]) -> &mut Builder {
        self.record(Tag::Environment, &[setting])
    }

    /// Where the program starts.
    pub fn working_directory(&mut self, path: &[u8]) -> &mut Builder {
        self.record(Tag::WorkingDirectory, &[path])
    }

    /// The terminal behind the standard files.
    pub fn terminal(&mut self, terminal: Terminal) -> &mut Builder {
        let Terminal { files, rows, columns } = terminal;
        self.record(Tag::Terminal, &[&[files], &rows.to_le_bytes(), &columns.to_le_bytes()])
    }

    /// One resource limit.
    pub fn resource_limit(&mut self, limit: ResourceLimit) -> &mut Builder {
        let ResourceLimit { resource, soft, hard } = limit;
        let parts: [&[u8]; 3] = [&resource.to_le_bytes(), &soft.to_le_bytes(), &hard.to_le_bytes()];
        self.record(Tag::ResourceLimit, &parts)
    }

    /// Rate of the guest's time stamp counter.
    pub fn tsc_khz(&mut self, khz: u32) -> &mut Builder {
        self.record(Tag::TscKhz, &[&khz.to_le_bytes()])
    }

    /// The time now.
    pub fn wall_clock(&mut self, time: WallClock) -> &mut Builder {
        let WallClock { seconds, nanoseconds } = time;
        self.record(Tag::WallClock, &[&seconds.to_le_bytes(), &nanoseconds.to_le_bytes()])
    }

    /// The guest's time stamp counter at the time told by [`wall_clock`](Builder::wall_clock).
    pub fn wall_clock_tsc(&mut self, tsc: u64) -> &mut Builder {
        self.record(Tag::WallClockTsc, &[&tsc.to_le_bytes()])
    }

    /// 32 unpredictable bytes.
    pub fn seed(&mut self, seed: &[u8; 32]) -> &mut Builder {
        self.record(Tag::Seed, &[seed])
    }

    /// Whether to trace system calls.
    pub fn trace(&mut self, trace: bool) -> &mut Builder {
        self.record(Tag::Trace, &[&[trace.into()]])
    }

    /// How much the kernel says.
    pub fn log_level(&mut self, level: u8) -> &mut Builder {
        self.record(Tag::LogLevel, &[&[level]])
    }

    /// The host's name in the guest.
    pub fn hostname(&mut self, name: &[u8]) -> &mut Builder {
        self.record(Tag::Hostname, &[name])
    }

    /// How the machine's network device is to be used.
    pub fn network(&mut self, network: Network) -> &mut Builder {
        let bytes = |address: Option<Ipv4Addr>| address.unwrap_or(Ipv4Addr::UNSPECIFIED).octets();
        match network {
            Network::Dynamic => self.record(Tag::Network, &[]),
            Network::Static { address, prefix, gateway, name_server } => {
                self.record(Tag::Network, &[&address.octets(), &[prefix], &bytes(gateway), &bytes(name_server)])
            }
        }
    }

    /// The handover's bytes. An error if something was said twice, does not fit, or is no proper value, a string with
    /// a NUL for one.
    pub fn finish(mut self) -> Result<Vec<u8>, Error> {
        self.record(Tag::End, &[]);
        if let Some(error) = self.error {
            return Err(error);
        }
        Handover::parse(&self.bytes)?;
        Ok(self.bytes)
    }

    /// Writes a record whose payload is `parts`, one after the other.
    fn record(&mut self, tag: Tag, parts: &[&[u8]]) -> &mut Builder {
        let length = parts.iter().map(|part| part.len()).sum();
        let Ok(short_length) = u32::try_from(length) else {
            self.error.get_or_insert(Error::Length { tag, length });
            return self;
        };
        if tag.is_string() && parts.iter().any(|part| part.contains(&0)) {
            self.error.get_or_insert(Error::Value(tag));
        }
        self.bytes.extend_from_slice(&(tag as u32).to_le_bytes());
        self.bytes.extend_from_slice(&short_length.to_le_bytes());
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        self.bytes.resize(self.bytes.len().next_multiple_of(PADDING), 0);
        self
    }
}
