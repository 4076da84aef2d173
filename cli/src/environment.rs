//! The program's environment. It is not the host's: what a program sees is what the user has said.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// What `-e` gives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// `-e NAME=VALUE`
    Set { name: OsString, value: OsString },
    /// `-e NAME`: as on the host, nothing when it has none.
    Copied { name: OsString },
}

impl Variable {
    pub(crate) fn parse(word: &OsStr) -> Self {
        let bytes = word.as_bytes();
        match bytes.iter().position(|byte| *byte == b'=') {
            Some(at) => Self::Set {
                name: OsString::from_vec(bytes[..at].to_vec()),
                value: OsString::from_vec(bytes[at + 1..].to_vec()),
            },
            None => Self::Copied { name: word.to_owned() },
        }
    }
}

/// An ordered set of variables.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    variables: Vec<(OsString, OsString)>,
}

impl Environment {
    /// What every program gets: where programs are, a home, and with a terminal its kind.
    pub(crate) fn initial(with_terminal: bool) -> Self {
        let mut environment = Self::default();
        environment.set("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        environment.set("HOME", "/");
        if with_terminal {
            environment.set("TERM", env::var_os("TERM").unwrap_or_else(|| "linux".into()));
        }
        environment
    }

    /// Sets a variable; one of the same name is replaced at its place.
    pub(crate) fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        let (name, value) = (name.into(), value.into());
        match self.variables.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => self.variables.push((name, value)),
        }
    }

    /// Does what an `-e` says.
    pub(crate) fn apply(&mut self, variable: Variable) {
        match variable {
            Variable::Set { name, value } => self.set(name, value),
            Variable::Copied { name } => {
                if let Some(value) = env::var_os(&name) {
                    self.set(name, value);
                }
            }
        }
    }

    /// The variables as `NAME=VALUE`.
    pub(crate) fn assignments(&self) -> impl Iterator<Item = Vec<u8>> {
        self.variables.iter().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_wins_and_any_byte_passes() {
        let mut environment = Environment::default();
        environment.set("A", "1");
        environment.set("B", "2");
        environment.apply(Variable::parse(OsStr::from_bytes(b"A=x=\xff\n")));
        environment.apply(Variable::parse(OsStr::new("BIRGUS_TEST_NO_SUCH_VARIABLE")));
        environment.apply(Variable::parse(OsStr::new("EMPTY=")));
        let assignments: Vec<_> = environment.assignments().collect();
        assert_eq!(assignments, [b"A=x=\xff\n".to_vec(), b"B=2".to_vec(), b"EMPTY=".to_vec()]);
    }
}
