//! Random sequences of calls against a model that knows every page by itself.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const PAGES: u64 = 24;

#[derive(Clone, Debug)]
enum Step {
    Map { page: u64, count: u64, protection: u64, fixed: bool },
    Unmap { page: u64, count: u64 },
    Protect { page: u64, count: u64, protection: u64 },
    Remap { page: u64, old: u64, new: u64, may_move: bool, to: Option<u64> },
    Discard { page: u64, count: u64 },
    Write { page: u64, byte: u8 },
    Fork,
}

fn step() -> impl Strategy<Value = Step> {
    let page = 0..PAGES;
    let count = 1..7_u64;
    let protection = prop_oneof![Just(0), Just(READ), Just(WRITE)];
    prop_oneof![
        3 => (page.clone(), count.clone(), protection.clone(), any::<bool>())
            .prop_map(|(page, count, protection, fixed)| Step::Map { page, count, protection, fixed }),
        2 => (page.clone(), count.clone()).prop_map(|(page, count)| Step::Unmap { page, count }),
        2 => (page.clone(), count.clone(), protection)
            .prop_map(|(page, count, protection)| Step::Protect { page, count, protection }),
        2 => (page.clone(), count.clone(), count.clone(), any::<bool>(), proptest::option::of(page.clone()))
            .prop_map(|(page, old, new, may_move, to)| Step::Remap { page, old, new, may_move, to }),
        1 => (page.clone(), count).prop_map(|(page, count)| Step::Discard { page, count }),
        4 => (page, 1..255_u8).prop_map(|(page, byte)| Step::Write { page, byte }),
        1 => Just(Step::Fork),
    ]
}

/// Protection and content of each mapped page, by address.
#[derive(Clone, Default)]
struct Model(BTreeMap<u64, (u64, u8)>);

impl Model {
    fn is_mapped(&self, start: u64, count: u64) -> bool {
        (0..count).all(|page| self.0.contains_key(&(start + page * PAGE)))
    }

    fn is_free(&self, start: u64, count: u64) -> bool {
        (0..count).all(|page| !self.0.contains_key(&(start + page * PAGE)))
    }

    fn remove(&mut self, start: u64, count: u64) {
        self.0.retain(|&page, _| page < start || page >= start + count * PAGE);
    }

    /// The highest place below `ceiling`, page by page.
    fn place(&self, ceiling: u64, count: u64) -> u64 {
        (1..)
            .map(|page| ceiling - page * PAGE)
            .find(|&start| start + count * PAGE <= ceiling && self.is_free(start, count))
            .unwrap()
    }

    fn map(&mut self, start: u64, count: u64, protection: u64) {
        self.0.extend((0..count).map(|page| (start + page * PAGE, (protection, 0))));
    }

    /// Whether the pages are mapped alike, so that they are in one area.
    fn is_one_area(&self, start: u64, count: u64) -> bool {
        self.is_mapped(start, count) && (0..count).all(|page| self.0[&(start + page * PAGE)].0 == self.0[&start].0)
    }

    /// The answer of `mremap`, done here.
    fn remap(
        &mut self,
        start: u64,
        old: u64,
        new: u64,
        may_move: bool,
        to: Option<u64>,
        ceiling: u64,
    ) -> crate::Result<u64> {
        if to.is_some() && !may_move {
            return Err(Errno::EINVAL);
        }
        let &(protection, _) = self.0.get(&start).ok_or(Errno::EFAULT)?;
        let target = match to {
            Some(to) => {
                if start + old * PAGE > to && to + new * PAGE > start {
                    return Err(Errno::EINVAL);
                }
                if !self.is_one_area(start, old.min(new)) {
                    return Err(Errno::EFAULT);
                }
                self.remove(to, new);
                to
            }
            None if old >= new => {
                self.remove(start + new * PAGE, old - new);
                return Ok(start);
            }
            None => {
                if !self.is_one_area(start, old) {
                    return Err(Errno::EFAULT);
                }
                if self.is_free(start + old * PAGE, new - old) {
                    self.map(start + old * PAGE, new - old, protection);
                    return Ok(start);
                }
                if !may_move {
                    return Err(Errno::ENOMEM);
                }
                self.place(ceiling, new)
            }
        };
        let moved: Vec<_> = (0..old.min(new)).map(|page| self.0[&(start + page * PAGE)]).collect();
        self.remove(start, old);
        self.map(target, new, protection);
        for (page, content) in moved.into_iter().enumerate() {
            self.0.insert(target + page as u64 * PAGE, content);
        }
        Ok(target)
    }
}

