//! offline
use birgus_rewriter::{analysis, elf};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let bytes = std::fs::read(&a[1]).unwrap();
    let file = elf::File::parse(&bytes).unwrap();
    let program = file.program().unwrap();
    let an = analysis::analyse(&program);
    let r = elf::rewrite(&file, &an).unwrap();
    println!(
        "{} rewritten {} watched {} unplaced {} segments {} tramp {} appended {} size {} -> {}",
        a[1].rsplit('/').next().unwrap(),
        r.rewritten,
        r.watched,
        r.unplaced,
        r.segments,
        r.trampolines,
        r.appended,
        bytes.len(),
        r.bytes.len()
    );
    std::fs::write(&a[2], r.bytes).unwrap();
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&a[2], std::fs::Permissions::from_mode(0o755)).unwrap();
}
