//! Has all nodes check all that they hold, and waits until what they found is replaced.

use crate::fleet::Fleet;
use serde_json::Value;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// A hundred megabytes a node, at full pace.
const LIMIT: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// Afterwards no copy is damaged that counts.
pub async fn all_is_checked(fleet: &Fleet) {
    let began = Instant::now();
    let passes = |scrub: &Value| (scrub["node"].to_string(), scrub["passes"].as_u64().unwrap_or(0));
    let before: HashMap<String, u64> = scrubs(fleet, "status").iter().map(passes).collect();
    scrubs(fleet, "start");
    loop {
        let now = scrubs(fleet, "status");
        let is_done = |scrub: &Value| {
            let (node, passes) = passes(scrub);
            scrub["state"] == "waiting"
                && scrub["quarantined"] == 0
                && before.get(&node).is_none_or(|old| passes > *old)
        };
        // A node that could not be asked has not been checked.
        if now.len() >= fleet.topology().nodes() as usize && now.iter().all(is_done) {
            let found: u64 = now.iter().filter_map(|scrub| scrub["last_found"].as_u64()).sum();
            println!("  all nodes were scrubbed within {:.1?}, {found} damaged records were found", began.elapsed());
            return;
        }
        assert!(began.elapsed() < LIMIT, "the scrub does not come to its end: {now:#?}");
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Of the nodes that can be asked: those that were emptied have left their names behind.
fn scrubs(fleet: &Fleet, verb: &str) -> Vec<Value> {
    let asked = fleet.admin(&["scrub", verb, "--json"]);
    let scrubs: Vec<Value> = serde_json::from_slice(&asked.stdout).expect("scrubs are told as JSON");
    let is_asked = |scrub: &Value| !scrub["state"].as_str().unwrap_or_default().starts_with("not asked");
    scrubs.into_iter().filter(is_asked).collect()
}
