//! What stands in the way of removing a node: objects of which it has, or may have, the last copy.

use crate::{
    admin::OperationError,
    cluster::{Cluster, NodeView, Outage},
    metadata::Metadata,
    types::ByteSize,
};

/// Objects that a refusal names.
const NAMED_MAX: usize = 20;

/// Refuses while the node of this name has, or may have, the last copy of anything. Whether groups count on it is another
/// question. An unknown name is not refused here.
pub async fn refuse_last_copies(cluster: &Cluster, metadata: &Metadata, name: &str) -> Result<(), OperationError> {
    let nodes = cluster.nodes();
    let Some(view) = nodes.iter().find(|view| view.row.name == name) else { return Ok(()) };
    if view.group_count == 0 && view.left_group_count == 0 {
        return Ok(());
    }
    let outage = cluster.last_copies_on(view.row.node, NAMED_MAX).await;
    let outage = outage.map_err(|error| OperationError::Unavailable(error.to_string()))?;
    let others = nodes.iter().filter(|other| other.row.node != view.row.node);
    let unknown = Unknown::of(&outage, view, others);
    match refusal(name, &outage, &unknown, view.is_there()) {
        Some(_) if metadata.needs_confirmation() => Err(OperationError::Conflict(format!(
            "by the metadata, which was restored from a backup, {name} has the last copy of something; nodes that took its place \
             since may have it too, which is known when groups change their members again, after `larder admin metadata confirm`"
        ))),
        Some(reason) => Err(OperationError::Conflict(reason)),
        None => Ok(()),
    }
}

/// Why it is not known of every blob whether others have it.
#[derive(Debug, Default)]
struct Unknown {
    blobs: u64,
    /// What is the matter with which node.
    reasons: Vec<String>,
}

impl Unknown {
    fn of<'a>(outage: &Outage, view: &NodeView, others: impl Iterator<Item = &'a NodeView>) -> Self {
        let mut reasons = Vec::new();
        if outage.silent.contains(&view.row.node) {
            reasons.push(format!("{} did not answer", view.row.name));
        }
        for other in others {
            let name = &other.row.name;
            if outage.silent.contains(&other.row.node) {
                reasons.push(format!("{name} did not answer"));
            } else if !other.is_there() {
                reasons.push(format!("{name} is silent"));
            } else if other.is_in_doubt {
                reasons.push(format!("what {name} holds is still being looked at"));
            }
        }
        if outage.unasked > 0 {
            reasons.push("there were too many to ask for all of them".to_owned());
        }
        Self { blobs: outage.unasked + outage.unanswered, reasons }
    }
}

fn refusal(name: &str, outage: &Outage, unknown: &Unknown, is_alive: bool) -> Option<String> {
    let (now, then) = (outage.now.unavailable, outage.then.unavailable);
    let blobs = then.blobs.saturating_sub(now.blobs);
    if blobs == 0 {
        return None;
    }
    let objects = then.objects.saturating_sub(now.objects);
    let bytes = ByteSize(then.object_bytes.saturating_sub(now.object_bytes)).to_human();
    let holds = match (is_alive, unknown.blobs) {
        (true, 0) => "has",
        (true, _) => "has or may have",
        (false, _) => "is silent and may have",
    };
    let what = match objects {
        0 => format!(
            "{blobs} blob(s) that no readable object names: of uploads that are not completed, of deleted objects that are not \
             cleared yet, or of objects of which other parts are lost"
        ),
        _ => {
            let names =
                outage.unavailable.iter().map(|object| format!("s3://{}/{}", object.bucket, object.key.as_str()));
            let names: Vec<String> = names.collect();
            let more = objects.saturating_sub(names.len() as u64);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{objects} object(s) ({bytes}): {}{more}", names.join(", "))
        }
    };
    Some(format!("{name} {holds} the last copy of {what}; {}", remedy(name, unknown, is_alive)))
}

fn remedy(name: &str, unknown: &Unknown, is_alive: bool) -> String {
    let remedy = match is_alive {
        true => format!("drain it, so that they move to others (`larder admin node drain {name}`), or delete them"),
        false => "bring it back, or delete them".to_owned(),
    };
    if unknown.blobs == 0 {
        return remedy;
    }
    let (blobs, reasons) = (unknown.blobs, unknown.reasons.join(", "));
    format!(
        "of {blobs} blob(s) it could not be found out whether other nodes have them ({reasons}): try again when `larder admin \
         status` names none of these nodes; else {remedy}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cluster::{ObjectAtRisk, Toll, Tolls},
        types::ObjectKey,
    };

    fn tolls(objects: u64, blobs: u64) -> Tolls {
        Tolls { unavailable: Toll { objects, object_bytes: objects << 20, blobs, blob_bytes: 0 }, ..Tolls::default() }
    }

    #[test]
    fn only_what_goes_with_the_node_is_counted_and_named() {
        let object = |key: &str| ObjectAtRisk {
            bucket: "pantry".parse().unwrap(),
            key: ObjectKey::new(key).unwrap(),
            version: None,
            size: 1,
        };
        let outage = Outage {
            now: tolls(1, 2),
            then: tolls(4, 5),
            unavailable: vec![object("a"), object("b")],
            ..Outage::default()
        };
        let known = Unknown::default();
        let said = refusal("node-1", &outage, &known, true).unwrap();
        let expected =
            "node-1 has the last copy of 3 object(s) (3.0 MiB): s3://pantry/a, s3://pantry/b and 1 more; drain it";
        assert!(said.starts_with(expected), "{said}");
        assert!(refusal("node-1", &outage, &known, false).unwrap().contains("is silent and may have"));
        let uploads = Outage { then: tolls(1, 3), ..outage.clone() };
        let said = refusal("node-1", &uploads, &known, true).unwrap();
        assert!(said.contains("has the last copy of 1 blob(s) that no readable object names"), "{said}");
        assert_eq!(refusal("node-1", &Outage { then: tolls(1, 2), ..outage }, &known, true), None);
    }

    #[test]
    fn what_could_not_be_found_out_is_said_with_its_reasons() {
        let outage = Outage { then: tolls(1, 4), unasked: 2, unanswered: 1, ..Outage::default() };
        let unknown = Unknown { blobs: 3, reasons: vec!["node-2 did not answer".into(), "too many".into()] };
        let said = refusal("node-1", &outage, &unknown, true).unwrap();
        for expected in ["node-1 has or may have", "of 3 blob(s)", "(node-2 did not answer, too many)", "try again"] {
            assert!(said.contains(expected), "{expected} is not in {said}");
        }
    }
}
