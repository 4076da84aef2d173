//! The command line.

use clap::Parser;

/// Runs Birgus' tests and ends with the line `N passed, N failed, N skipped`.
#[derive(Debug, Parser)]
#[command(name = "birgus-tests")]
pub(crate) struct Options {
    /// The whole matrix of machines and the long tests
    #[arg(long)]
    pub(crate) full: bool,

    /// Only the checks that need no guest
    #[arg(long, conflicts_with = "guest_only")]
    host_only: bool,

    /// Only the tests that boot a guest
    #[arg(long)]
    guest_only: bool,

    /// Run the guest tests' programs on this host only, twice: what they print must be the same
    #[arg(long)]
    pub(crate) native: bool,

    /// Run the guest tests' programs with this many CPUs
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) cpus: u8,

    /// Only guest tests whose name holds one of these words; the host's checks are then left out
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
}

impl Options {
    /// Whether the host's checks are asked for.
    pub(crate) fn host(&self) -> bool {
        !self.guest_only && !self.native && self.filters.is_empty()
    }

    /// Whether guest tests are asked for.
    pub(crate) fn guest(&self) -> bool {
        !self.host_only
    }

    /// Whether the guest test of this name is asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|word| name.contains(word.as_str()))
    }
}
