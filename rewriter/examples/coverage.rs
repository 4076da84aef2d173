use birgus_rewriter::{Plan, analysis, elf::File};
use std::collections::BTreeMap;
fn main() {
    let verbose = std::env::var_os("V").is_some();
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path).unwrap();
        let t = std::time::Instant::now();
        let file = File::parse(&bytes).unwrap();
        let program = file.program().unwrap();
        let t1 = t.elapsed();
        let a = analysis::analyse(&program);
        let mut by: BTreeMap<String, usize> = BTreeMap::new();
        let mut windows: BTreeMap<u64, usize> = BTreeMap::new();
        for s in &a.sites {
            let k = match &s.verdict {
                Ok(d) => format!("{:?}", d.tactic),
                Err(r) => format!("!{r:?}"),
            };
            *by.entry(k).or_default() += 1;
            if verbose {
                match &s.verdict {
                    Err(r) => println!("  {:x} {:?} {:?}", s.address, s.number, r),
                    Ok(d) => println!(
                        "  {:x} {:?} {:?} patch {:x}+{}",
                        s.address,
                        s.number,
                        d.tactic,
                        d.address,
                        d.original.len()
                    ),
                }
            }
        }
        let plan = a.plan().unwrap();
        let p = Plan::parse(&plan).unwrap();
        for s in p.sites() {
            *windows.entry(s.constraint().window()).or_default() += 1;
        }
        let name = path.rsplit('/').next().unwrap();
        let ok = a.drafts().count();
        println!(
            "{name}: pairs {} unproven {} sites {} ok {} ({:.1}%) {:?} windows {:?} plan {} B, {:?} + {:?}, functions {} pointers {} targets {}",
            a.byte_pairs,
            a.unproven,
            a.sites.len(),
            ok,
            100.0 * ok as f64 / a.sites.len() as f64,
            by,
            windows,
            plan.len(),
            t1,
            t.elapsed() - t1,
            program.functions.len(),
            program.pointers.len(),
            program.targets.len()
        );
    }
}
