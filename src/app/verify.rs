//! Verifications, as operators begin and see them.

use super::jobs::Jobs;
use crate::{
    admin::{
        OperationError,
        verify::{LostObject, NodeCopies, VerifyReport, VerifyRequest},
    },
    cluster::{Cluster, Verification, VerifyScope, VerifyStage},
    metadata::Metadata,
    types::{BucketName, NodeId},
};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
};

/// Begins one. While one of the same extent is under way it is that one.
pub async fn begin_verification(
    metadata: &Metadata,
    cluster: &Cluster,
    jobs: &Jobs,
    request: VerifyRequest,
) -> Result<VerifyReport, OperationError> {
    let scope = scope_of(metadata, request).await?;
    let totals = match scope {
        VerifyScope::Everything => Some(metadata.totals().await.map_err(unavailable)?),
        VerifyScope::Prefix { .. } => None,
    };
    let (verification, is_new) =
        cluster.begin_verification(scope.clone(), totals.as_ref()).await.map_err(unavailable)?;
    if !is_new && verification.scope != scope {
        let running = scope_text(&verification.scope);
        return Err(OperationError::Conflict(format!(
            "a verification of {running} is under way: `larder admin verify --last` shows it"
        )));
    }
    if is_new {
        tracing::info!(scope = scope_text(&scope), "the operator has copies verified");
    }
    Ok(report(cluster, jobs, &verification))
}

pub async fn newest_verification(cluster: &Cluster, jobs: &Jobs) -> Result<VerifyReport, OperationError> {
    let newest = cluster.verification().await.map_err(unavailable)?;
    let none = || OperationError::NotFound("nothing was verified yet".to_owned());
    newest.map(|newest| report(cluster, jobs, &newest)).ok_or_else(none)
}

async fn scope_of(metadata: &Metadata, request: VerifyRequest) -> Result<VerifyScope, OperationError> {
    let VerifyRequest { bucket, prefix } = request;
    let Some(bucket) = bucket else { return Ok(VerifyScope::Everything) };
    let invalid = |_| OperationError::Invalid(format!("{bucket} is no bucket's name"));
    let name: BucketName = bucket.parse().map_err(invalid)?;
    let found = metadata.bucket(&name).await.map_err(unavailable)?;
    let found = found.ok_or_else(|| OperationError::NotFound(format!("there is no bucket {name}")))?;
    Ok(VerifyScope::Prefix { bucket: found.id, name, prefix })
}

fn scope_text(scope: &VerifyScope) -> String {
    match scope {
        VerifyScope::Everything => "everything".to_owned(),
        VerifyScope::Prefix { name, prefix, .. } => format!("s3://{name}/{prefix}"),
    }
}

/// The jobs without which it does not get on.
fn awaited(stage: VerifyStage) -> &'static [&'static str] {
    match stage {
        VerifyStage::Checking | VerifyStage::Naming => &["verify-copies"],
        VerifyStage::Repairing => &["verify-copies", "send-missing"],
        VerifyStage::Finished => &[],
    }
}

fn report(cluster: &Cluster, jobs: &Jobs, verification: &Verification) -> VerifyReport {
    let names: HashMap<NodeId, String> =
        cluster.nodes().into_iter().map(|node| (node.row.node, node.row.name.clone())).collect();
    let by_node = |copies: &BTreeMap<NodeId, u64>| -> Vec<NodeCopies> {
        let name = |node: &NodeId| names.get(node).cloned().unwrap_or_else(|| node.to_string());
        copies.iter().map(|(node, copies)| NodeCopies { node: name(node), copies: *copies }).collect()
    };
    // While copies are still looked at, nobody counts what was repaired meanwhile.
    let is_counted = verification.stage != VerifyStage::Checking;
    let unrepaired = verification.bad_copies_left + verification.lost_copies;
    VerifyReport {
        scope: scope_text(&verification.scope),
        state: match verification.stage {
            VerifyStage::Checking => "checking",
            VerifyStage::Repairing => "repairing",
            VerifyStage::Naming => "naming",
            VerifyStage::Finished => "finished",
        }
        .to_owned(),
        began: verification.began.to_iso_8601(),
        finished: verification.finished.map(|finished| finished.to_iso_8601()),
        paused: jobs.paused(awaited(verification.stage)),
        is_good: verification.is_good(),
        blobs_expected: verification.blobs_expected,
        objects: verification.objects,
        blobs: verification.blobs,
        bytes: verification.bytes,
        intact_copies: verification.intact_copies,
        bad_copies: verification.bad_copies,
        repaired_copies: if is_counted { verification.bad_copies.saturating_sub(unrepaired) } else { 0 },
        bad_copies_left: verification.bad_copies_left,
        bad_nodes: by_node(&verification.bad_nodes),
        unasked: by_node(&verification.unasked),
        lost_blobs: verification.lost_blobs,
        lost_objects: verification.lost_objects,
        named: verification
            .named
            .iter()
            .map(|lost| LostObject {
                bucket: lost.bucket.clone(),
                key: lost.key.clone(),
                version: lost.version.map(|version| version.to_string()),
                blob: lost.blob.to_string(),
            })
            .collect(),
    }
}

fn unavailable(error: impl Display) -> OperationError {
    OperationError::Unavailable(error.to_string())
}
