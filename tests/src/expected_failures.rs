//! The cases that are known not to work yet, each with its reason.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::report::{Report, Verdict};
use crate::workspace::Workspace;

/// The list, a line a case: `NAME: reason`.
const FILE: &str = "tests/expected_failures.txt";

/// What `expected_failures.txt` says.
#[derive(Debug, Default)]
pub(crate) struct ExpectedFailures(BTreeMap<String, String>);

impl ExpectedFailures {
    /// Reads the list. A line that says nothing, or names no case of `names`, is a failure.
    pub(crate) fn read<'a>(workspace: &Workspace, names: impl Iterator<Item = &'a str>, report: &Report) -> Self {
        let text = fs::read_to_string(workspace.root.join(FILE)).unwrap_or_default();
        let (list, mistakes) = Self::parse(&text, &names.collect());
        if !mistakes.is_empty() {
            report.note(FILE, Verdict::Failed(mistakes.join("\n")));
        }
        list
    }

    fn parse(text: &str, names: &BTreeSet<&str>) -> (Self, Vec<String>) {
        let (mut list, mut mistakes) = (BTreeMap::new(), Vec::new());
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match line.split_once(": ") {
                Some((name, _)) if !names.contains(name) => mistakes.push(format!("there is no case {name}")),
                Some((name, reason)) if !reason.trim().is_empty() => {
                    if list.insert(name.to_owned(), reason.to_owned()).is_some() {
                        mistakes.push(format!("{name} is there twice"));
                    }
                }
                _ => mistakes.push(format!("not `NAME: reason`: {line}")),
            }
        }
        (Self(list), mistakes)
    }

    /// Notes how the case `name` ended: `trouble` is what went wrong, if anything.
    pub(crate) fn judge(&self, name: &str, trouble: Result<(), String>, report: &Report) {
        report.note(name, self.verdict(name, trouble));
    }

    fn verdict(&self, name: &str, trouble: Result<(), String>) -> Verdict {
        match (self.0.get(name), trouble) {
            (None, Ok(())) => Verdict::Passed,
            (None, Err(why)) => Verdict::Failed(why),
            (Some(reason), Err(_)) => Verdict::Skipped(format!("known not to work: {reason}")),
            (Some(_), Ok(())) => Verdict::Failed(format!("now passes: take it off {FILE}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read() {
        let names = BTreeSet::from(["a/b", "c:d"]);
        let (list, mistakes) = ExpectedFailures::parse("# x\n\na/b: no fork\nc:d: no exec: yet\n", &names);
        assert_eq!(mistakes, Vec::<String>::new());
        assert_eq!(list.0["c:d"], "no exec: yet");
        let (list, mistakes) = ExpectedFailures::parse("a/b\na/b: \nz: why\n", &names);
        assert!(list.0.is_empty() && mistakes.len() == 3, "{mistakes:?}");
    }

    #[test]
    fn what_passes_must_leave_the_list() {
        let list = ExpectedFailures(BTreeMap::from([("a".to_owned(), "why".to_owned())]));
        assert_eq!(list.verdict("b", Ok(())), Verdict::Passed);
        assert_eq!(list.verdict("b", Err("x".to_owned())), Verdict::Failed("x".to_owned()));
        assert!(matches!(list.verdict("a", Err("x".to_owned())), Verdict::Skipped(_)));
        assert!(matches!(list.verdict("a", Ok(())), Verdict::Failed(_)));
    }
}
