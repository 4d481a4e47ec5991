//! After all faults, when everything has healed: operators are told that all is well, copies are exact, and the space of
//! what was deleted comes back.

use crate::{census, fleet::Fleet};
use std::time::{Duration, Instant};

/// Garbage goes after the grace period, once an inventory has shown it, and surplus copies when a walk finds them, with a rest
/// between walks: several of all that fit in.
const CLEARING_LIMIT: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// So many looks without a change: longer than an inventory and the grace period take.
const QUIET_LOOKS: u32 = 8;
/// What an empty volume may occupy: a few segments made ahead or kept, of 8 MiB at most.
const EMPTY_VOLUME_MAX_BYTES: u64 = 56 << 20;

/// Every chunk lies on exactly the members of its group, the same on each, and nothing else is anywhere. What is too much may
/// still be on its way out; nothing may be missing at any time.
pub async fn copies_are_exact(fleet: &mut Fleet) {
    let began = Instant::now();
    loop {
        fleet.wait_until_healthy();
        clearing_comes_to_rest(fleet).await;
        fleet.kill_all();
        let census = census::take(fleet).await;
        fleet.start_all();
        fleet.wait_until_ready().await;
        let context = format!("of {} chunks", census.chunks);
        assert!(census.missing.is_empty(), "{context}, missing: {:#?}", census.missing);
        assert!(census.different.is_empty(), "{context}, copies differ: {:#?}", census.different);
        if census.extra.is_empty() {
            println!("{} chunks lie exactly where they should, after {:.1?}", census.chunks, began.elapsed());
            return;
        }
        assert!(began.elapsed() < CLEARING_LIMIT, "{context}, too much: {:#?}", census.extra);
    }
}

/// Everything has healed, and an operator who asks is told so: every invariant of the metadata holds, every copy is good.
pub fn operators_are_told_that_all_is_well(fleet: &Fleet) {
    fleet.wait_until_healthy();
    for verb in ["doctor", "verify"] {
        let told = fleet.admin(&[verb]);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(told.status.success(), "{verb}: {}\n{}", text(&told.stdout), text(&told.stderr));
    }
}

/// Nobody holds copies of groups that it left, and nobody's number of chunks changes. The disks say afterwards if that is true.
async fn clearing_comes_to_rest(fleet: &Fleet) {
    let (began, mut last, mut quiet) = (Instant::now(), None, 0);
    while quiet < QUIET_LOOKS && began.elapsed() < CLEARING_LIMIT {
        tokio::time::sleep(LOOK_AGAIN).await;
        let nodes = fleet.nodes();
        let sum = |key: &str| -> u64 {
            let alive = nodes.iter().filter(|node| node["state"] != "failed");
            alive.map(|node| node[key].as_u64().unwrap_or(0)).sum()
        };
        // The metadata's log grows by what background work notes.
        let of_log = fleet.told_status()["metadata_log"]["chunks"].as_u64().unwrap_or(0);
        let now = sum("chunks").checked_sub(of_log);
        let is_quiet = now == last && sum("groups_left") == 0;
        quiet = if is_quiet { quiet + 1 } else { 0 };
        last = now;
    }
}

/// Everything was deleted: the nodes hold no chunk but those of the metadata's log, and their volumes shrink to what an empty one occupies.
pub async fn space_comes_back(fleet: &Fleet) {
    let began = Instant::now();
    loop {
        let chunks: u64 = fleet.nodes().iter().map(|node| node["chunks"].as_u64().unwrap_or(0)).sum();
        let of_log = fleet.told_status()["metadata_log"]["chunks"].as_u64().unwrap_or(0);
        let nodes = 1..=fleet.topology().nodes();
        let occupied: Vec<u64> = nodes.map(|number| census::occupied_bytes(&fleet.node_directory(number))).collect();
        if chunks <= of_log && occupied.iter().all(|bytes| *bytes <= EMPTY_VOLUME_MAX_BYTES) {
            println!("empty volumes occupy {occupied:?} bytes, after {:.1?}", began.elapsed());
            return;
        }
        assert!(
            began.elapsed() < CLEARING_LIMIT,
            "{chunks} chunks are left, {of_log} of the log, {occupied:?} bytes are occupied"
        );
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
