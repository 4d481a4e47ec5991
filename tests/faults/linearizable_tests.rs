//! The judge finds what is wrong, and only that.

use crate::{
    history::{Act, Event, State},
    linearizable::{Verdict, judge},
    support::content::Write,
};

fn write(seed: u64) -> State {
    Some(Write { seed, length: 24 })
}

fn event(act: Act, begun: u64, ended: u64) -> Event {
    Event { act, begun, ended: Some(ended) }
}

fn open(act: Act, begun: u64) -> Event {
    Event { act, begun, ended: None }
}

fn assert_judged(expected: Verdict, events: &[Event], why: &str) {
    assert_eq!(judge(events), expected, "{why}");
}

#[test]
fn right_histories_pass() {
    let (a, b) = (write(1), write(2));
    let put = |state, begun, ended| event(Act::Became(state), begun, ended);
    let saw = |state, begun, ended| event(Act::Saw(state), begun, ended);
    assert_judged(Verdict::Right, &[], "nothing happened");
    assert_judged(Verdict::Right, &[saw(None, 0, 1), put(a, 2, 3), saw(a, 4, 5)], "one after another");
    assert_judged(Verdict::Right, &[put(a, 0, 9), saw(None, 1, 2), saw(a, 3, 4)], "seen while under way");
    assert_judged(Verdict::Right, &[put(a, 0, 9), put(b, 0, 9), saw(b, 1, 2), saw(a, 3, 4)], "either order");
    assert_judged(Verdict::Right, &[open(Act::Became(a), 0), saw(None, 1, 2), saw(a, 50, 51)], "it came late");
    assert_judged(Verdict::Right, &[open(Act::Became(a), 0), saw(None, 1, 2)], "it never came");
    let refused = event(Act::SawOther(None), 5, 6);
    assert_judged(Verdict::Right, &[open(Act::Became(a), 0), refused], "the unseen write stood in the way");
    let swaps = [put(a, 0, 1), event(Act::Swapped { from: a, to: b }, 2, 9), event(Act::SawOther(a), 2, 9)];
    assert_judged(Verdict::Right, &swaps, "one winner");
}

#[test]
fn wrong_histories_are_found() {
    let (a, b) = (write(1), write(2));
    let put = |state, begun, ended| event(Act::Became(state), begun, ended);
    let saw = |state, begun, ended| event(Act::Saw(state), begun, ended);
    assert_judged(Verdict::Wrong, &[put(a, 0, 1), saw(None, 2, 3)], "an acknowledged write is lost");
    assert_judged(Verdict::Wrong, &[put(a, 0, 1), put(b, 2, 3), saw(a, 4, 5)], "an old value comes back");
    assert_judged(Verdict::Wrong, &[put(a, 0, 1), put(None, 2, 3), saw(a, 4, 5)], "a deleted object comes back");
    assert_judged(Verdict::Wrong, &[saw(a, 0, 1)], "nobody wrote it");
    assert_judged(Verdict::Wrong, &[put(a, 0, 9), saw(a, 1, 2), saw(None, 3, 4)], "seen, and then not any more");
    let winners = [Act::Swapped { from: None, to: a }, Act::Swapped { from: None, to: b }];
    assert_judged(Verdict::Wrong, &winners.map(|act| event(act, 0, 9)), "two winners");
    let open_swap = open(Act::Swapped { from: a, to: b }, 0);
    assert_judged(Verdict::Wrong, &[open_swap, saw(b, 5, 6)], "its condition was never met");
}
