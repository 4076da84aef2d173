//! The floor: a kernel that prints one letter (`floor.S`) in a machine with the tool's own options.

use std::ffi::OsString;
use std::path::Path;

use crate::Result;

/// The tool's command line for QEMU with the floor for its kernel.
///
/// All that costs QEMU time to build and to reset stays as it is: machine, CPU, memory, devices, sandbox. The console's
/// other end is not there, so it goes nowhere, and a first serial port comes in addition, for the letter.
pub(crate) fn words(of_the_tool: &[OsString], floor: &Path) -> Result<Vec<OsString>> {
    let mut words: Vec<OsString> = Vec::new();
    let mut left = of_the_tool.iter();
    while let Some(word) = left.next() {
        match word.to_str() {
            Some("-kernel") => words.extend([word.clone(), floor.into()]),
            Some("-chardev") => words.extend([word.clone(), "null,id=console".into()]),
            // Modules and words for a kernel that reads none.
            Some("-initrd" | "-append") => {}
            _ => {
                words.push(word.clone());
                continue;
            }
        }
        left.next().ok_or("an option of QEMU's without its value")?;
    }
    words.extend(["-chardev", "stdio,id=letter,signal=off", "-device", "isa-serial,chardev=letter"].map(Into::into));
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_and_console_are_replaced_and_the_rest_stays() {
        let tools = "-machine microvm -kernel /k -initrd /a,/b -chardev socket,id=console,fd=8 -append x -no-reboot";
        let tools: Vec<OsString> = tools.split(' ').map(Into::into).collect();
        let floors = words(&tools, Path::new("/floor")).expect("whole options").join(" ".as_ref());
        let expected = "-machine microvm -kernel /floor -chardev null,id=console -no-reboot \
                        -chardev stdio,id=letter,signal=off -device isa-serial,chardev=letter";
        assert_eq!(floors, expected);
        assert!(words(&["-kernel".into()], Path::new("/floor")).is_err());
    }
}
