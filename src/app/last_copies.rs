//! What stands in the way of removing a node: objects of which it has the last copy.

use crate::{
    admin::OperationError,
    cluster::{Cluster, Outage},
    types::ByteSize,
};

/// Objects that a refusal names.
const NAMED_MAX: usize = 20;

/// Refuses while the node of this name has, or may have, the last copy of anything. Whether groups count on it is another
/// question. An unknown name is not refused here.
pub async fn refuse_last_copies(cluster: &Cluster, name: &str) -> Result<(), OperationError> {
    let Some(view) = cluster.nodes().into_iter().find(|view| view.row.name == name) else { return Ok(()) };
    if view.group_count == 0 && view.left_group_count == 0 {
        return Ok(());
    }
    let outage = cluster.last_copies_on(view.row.node, NAMED_MAX).await;
    let outage = outage.map_err(|error| OperationError::Unavailable(error.to_string()))?;
    match refusal(name, &outage, view.is_there()) {
        Some(reason) => Err(OperationError::Conflict(reason)),
        None => Ok(()),
    }
}

fn refusal(name: &str, outage: &Outage, is_alive: bool) -> Option<String> {
    let (now, then) = (outage.now.unavailable, outage.then.unavailable);
    let blobs = then.blobs.saturating_sub(now.blobs);
    if blobs == 0 {
        return None;
    }
    let objects = then.objects.saturating_sub(now.objects);
    let bytes = ByteSize(then.object_bytes.saturating_sub(now.object_bytes)).to_human();
    let holds = if is_alive { "has" } else { "is silent and may have" };
    let remedy = match is_alive {
        true => format!("drain it, so that they move to others (`larder admin node drain {name}`), or delete them"),
        false => "bring it back, or delete them".to_owned(),
    };
    if objects == 0 {
        return Some(format!(
            "{name} {holds} the last copy of {blobs} blobs of uploads that are not completed: {remedy}"
        ));
    }
    let names = outage.unavailable.iter().map(|object| format!("s3://{}/{}", object.bucket, object.key.as_str()));
    let names: Vec<String> = names.collect();
    let more = objects.saturating_sub(names.len() as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    Some(format!("{name} {holds} the last copy of {objects} objects ({bytes}): {}{more}; {remedy}", names.join(", ")))
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
        let said = refusal("node-1", &outage, true).unwrap();
        let expected =
            "node-1 has the last copy of 3 objects (3.0 MiB): s3://pantry/a, s3://pantry/b and 1 more; drain it";
        assert!(said.starts_with(expected), "{said}");
        assert!(refusal("node-1", &outage, false).unwrap().contains("is silent and may have"));
        let uploads = Outage { then: tolls(1, 3), ..outage.clone() };
        assert!(refusal("node-1", &uploads, true).unwrap().contains("1 blobs of uploads"));
        assert_eq!(refusal("node-1", &Outage { then: tolls(1, 2), ..outage }, true), None);
    }
}