fn check(thread: &Thread, memory: &AddressSpace, model: &Model) {
    // The areas are the longest runs of pages that are mapped alike.
    let mut runs: Vec<(u64, u64, u64)> = Vec::new();
    for (&page, &(protection, _)) in &model.0 {
        match runs.last_mut() {
            Some((_, end, same)) if *end == page && *same == protection => *end += PAGE,
            _ => runs.push((page, page + PAGE, protection)),
        }
    }
    let areas = memory.describe().unwrap();
    let areas: Vec<_> = areas.iter().map(|area| (area.start, area.end, u64::from(area.protection.bits()))).collect();
    assert_eq!(areas, runs);
    let writable = model.0.values().filter(|(protection, _)| *protection == WRITE).count() as u64;
    assert_eq!(memory.counts(), Counts { total: model.0.len() as u64, data: writable, locked: 0 });
    for (&page, &(protection, byte)) in &model.0 {
        assert_eq!(peek(thread, page), (protection != 0).then_some(byte), "{page:x}");
    }
}

fn run(steps: &[Step]) {
    let held = frames_held();
    {
        let (mut thread, mut memory) = space();
        let ceiling = memory.layout().mapping_base;
        let mut model = Model::default();
        // The tested pages are the highest ones: placement without a hint is among them.
        let address = |page: u64| ceiling - (PAGES + 8) * PAGE + page * PAGE;
        let mut parents = Vec::new();
        for step in steps {
            match *step {
                Step::Map { page, count, protection, fixed } => {
                    let (start, flags) = if fixed { (address(page), FIXED) } else { (0, PRIVATE) };
                    let expected = if fixed { start } else { model.place(ceiling, count) };
                    assert_eq!(memory.map(anonymous(start, count * PAGE, protection, flags)), Ok(expected));
                    model.map(expected, count, protection);
                }
                Step::Unmap { page, count } => {
                    assert_eq!(memory.unmap(address(page), count * PAGE), Ok(()));
                    model.remove(address(page), count);
                }
                Step::Protect { page, count, protection } => {
                    let reached = (0..count).find(|index| !model.0.contains_key(&(address(page) + index * PAGE)));
                    let expected = reached.map_or(Ok(()), |_| Err(Errno::ENOMEM));
                    assert_eq!(memory.protect(address(page), count * PAGE, protection), expected);
                    for index in 0..reached.unwrap_or(count) {
                        model.0.get_mut(&(address(page) + index * PAGE)).unwrap().0 = protection;
                    }
                }
                Step::Remap { page, old, new, may_move, to } => {
                    let mut flags = RemapFlags::empty();
                    flags.set(RemapFlags::MAY_MOVE, may_move);
                    flags.set(RemapFlags::FIXED, to.is_some());
                    let to = to.map(address);
                    let expected = model.remap(address(page), old, new, may_move, to, ceiling);
                    let got = memory.remap(address(page), old * PAGE, new * PAGE, flags, to.unwrap_or(0));
                    assert_eq!(got, expected);
                }
                Step::Discard { page, count } => {
                    let all = model.is_mapped(address(page), count);
                    let got = memory.advise(address(page), count * PAGE, Advice::from_number(4).unwrap());
                    assert_eq!(got, if all { Ok(()) } else { Err(Errno::ENOMEM) });
                    for index in 0..count {
                        if let Some((_, byte)) = model.0.get_mut(&(address(page) + index * PAGE)) {
                            *byte = 0;
                        }
                    }
                }
                Step::Write { page, byte } => {
                    let allowed = model.0.get(&address(page)).is_some_and(|(protection, _)| *protection == WRITE);
                    assert_eq!(poke(&thread, address(page), byte), allowed);
                    if allowed {
                        model.0.get_mut(&address(page)).unwrap().1 = byte;
                    }
                }
                Step::Fork => {
                    // The child goes on; the parent must still be what it was in the end.
                    let child = memory.duplicate().unwrap();
                    parents.push((thread, memory, model.clone()));
                    thread = crate::machine::host::new_process(child.clone());
                    memory = child;
                }
            }
            check(&thread, &memory, &model);
        }
        for (thread, memory, model) in parents {
            memory.table.activate();
            check(&thread, &memory, &model);
        }
    }
    // The last process's space is still active.
    test_process();
    assert_eq!(frames_held(), held, "frames leak");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn calls_do_what_the_model_does(steps in proptest::collection::vec(step(), 1..40)) {
        run(&steps);
    }
}
