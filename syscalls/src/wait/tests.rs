//! Waiting in turn, on several threads.

use super::*;
use crate::machine::host::{spawn, test_process};
use crate::signal::send::{Target, send};
use crate::signal::{SigInfo, Signal};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::vec::Vec;

#[derive(Default)]
struct Tokens {
    queue: WaitQueue,
    left: AtomicUsize,
}

impl Tokens {
    fn take(&self) -> Option<()> {
        let taken = self.left.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).ok();
        if taken.is_some_and(|before| before > 1) {
            self.queue.hand_on(Events::IN);
        }
        taken.map(|_| ())
    }

    fn put(&self) {
        self.left.fetch_add(1, Ordering::SeqCst);
        self.queue.wake(Events::IN);
    }
}

#[test]
fn no_token_is_left_with_one_who_went() {
    let thread = test_process();
    let tokens: Arc<Tokens> = Arc::default();
    // Some give up again and again, by their deadline or a signal: a call that they got is handed on.
    let impatient: Vec<_> = (0..2_u64)
        .map(|number| {
            let tokens = tokens.clone();
            spawn(&thread.process, move |_| {
                let mut got = 0;
                for round in 0..300 {
                    let deadline = Some(machine().monotonic().after(1000 + (round * (7 + number)) % 40 * 1000));
                    got += usize::from(wait_in_turn(&tokens.queue, Events::IN, deadline, || tokens.take()).is_ok());
                }
                got
            })
        })
        .collect();
    let patient: Vec<_> = (0..2)
        .map(|_| {
            let tokens = tokens.clone();
            spawn(&thread.process, move |_| {
                (0..400).for_each(|_| wait_in_turn(&tokens.queue, Events::IN, None, || tokens.take()).unwrap());
            })
        })
        .collect();
    (0..800).for_each(|_| tokens.put());
    let lost: usize = impatient.into_iter().map(|one| one.join().unwrap()).sum();
    (0..lost).for_each(|_| tokens.put());
    patient.into_iter().for_each(|one| one.join().unwrap());
    assert_eq!(tokens.left.load(Ordering::SeqCst), 0);
}

#[test]
fn calls_go_by_interest_and_in_order() {
    let thread = test_process();
    let other = spawn(&thread.process, Arc::clone).join().unwrap();
    let queue = WaitQueue::new();
    queue.stand_in_line(&thread, Events::OUT);
    queue.stand_in_line(&other, Events::IN);
    queue.wake(Events::IN);
    assert!(!queue.leave_line(&thread));
    assert!(queue.leave_line(&other));

    queue.stand_in_line(&thread, Events::IN);
    queue.stand_in_line(&other, Events::IN);
    queue.hand_on(Events::IN);
    // One that was called is not called again before it has looked; then it is the last.
    queue.hand_on(Events::IN);
    queue.answer_call(&thread);
    queue.answer_call(&other);
    queue.hand_on(Events::IN);
    assert!(queue.leave_line(&thread));
    assert!(!queue.leave_line(&other));
    queue.stand_in_line(&thread, Events::IN);
    queue.stand_in_line(&other, Events::OUT);
    queue.wake_all();
    assert!(queue.leave_line(&thread) && queue.leave_line(&other));
}

#[test]
fn a_signal_ends_a_wait() {
    let thread = test_process();
    send(Target::Thread(&thread), SigInfo::user(Signal::TERM, SigInfo::USER, 1, 0)).unwrap();
    let queue = WaitQueue::new();
    assert_eq!(wait_in_turn(&queue, Events::IN, None, || None::<()>), Err(WaitError::Interrupted));
    assert_eq!(wait_until(&[&queue], None, || None::<()>), Err(WaitError::Interrupted));
}

struct Counter(AtomicUsize, bool);

impl Observer for Counter {
    fn notify(self: Arc<Self>, _: Events) -> bool {
        self.0.fetch_add(1, Ordering::SeqCst);
        self.1
    }
}

#[test]
fn observers_hear_until_they_go() {
    let queue = WaitQueue::new();
    let [plain, deaf, first, second] =
        [false, false, true, true].map(|takes| Arc::new(Counter(AtomicUsize::new(0), takes)));
    for (observer, exclusive) in [(&plain, false), (&deaf, true), (&first, true), (&second, true)] {
        let weak: std::sync::Weak<Counter> = Arc::downgrade(observer);
        queue.observe(weak, exclusive);
    }
    let heard = || [&plain, &deaf, &first, &second].map(|observer| observer.0.load(Ordering::SeqCst));
    queue.wake(Events::IN);
    assert_eq!(heard(), [1, 1, 1, 0], "an exclusive one that wakes nobody lets the next one hear");
    queue.wake_all();
    assert_eq!(heard(), [2, 2, 2, 1]);
    let weak: std::sync::Weak<dyn Observer> = Arc::<Counter>::downgrade(&plain);
    queue.forget(&weak);
    queue.wake(Events::IN);
    assert_eq!(heard(), [2, 3, 3, 1]);
    drop(first);
    queue.wake(Events::IN);
    assert_eq!(second.0.load(Ordering::SeqCst), 2);
}
