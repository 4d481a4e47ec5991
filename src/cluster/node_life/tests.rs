//! The transitions as a table, and what holds for every course of things.

use super::*;
use proptest::prelude::*;

const LIMITS: LifeLimits =
    LifeLimits { suspect_after: Duration::from_secs(15), replace_after: Duration::from_secs(600) };

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A member that was heard of just now.
fn well() -> Seen {
    Seen {
        duty: NodeDuty::Serving,
        recorded: NodeState::Healthy,
        was_heard: true,
        silence: Duration::ZERO,
        has_address: true,
        is_late: false,
        volumes: VolumesSeen::Writable,
        is_in_doubt: false,
        is_in_groups: true,
        has_left_groups: false,
        holds_chunks: true,
    }
}

fn silent(seconds: u64) -> Seen {
    Seen { silence: secs(seconds), ..well() }
}

/// What the node is seen to be at which second, and how it stands then.
fn follow(course: &[(u64, Seen, Standing)]) {
    let mut life = NodeLife::begin(Duration::ZERO);
    for (at, seen, expected) in course {
        life = life.next(seen, secs(*at), &LIMITS);
        assert_eq!(life.standing, *expected, "at {at} s of {course:#?}");
    }
}

#[test]
fn a_node_that_is_well_stands_as_what_it_says_and_what_is_wanted_of_it() {
    let draining = Seen { duty: NodeDuty::Draining, ..well() };
    let emptied = Seen { is_in_groups: false, holds_chunks: false, ..draining };
    let table = [
        (well(), Standing::Healthy),
        (Seen { was_heard: false, ..well() }, Standing::Joining),
        (Seen { is_in_groups: false, ..well() }, Standing::Joining),
        (Seen { is_in_doubt: true, ..well() }, Standing::Recovering),
        (Seen { volumes: VolumesSeen::NearlyFull, ..well() }, Standing::NearlyFull),
        (Seen { volumes: VolumesSeen::SomeFrozen, ..well() }, Standing::PartlyFrozen),
        (Seen { volumes: VolumesSeen::AllFull, ..well() }, Standing::Full),
        (Seen { volumes: VolumesSeen::AllFrozen, ..well() }, Standing::Frozen),
        (Seen { is_late: true, ..well() }, Standing::Slow),
        (silent(15), Standing::Suspect),
        (Seen { has_address: false, ..well() }, Standing::Suspect),
        (draining, Standing::Draining),
        (Seen { volumes: VolumesSeen::NearlyFull, ..draining }, Standing::Draining),
        (Seen { volumes: VolumesSeen::AllFull, ..draining }, Standing::Full),
        (Seen { holds_chunks: true, ..emptied }, Standing::Draining),
        (Seen { has_left_groups: true, ..emptied }, Standing::Draining),
        (Seen { was_heard: false, ..emptied }, Standing::Draining),
        (emptied, Standing::Drained),
    ];
    for (seen, expected) in table {
        follow(&[(0, seen, expected)]);
    }
}

#[test]
fn silence_makes_suspect_then_failed_and_a_first_return_is_at_once() {
    follow(&[
        (0, well(), Standing::Healthy),
        (14, silent(14), Standing::Healthy),
        (15, silent(15), Standing::Suspect),
        (599, silent(599), Standing::Suspect),
        (600, silent(600), Standing::Failed),
        (601, Seen { is_in_doubt: true, ..well() }, Standing::Recovering),
        (603, well(), Standing::Healthy),
    ]);
}

#[test]
fn a_gateway_that_starts_does_not_forget_who_was_silent_or_had_failed() {
    let unheard = |recorded| Seen { recorded, was_heard: false, ..well() };
    let heard = |recorded| Seen { recorded, ..well() };
    for (recorded, expected) in [
        (NodeState::Healthy, Standing::Joining),
        (NodeState::Suspect, Standing::Suspect),
        (NodeState::Failed, Standing::Failed),
    ] {
        follow(&[(1, unheard(recorded), expected), (2, heard(recorded), Standing::Healthy)]);
    }
}

/// Its heartbeats come in time all along.
#[test]
fn a_node_that_hangs_or_is_frozen_long_enough_has_failed() {
    let late = Seen { is_late: true, ..well() };
    let frozen = Seen { volumes: VolumesSeen::AllFrozen, ..well() };
    for (ill, name) in [(late, Standing::Slow), (frozen, Standing::Frozen)] {
        follow(&[(10, ill, name), (609, ill, name), (610, ill, Standing::Failed), (611, well(), Standing::Healthy)]);
    }
    follow(&[
        (10, late, Standing::Slow),
        (300, frozen, Standing::Frozen),
        (500, silent(20), Standing::Suspect),
        (610, silent(130), Standing::Failed),
    ]);
}

