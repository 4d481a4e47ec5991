//! What `larder admin` asks, carried out over the gateway's parts.

use super::{
    backup::backup_metadata,
    concerns::{concerns, replacement_halts},
    jobs::Jobs,
    last_copies::refuse_last_copies,
    metadata_log::{metadata_log_concern, metadata_log_report},
    node_report::{node_report, waiting_drains},
    scrub_report::scrub_report,
    totals::{CountedTotals, FOR_METRICS, FOR_PEOPLE},
    verify::{begin_verification, newest_verification},
};
use crate::{
    admin::{
        Answer, Backup, CreatedKey, JobOrder, JobReport, KeyReport, KeyState, NodeCounts, NodeDuty, NodeReport,
        OperationError, Operations, ScrubReport, StatusReport,
        verify::{VerifyReport, VerifyRequest},
    },
    cluster::{Cluster, ClusterError, NodeView, Standing},
    identity::{AccessKeys, IdentityError},
    metadata::{Command, CommandError, Metadata, ProposeError, command},
    runtime::{Clock, Random},
};
use futures_util::future::BoxFuture;
use secrecy::ExposeSecret;
use std::{fmt::Display, path::PathBuf, sync::Arc};

/// The background tasks that drain a node.
const DRAINING: [&str; 3] = ["change-groups", "send-missing", "trim-surplus"];

/// The gateway's parts that an operator's questions concern.
pub struct GatewayOperations {
    pub metadata: Metadata,
    pub cluster: Cluster,
    pub keys: AccessKeys,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    /// Where backups are made before they are sent.
    pub directory: PathBuf,
    pub totals: Arc<CountedTotals>,
    pub jobs: Jobs,
}

impl GatewayOperations {
    async fn report_status(&self) -> Result<StatusReport, OperationError> {
        let nodes = self.cluster.nodes();
        let totals = self.totals.get(FOR_PEOPLE).await.map_err(unavailable)?;
        // Whether copies are missing must be true now, not two seconds ago; how many is for people.
        let first_missing = self.metadata.under_replicated(None, None, 1).await.map_err(unavailable)?;
        let missing = if first_missing.is_empty() { 0 } else { totals.under_replicated.max(1) };
        let loss = self.cluster.loss().await.map_err(unavailable)?;
        let mut concerns = concerns(&nodes, self.cluster.can_write(), missing, loss, self.cluster.changing_groups());
        concerns.extend(metadata_log_concern(&self.cluster.command_log_view()));
        concerns.extend(self.cluster.replacement_halt().map(|reason| replacement_halts(&reason)));
        let settings = self.cluster.settings();
        Ok(StatusReport {
            fully_redundant: concerns.is_empty(),
            concerns,
            version: env!("CARGO_PKG_VERSION").into(),
            cluster: self.metadata.cluster_id().to_string(),
            term: self.cluster.term().0,
            commit_sequence: self.metadata.committed().0,
            replicas: settings.replicas.into(),
            write_acks: format!("{:?}", settings.write_acks).to_lowercase(),
            nodes: count(&nodes),
            buckets: totals.buckets,
            blobs: totals.blobs,
            blob_bytes: totals.blob_bytes,
            under_replicated: missing,
            lost_blobs: loss.blobs,
            deletions: totals.deletions,
            uploads: totals.uploads,
            needs_confirmation: self.metadata.needs_confirmation(),
            waiting_drains: waiting_drains(&self.cluster, &nodes),
            paused_jobs: self.jobs.all_paused(),
            metadata_log: metadata_log_report(self.cluster.command_log_view()),
        })
    }

    /// Why the drain of the node does not go on, if it is being drained and does not.
    fn drain_waits_for(&self, node: &NodeView) -> Option<String> {
        let is_under_way = node.row.duty == command::NodeDuty::Draining && node.group_count + node.left_group_count > 0;
        let paused = if is_under_way { self.jobs.paused(&DRAINING) } else { Vec::new() };
        let obstacle = self.cluster.drain_waits_for(node).map(|obstacle| obstacle.to_string());
        obstacle.or_else(|| {
            paused.first().map(|job| format!("{job} is paused; `larder admin jobs resume {job}` lets it go on"))
        })
    }

    async fn confirm(&self) -> Result<(), OperationError> {
        if !self.metadata.needs_confirmation() {
            return Err(OperationError::Conflict("the metadata was not restored: there is nothing to confirm".into()));
        }
        let command = Command::ConfirmHistory { history: self.metadata.history(), at: self.clock.now() };
        self.metadata.propose(command).await.map(drop).map_err(|error| match error {
            ProposeError::Refused(refusal) => refused(&refusal),
            other => unavailable(other),
        })
    }
}

