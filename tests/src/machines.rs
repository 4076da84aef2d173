//! The machines a program is run on.

/// A machine, as options of the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) kind: &'static str,
    pub(crate) cpu: &'static str,
    /// `-m`; `None`: the tool's default.
    pub(crate) memory: Option<&'static str>,
    pub(crate) cpus: u8,
}

/// The tool's own choice.
pub(crate) const DEFAULT: Machine = Machine { kind: "microvm", cpu: "max", memory: None, cpus: 1 };

const KINDS: [&str; 3] = ["microvm", "q35", "pc"];
const CPUS: [&str; 3] = ["max", "qemu64", "Haswell"];

impl Machine {
    /// How its cases are named: `q35,qemu64,8M`, `microvm,max,2cpus`.
    pub(crate) fn name(&self) -> String {
        let memory = self.memory.map(|memory| format!(",{memory}")).unwrap_or_default();
        let cpus = if self.cpus > 1 { format!(",{}cpus", self.cpus) } else { String::new() };
        format!("{},{}{memory}{cpus}", self.kind, self.cpu)
    }

    /// The tool's options for it.
    pub(crate) fn options(&self) -> Vec<String> {
        let mut options = vec!["--machine", self.kind, "--cpu", self.cpu];
        options.extend(self.memory.iter().flat_map(|memory| ["-m", memory]));
        let mut options: Vec<String> = options.into_iter().map(str::to_owned).collect();
        if self.cpus > 1 {
            options.extend(["--cpus".to_owned(), self.cpus.to_string()]);
        }
        options
    }

    /// The least memory that a machine of this kind is promised to work with.
    fn least_memory(kind: &str) -> &'static str {
        if kind == "microvm" { "5M" } else { "8M" }
    }
}

/// Every machine; with each whether it is in the sample: there, every pair of values of two of kind, CPU and memory
/// occurs, and each kind and each CPU with two CPUs.
pub(crate) fn all() -> Vec<(Machine, bool)> {
    let mut machines = Vec::new();
    for (row, kind) in KINDS.into_iter().enumerate() {
        for (column, cpu) in CPUS.into_iter().enumerate() {
            // Nine of the eighteen are as few as can be: each kind has to meet each CPU.
            let small_in_sample = (row + column) % 2 == 0;
            let small = Machine { kind, cpu, memory: Some(Machine::least_memory(kind)), cpus: 1 };
            machines.push((small, small_in_sample));
            machines.push((Machine { kind, cpu, memory: None, cpus: 1 }, !small_in_sample));
            // In the sample each kind and each CPU once.
            machines.push((Machine { kind, cpu, memory: None, cpus: 2 }, row == column));
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
        assert_eq!((all().len(), sample.len()), (27, 12));
        for kind in KINDS {
            assert!(sample.iter().any(|machine| machine.kind == kind && machine.cpus == 2));
            for small in [true, false] {
                assert!(sample.iter().any(|machine| machine.kind == kind && machine.memory.is_some() == small));
            }
            for cpu in CPUS {
                assert!(sample.iter().any(|machine| (machine.kind, machine.cpu) == (kind, cpu)));
            }
        }
        for cpu in CPUS {
            assert!(sample.iter().any(|machine| machine.cpu == cpu && machine.cpus == 2));
            for small in [true, false] {
                assert!(sample.iter().any(|machine| machine.cpu == cpu && machine.memory.is_some() == small));
            }
        }
    }
}