#[test]
fn each_relapse_doubles_the_time_to_be_well_before_it_counts_again() {
    let late = Seen { is_late: true, ..well() };
    follow(&[
        (10, late, Standing::Slow),
        (11, well(), Standing::Healthy),
        (20, late, Standing::Slow),
        (21, well(), Standing::Returning),
        (25, well(), Standing::Returning),
        (26, well(), Standing::Healthy),
        (30, late, Standing::Slow),
        (31, well(), Standing::Returning),
        (40, well(), Standing::Returning),
        (41, well(), Standing::Healthy),
    ]);
    let trials: Vec<u64> = (0..9).map(|relapses| LIMITS.trial(relapses).as_secs()).collect();
    assert_eq!(trials, [0, 0, 5, 10, 20, 40, 80, 120, 120]);
}

#[test]
fn a_node_that_was_well_for_long_is_trusted_as_at_first() {
    let late = Seen { is_late: true, ..well() };
    follow(&[
        (10, late, Standing::Slow),
        (11, well(), Standing::Healthy),
        (310, well(), Standing::Healthy),
        (311, late, Standing::Slow),
        (312, well(), Standing::Healthy),
    ]);
}

/// Its replacement would never come: it is not away for `replace_after` at any time.
#[test]
fn a_node_that_flaps_all_the_time_has_failed_in_the_end() {
    let late = Seen { is_late: true, ..well() };
    let mut life = NodeLife::begin(Duration::ZERO);
    for at in (0..2000).step_by(20) {
        life = life.next(&late, secs(at), &LIMITS).next(&well(), secs(at + 4), &LIMITS).next(
            &well(),
            secs(at + 16),
            &LIMITS,
        );
    }
    assert_eq!(life.standing, Standing::Failed);
    let calm = life.next(&well(), secs(2200), &LIMITS);
    assert_eq!(calm.standing, Standing::Healthy);
}

#[test]
fn what_a_standing_allows() {
    let those = |allows: fn(Standing) -> bool| -> Vec<Standing> {
        Standing::ALL.into_iter().filter(|standing| allows(*standing)).collect()
    };
    use Standing::*;
    assert_eq!(those(Standing::takes_groups), [Joining, Healthy, Recovering]);
    assert_eq!(those(Standing::keeps_groups), [Joining, Healthy, Recovering, NearlyFull, PartlyFrozen]);
    assert_eq!(
        those(Standing::is_writable),
        [Joining, Healthy, Recovering, Draining, Drained, NearlyFull, PartlyFrozen]
    );
    assert_eq!(those(|standing| standing.is_reachable() && !standing.is_writable()), [Full, Returning]);
    assert_eq!(those(|standing| !standing.is_alive()), [Suspect, Failed]);
}

fn any_seen() -> impl Strategy<Value = Seen> {
    let volumes = prop_oneof![
        4 => Just(VolumesSeen::Writable),
        1 => Just(VolumesSeen::SomeFrozen),
        1 => Just(VolumesSeen::AllFull),
        1 => Just(VolumesSeen::AllFrozen),
    ];
    (0_u64..40, any::<bool>(), volumes, any::<bool>()).prop_map(|(silence, is_late, volumes, is_in_doubt)| Seen {
        silence: secs(silence),
        is_late,
        volumes,
        is_in_doubt,
        ..well()
    })
}

proptest! {
    #[test]
    fn nobody_fails_before_its_time_and_everybody_who_is_well_for_long_serves(
        course in prop::collection::vec((1_u64..60, any_seen()), 1..60),
    ) {
        let (mut life, mut now, mut last_served) = (NodeLife::begin(Duration::ZERO), Duration::ZERO, Duration::ZERO);
        for (passed, seen) in course {
            now += secs(passed);
            life = life.next(&seen, now, &LIMITS);
            let is_ill = matches!(
                life.standing,
                Standing::Frozen | Standing::Slow | Standing::Returning | Standing::Suspect | Standing::Failed
            );
            if !is_ill {
                last_served = now;
            }
            // Silence reaches back to before it was noticed.
            prop_assert!(life.standing != Standing::Failed || now - last_served + secs(40) >= LIMITS.replace_after);
            prop_assert_eq!(life.next(&seen, now, &LIMITS), life, "a second look at the same time changes nothing");
        }
        let seems_well = life.next(&well(), now, &LIMITS);
        let trusted = seems_well.next(&well(), now + LIMITS.suspect_after * TRIAL_FACTOR_MAX, &LIMITS);
        prop_assert_eq!(trusted.standing, Standing::Healthy);
    }
}