impl Operations for GatewayOperations {
    fn status(&self) -> Answer<'_, StatusReport> {
        Box::pin(self.report_status())
    }

    fn nodes(&self) -> Answer<'_, Vec<NodeReport>> {
        Box::pin(async {
            let nodes = self.cluster.nodes();
            Ok(nodes.iter().map(|node| node_report(node, self.drain_waits_for(node))).collect())
        })
    }

    fn set_node_duty(&self, name: String, duty: NodeDuty) -> Answer<'_, ()> {
        Box::pin(async move {
            let duty = match duty {
                NodeDuty::Serving => command::NodeDuty::Serving,
                NodeDuty::Draining => command::NodeDuty::Draining,
                NodeDuty::Removed => command::NodeDuty::Removed,
            };
            if duty == command::NodeDuty::Removed {
                refuse_last_copies(&self.cluster, &self.metadata, &name).await?;
            }
            self.cluster.set_duty(&name, duty).await.map_err(|error| of_node(&name, error))
        })
    }

    fn begin_scrubs(&self) -> Answer<'_, Vec<ScrubReport>> {
        tracing::info!("the operator has the nodes scrub what they hold");
        Box::pin(async { Ok(self.cluster.begin_scrubs().await.iter().map(scrub_report).collect()) })
    }

    fn scrubs(&self) -> Answer<'_, Vec<ScrubReport>> {
        Box::pin(async { Ok(self.cluster.scrubs().await.iter().map(scrub_report).collect()) })
    }

    fn begin_verification(&self, request: VerifyRequest) -> Answer<'_, VerifyReport> {
        Box::pin(begin_verification(&self.metadata, &self.cluster, &self.jobs, request))
    }

    fn verification(&self) -> Answer<'_, VerifyReport> {
        Box::pin(newest_verification(&self.cluster, &self.jobs))
    }

    fn jobs(&self) -> Answer<'_, Vec<JobReport>> {
        Box::pin(self.jobs.list())
    }

    fn order_job(&self, name: String, order: JobOrder) -> Answer<'_, ()> {
        Box::pin(async move { self.jobs.order(&name, order).await })
    }

    fn keys(&self) -> Answer<'_, Vec<KeyReport>> {
        Box::pin(async {
            let keys = self.keys.list().await.map_err(of_identity)?;
            Ok(keys
                .into_iter()
                .map(|key| KeyReport {
                    access_key: key.access_key,
                    name: key.name,
                    enabled: key.enabled,
                    created: key.created.map(|created| created.to_iso_8601()),
                })
                .collect())
        })
    }

    fn create_key(&self, name: String) -> Answer<'_, CreatedKey> {
        Box::pin(async move {
            let created = self.keys.create(&name).await.map_err(of_identity)?;
            tracing::info!(access_key = created.access_key, name, "access key created");
            let secret_key = created.secret.expose_secret().to_owned();
            Ok(CreatedKey { access_key: created.access_key, secret_key, name: created.name })
        })
    }

    fn set_key_state(&self, access_key: String, state: KeyState) -> Answer<'_, ()> {
        Box::pin(async move {
            let changed = match state {
                KeyState::Enabled => self.keys.enable(&access_key).await,
                KeyState::Disabled => self.keys.disable(&access_key).await,
            };
            changed.map_err(of_identity)?;
            tracing::info!(access_key, ?state, "access key changed");
            Ok(())
        })
    }

    fn delete_key(&self, access_key: String) -> Answer<'_, ()> {
        Box::pin(async move {
            self.keys.delete(&access_key).await.map_err(of_identity)?;
            tracing::info!(access_key, "access key deleted");
            Ok(())
        })
    }

    fn backup_metadata(&self) -> Answer<'_, Backup> {
        Box::pin(backup_metadata(&self.metadata, &self.directory, &*self.random))
    }

    fn confirm_metadata(&self) -> Answer<'_, ()> {
        Box::pin(self.confirm())
    }

    fn count_for_metrics(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            if let Err(error) = self.totals.get(FOR_METRICS).await {
                tracing::warn!(%error, "the totals for the metrics cannot be counted");
            }
        })
    }
}

fn count(nodes: &[NodeView]) -> NodeCounts {
    let mut counts = NodeCounts::default();
    for node in nodes {
        match node.standing {
            Standing::Failed => counts.failed += 1,
            Standing::Frozen | Standing::Slow | Standing::Returning | Standing::Suspect => counts.suspect += 1,
            _ => counts.healthy += 1,
        }
    }
    counts
}

fn of_node(name: &str, error: ClusterError) -> OperationError {
    match error {
        ClusterError::NoSuchNode => OperationError::NotFound(format!("there is no node {name}")),
        ClusterError::NodeInGroups => OperationError::Conflict(format!(
            "groups still count on {name}, or it has not been cleared of those that it left: drain it first (`larder admin node drain \
             {name}` ends when it is empty); a node that is lost is replaced by itself after `replace_after`, where there are enough others"
        )),
        ClusterError::CannotDrain(obstacle) => OperationError::Conflict(format!("{name} can't be drained: {obstacle}")),
        ClusterError::NodeIsInside => OperationError::Conflict(format!(
            "{name} is inside of this server, which would not start without it: it can be drained, not removed"
        )),
        other => unavailable(other),
    }
}

fn unavailable(error: impl Display) -> OperationError {
    OperationError::Unavailable(error.to_string())
}

fn refused(refusal: &CommandError) -> OperationError {
    OperationError::Conflict(refusal.to_string())
}

fn of_identity(error: IdentityError) -> OperationError {
    let text = error.to_string();
    match error {
        IdentityError::NoSuchAccessKey => OperationError::NotFound(text),
        IdentityError::InvalidName | IdentityError::InvalidRootKey(_) => OperationError::Invalid(text),
        IdentityError::AccessKeyExists | IdentityError::IsRootKey => OperationError::Conflict(text),
        IdentityError::DoesNotOpen(_) | IdentityError::Unavailable(_) => OperationError::Unavailable(text),
    }
}
