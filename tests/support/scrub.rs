//! Has all nodes check all that they hold, and waits until what they found is replaced.

use serde_json::Value;
use std::{
    collections::HashMap,
    process::Output,
    time::{Duration, Instant},
};

/// A hundred megabytes a node, at full pace.
const LIMIT: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Afterwards no copy on any of this many nodes is damaged that counts. `admin` runs `larder admin`. How many damaged records were found.
pub async fn all_is_checked(nodes: usize, admin: impl Fn(&[&str]) -> Output) -> u64 {
    let began = Instant::now();
    let scrubs = |verb: &str| scrubs(&admin(&["scrub", verb, "--json"]));
    let passes = |scrub: &Value| (scrub["node"].to_string(), scrub["passes"].as_u64().unwrap_or(0));
    let before: HashMap<String, u64> = scrubs("status").iter().map(passes).collect();
    scrubs("start");
    loop {
        let now = scrubs("status");
        let is_done = |scrub: &Value| {
            let (node, passes) = passes(scrub);
            scrub["state"] == "waiting"
                && scrub["quarantined"] == 0
                && before.get(&node).is_none_or(|old| passes > *old)
        };
        // A node that could not be asked has not been checked.
        if now.len() >= nodes && now.iter().all(is_done) {
            let found: u64 = now.iter().filter_map(|scrub| scrub["last_found"].as_u64()).sum();
            println!("  all nodes were scrubbed within {:.1?}, {found} damaged records were found", began.elapsed());
            return found;
        }
        assert!(began.elapsed() < LIMIT, "the scrub does not come to its end: {now:#?}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Of the nodes that can be asked: those that were emptied have left their names behind.
fn scrubs(answer: &Output) -> Vec<Value> {
    let scrubs: Vec<Value> = serde_json::from_slice(&answer.stdout).expect("scrubs are told as JSON");
    let is_asked = |scrub: &Value| !scrub["state"].as_str().unwrap_or_default().starts_with("not asked");
    scrubs.into_iter().filter(is_asked).collect()
}
