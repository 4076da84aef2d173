//! The machines a program is run on.

/// A machine, as options of the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) kind: &'static str,
    pub(crate) cpu: &'static str,
    /// `-m`; `None`: the tool's default.
    pub(crate) memory: Option<&'static str>,
}

/// The tool's own choice.
pub(crate) const DEFAULT: Machine = Machine { kind: "microvm", cpu: "max", memory: None };

const KINDS: [&str; 3] = ["microvm", "q35", "pc"];
const CPUS: [&str; 3] = ["max", "qemu64", "Haswell"];

impl Machine {
    /// How its cases are named: `q35,qemu64,8M`.
    pub(crate) fn name(&self) -> String {
        let memory = self.memory.map(|memory| format!(",{memory}")).unwrap_or_default();
        format!("{},{}{memory}", self.kind, self.cpu)
    }

    /// The tool's options for it.
    pub(crate) fn options(&self) -> Vec<&'static str> {
        let mut options = vec!["--machine", self.kind, "--cpu", self.cpu];
        options.extend(self.memory.iter().flat_map(|memory| ["-m", memory]));
        options
    }

    /// The least memory that a machine of this kind is promised to work with.
    fn least_memory(kind: &str) -> &'static str {
        if kind == "microvm" { "5M" } else { "8M" }
    }
}

/// Every machine; with each whether it is in the pairwise sample: there, every pair of values of two of kind, CPU and
/// memory occurs.
pub(crate) fn all() -> Vec<(Machine, bool)> {
    let mut machines = Vec::new();
    for (row, kind) in KINDS.into_iter().enumerate() {
        for (column, cpu) in CPUS.into_iter().enumerate() {
            // Nine of the eighteen are as few as can be: each kind has to meet each CPU.
            let small_in_sample = (row + column) % 2 == 0;
            machines.push((Machine { kind, cpu, memory: Some(Machine::least_memory(kind)) }, small_in_sample));
            machines.push((Machine { kind, cpu, memory: None }, !small_in_sample));
        }
    }
    machines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_values_is_in_the_sample() {
        let sample: Vec<_> = all().into_iter().filter(|(_, chosen)| *chosen).map(|(machine, _)| machine).collect();
        assert_eq!((all().len(), sample.len()), (18, 9));
        for kind in KINDS {
            for small in [true, false] {
                assert!(sample.iter().any(|machine| machine.kind == kind && machine.memory.is_some() == small));
            }
            for cpu in CPUS {
                assert!(sample.iter().any(|machine| (machine.kind, machine.cpu) == (kind, cpu)));
            }
        }
        for cpu in CPUS {
            for small in [true, false] {
                assert!(sample.iter().any(|machine| machine.cpu == cpu && machine.memory.is_some() == small));
            }
        }
    }
}
