//! A look at everything while it is quiet: each key is read, lists are compared, and the judge is asked about each key.

use crate::{
    actor::{Actor, BUCKET, Outcome, Shared},
    fleet::{Fleet, Topology},
    history::Event,
    linearizable::{Verdict, judge},
    party::Party,
    totals::Gaps,
};
use std::sync::Arc;

pub struct Surveyor {
    actor: Actor,
}

impl Surveyor {
    pub fn new(endpoint: &str, shared: Shared) -> Self {
        Self { actor: Actor::new(endpoint, shared, Arc::new(Gaps::new())) }
    }

    pub async fn make_bucket(&self) {
        self.actor.client.create_bucket().bucket(BUCKET).send().await.expect("the bucket is made");
    }

    /// Reads and lists all keys below the prefix and judges their histories.
    pub async fn look_at_all(&self, prefix: &str) {
        let keys = self.actor.history().keys_below(prefix);
        for key in &keys {
            let outcome = self.actor.get(key).await;
            assert!(matches!(outcome, Outcome::Done(_)), "{key} cannot be read while all is quiet: {outcome:?}");
        }
        // More than any run has keys.
        let listed = self.actor.list(prefix, "", 1000).await;
        assert!(matches!(listed, Outcome::Done(())), "{prefix} cannot be listed while all is quiet");
        for key in &keys {
            let events = self.actor.history().events_of(key);
            let verdict = judge(&events);
            assert_eq!(verdict, Verdict::Right, "{key}: no order explains this:\n{}", tell(&events));
        }
    }

    /// Afterwards the bucket is empty and no upload is open.
    pub async fn delete_all(&self) {
        for key in self.actor.history().keys_below("") {
            let outcome = self.actor.delete(&key).await;
            assert!(matches!(outcome, Outcome::Done(())), "{key} cannot be deleted while all is quiet: {outcome:?}");
        }
        let client = &self.actor.client;
        loop {
            let page = client.list_multipart_uploads().bucket(BUCKET).send().await.expect("uploads are listed");
            for upload in page.uploads() {
                let abort = client.abort_multipart_upload().bucket(BUCKET).set_key(upload.key.clone());
                abort.set_upload_id(upload.upload_id.clone()).send().await.expect("an open upload is aborted");
            }
            if page.uploads().is_empty() {
                return;
            }
        }
    }

    /// Any RF - 1 nodes may go: what all have acknowledged is read from the others. One server's nodes live in it.
    pub async fn look_with_any_two_nodes_gone(&self, fleet: &mut Fleet) {
        let Topology::Processes(nodes) = fleet.topology() else { return };
        for (one, other) in (1..=nodes).flat_map(|one| (one + 1..=nodes).map(move |other| (one, other))) {
            println!("with nodes {one} and {other} gone");
            let gone = [Party::Node(one), Party::Node(other)];
            gone.into_iter().for_each(|party| fleet.kill(party));
            self.look_at_all("").await;
            gone.into_iter().for_each(|party| fleet.start_party(party));
            fleet.wait_until_ready().await;
        }
    }
}

/// In the order of their beginning, times in milliseconds.
fn tell(events: &[Event]) -> String {
    let mut events = events.to_vec();
    events.sort_by_key(|event| event.begun);
    let millis = |moment: u64| moment as f64 / 1e6;
    let tell_one = |event: &Event| match event.ended {
        Some(ended) => format!("{:10.3} - {:10.3}  {:?}\n", millis(event.begun), millis(ended), event.act),
        None => format!("{:10.3} - unanswered  {:?}\n", millis(event.begun), event.act),
    };
    events.iter().map(tell_one).collect()
}
