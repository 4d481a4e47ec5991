//! `Cluster`: the handle that the layers above hold.

use super::{
    bad_copies::{BadCopies, BadCopiesParts},
    budget::Budget,
    command_log::{self, CommandLog, CommandLogView, LostEnd},
    commit::Commits,
    content_reader::ContentReader,
    content_writer::{ContentWriter, Writes, WrittenContent, new_blob_id},
    doubts::Doubts,
    error::{ClusterError, CommitError},
    fetch::Reads,
    in_flight::InFlight,
    known_missing::KnownMissing,
    latency::HedgeAllowance,
    lost_blobs::LostBlobs,
    membership::{Membership, MembershipParts, NodeRegistration},
    probe::{Watch, WatchPace},
    read_registry::{ReadGuard, ReadRegistry},
    reclaim::Reclaimer,
    reign::Reign,
    settings::ClusterSettings,
    strays::Strays,
    succession::{Candidate, NamedNode, Succession},
    verification::Verifications,
};
use crate::{
    metadata::{Command, Ending, Metadata, Outcome, command::NewContent, rows::ObjectLookup},
    node::{
        NodeError, PeerConnector,
        api::PeerAddress,
        registration::{GatewayNews, Heartbeat, HeartbeatAnswer, Registrar, Registration, RegistrationAnswer},
    },
    runtime::{Activity, Clock, Random, Shutdown, rest_percent},
    types::{BlobId, NodeId, Term},
};
use futures_util::future::{BoxFuture, join_all};
use std::{ops::Range, sync::Arc, time::Duration};

/// For the last word to the nodes: a process ends within 10 s of SIGTERM.
const FAREWELL_DEADLINE: Duration = Duration::from_secs(1);

/// What a cluster is made of.
pub struct ClusterParts {
    pub metadata: Metadata,
    /// Knows the nodes of this process and how to reach others.
    pub connector: Arc<dyn PeerConnector>,
    /// The nodes of this process, by name, also those that the metadata does not know.
    pub present: Vec<NamedNode>,
    pub settings: ClusterSettings,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub shutdown: Shutdown,
    pub succession: Succession,
}

/// The storage nodes as one store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Cluster {
    parts: Arc<Handles>,
}

#[derive(Debug)]
struct Handles {
    metadata: Metadata,
    membership: Arc<Membership>,
    reign: Reign,
    registry: ReadRegistry,
    writes: Arc<Writes>,
    reads: Arc<Reads>,
    commits: Commits,
    reclaimer: Reclaimer,
    doubts: Doubts,
    verifications: Verifications,
    lost_blobs: LostBlobs,
    strays: Strays,
    command_log: CommandLog,
    settings: ClusterSettings,
    clock: Arc<dyn Clock>,
}

impl Cluster {
    /// Begins a reign, when no other gateway is in its way, and reads who belongs to the cluster. From then on nodes are watched
    /// until shutdown.
    pub async fn start(parts: ClusterParts) -> Result<Self, ClusterError> {
        let ClusterParts { metadata, connector, present, settings, clock, random, shutdown, succession } = parts;
        let candidate = Candidate {
            metadata: &metadata,
            connector: &*connector,
            clock: &*clock,
            succession,
            suspect_after: settings.suspect_after.0,
        };
        let beginning = candidate.await_turn().await?;
        let copies = usize::from(settings.metadata_log_copies);
        if metadata.last_ending() != Ending::Orderly && copies > 0 {
            LostEnd { metadata: &metadata, connector: &*connector, present: &present, copies }.find().await?;
        }
        metadata.trust_end();
        let command_log = CommandLog::begin(copies, &metadata);
        let reign = Reign::begin(metadata.clone(), clock.clone(), shutdown.clone(), &*random, beginning).await?;
        let doubts = Doubts::default();
        let parts = MembershipParts {
            metadata: metadata.clone(),
            connector,
            reign: reign.clone(),
            clock: clock.clone(),
            doubts: doubts.clone(),
            settings: settings.clone(),
        };
        let membership = Membership::load(parts).await?;
        let membership = Arc::new(membership);
        let topology = membership.topology().clone();
        let chunk_size = settings.chunk_size_bytes();
        let budget = Budget::new(settings.memory_budget, chunk_size, settings.memory_wait.0, clock.clone());
        let known_missing = KnownMissing::default();
        let bad_copies = BadCopies::new(BadCopiesParts {
            metadata: metadata.clone(),
            reign: reign.clone(),
            known_missing: known_missing.clone(),
            clock: clock.clone(),
            shutdown: shutdown.clone(),
        });
        let writes = Writes {
            topology: topology.clone(),
            budget: budget.clone(),
            in_flight: InFlight::default(),
            reign: reign.clone(),
            clock: clock.clone(),
            random,
            chunk_size,
            straggler_wait: settings.straggler_wait.0,
            quorum_wait: settings.quorum_wait.0,
            activity: Arc::default(),
        };
        let reads = Reads {
            topology: topology.clone(),
            budget,
            metadata: metadata.clone(),
            reign: reign.clone(),
            clock: clock.clone(),
            hedges: HedgeAllowance::new(settings.hedged_reads_percent),
            bad_copies: Arc::new(bad_copies),
            known_missing: known_missing.clone(),
            straggler_wait: settings.straggler_wait.0,
            stats: Default::default(),
            activity: writes.activity.clone(),
        };
        let pace = WatchPace {
            probe_interval: settings.probe_interval.0,
            suspect_after: settings.suspect_after.0,
            prompt_within: settings.straggler_wait.0,
        };
        let watch = Watch::new(membership.clone(), metadata.clone(), clock.clone(), shutdown.clone(), pace);
        shutdown.spawn(watch.run());
        let registry = ReadRegistry::default();
        let reclaimer = Reclaimer::new(
            metadata.clone(),
            reign.clone(),
            writes.in_flight.clone(),
            registry.clone(),
            clock.clone(),
            settings.grace_period.0,
        );
        let handles = Handles {
            commits: Commits { metadata: metadata.clone(), topology, reign: reign.clone(), known_missing },
            metadata,
            membership,
            reign,
            registry,
            reclaimer,
            doubts,
            verifications: Verifications::default(),
            lost_blobs: LostBlobs::default(),
            strays: Strays::default(),
            command_log,
            writes: Arc::new(writes),
            reads: Arc::new(reads),
            settings,
            clock,
        };
        let this = Self { parts: Arc::new(handles) };
        command_log::start(&this, &shutdown);
        Ok(this)
    }

    /// Makes a node of this process a member.
    pub async fn register_embedded(&self, node: NodeId, name: &str, zone: &str) -> Result<(), ClusterError> {
        let address = PeerAddress { node, address: None };
        let unknown = ClusterError::Malformed("the node is not in this process");
        let api = self.parts.membership.connector().connect(&address).ok_or(unknown)?;
        let ask = || api.status(self.term(), Some(self.parts.reign.witness()));
        let mut asked = ask().await;
        if let Err(NodeError::StaleTerm { seen }) = asked {
            self.parts.reign.overtaken(seen).await?;
            asked = ask().await;
        }
        let status = asked.map_err(|error| ClusterError::Node(format!("{name}: {error}")))?;
        let registration =
            NodeRegistration { node, name: name.to_owned(), address: None, zone: zone.to_owned(), status };
        self.parts.membership.register(registration).await
    }

    /// Tells every node of the newest metadata, as far as they answer within a moment: the last thing before the end.
    pub async fn tell_nodes(&self) {
        let topology = self.parts.membership.topology().load_full();
        let witness = self.parts.reign.witness();
        let nodes = topology.nodes().filter(|(_, standing)| standing.is_reachable());
        let telling = nodes.map(|(node, _)| node.api.status(self.term(), Some(witness)));
        // A node that does not hear it has seen what the last probe told.
        let _ = tokio::time::timeout(FAREWELL_DEADLINE, join_all(telling)).await;
    }

    /// Registers a read: from before its look-up until its body ended, what it may have found is not reclaimed.
    pub fn begin_read(&self) -> ReadGuard {
        self.parts.registry.begin(|| self.parts.metadata.committed())
    }

    /// Begins to write a content. `length_hint` is its length as far as it is known: what can't have room is refused
    /// before a byte is moved.
    pub async fn write(&self, length_hint: Option<u64>) -> Result<ContentWriter, ClusterError> {
        self.parts.writes.topology.load().can_write(length_hint.unwrap_or(0))?;
        Ok(ContentWriter::new(self.parts.writes.clone()))
    }

    /// Reads `range`, bytes of the content that `lookup` found; its extents must begin at or before the range. Extents
    /// that it lacks are asked for.
    pub fn read(&self, guard: ReadGuard, lookup: &ObjectLookup, range: Range<u64>) -> ContentReader {
        ContentReader::new(self.parts.reads.clone(), guard, lookup, range)
    }

    /// Proposes the command that names the written content. Its blobs stay in flight until the outcome is known, also when
    /// this future is dropped. When a group moved meanwhile, its members pull first and the command is proposed again.
    pub async fn commit(
        &self,
        written: WrittenContent,
        command: impl Fn(NewContent) -> Command + Send,
    ) -> Result<Outcome, CommitError> {
        self.parts.commits.commit(written, command).await
    }

    /// Whether a write can succeed now; the error says what is missing.
    pub fn can_write(&self) -> Result<(), ClusterError> {
        if self.metadata().is_full() {
            return Err(ClusterError::MetadataFull);
        }
        self.parts.writes.topology.load().can_write(0)
    }

    /// The memory for data on its way.
    pub fn budget(&self) -> &Budget {
        &self.parts.writes.budget
    }

    pub fn settings(&self) -> &ClusterSettings {
        &self.parts.settings
    }

    pub fn term(&self) -> Term {
        self.parts.reign.term()
    }

    pub(super) fn metadata(&self) -> &Metadata {
        &self.parts.metadata
    }

    pub(super) fn membership(&self) -> &Membership {
        &self.parts.membership
    }

    pub(super) fn registry(&self) -> &ReadRegistry {
        &self.parts.registry
    }

    pub(super) fn in_flight(&self) -> &InFlight {
        &self.parts.writes.in_flight
    }

    pub(super) fn reclaimer(&self) -> &Reclaimer {
        &self.parts.reclaimer
    }

    pub(super) fn strays(&self) -> &Strays {
        &self.parts.strays
    }

    pub(super) fn command_log(&self) -> &CommandLog {
        &self.parts.command_log
    }

    /// How the metadata is kept on nodes.
    pub fn command_log_view(&self) -> CommandLogView {
        self.parts.command_log.view(&self.parts.metadata, &self.parts.membership.topology().load())
    }

    pub(super) fn new_blob_id(&self) -> BlobId {
        new_blob_id(&*self.parts.clock, &*self.parts.writes.random)
    }

    pub(super) fn doubts(&self) -> &Doubts {
        &self.parts.doubts
    }

    pub(super) fn verifications(&self) -> &Verifications {
        &self.parts.verifications
    }

    pub(super) fn lost_blobs(&self) -> &LostBlobs {
        &self.parts.lost_blobs
    }

    pub(super) fn reign(&self) -> &Reign {
        &self.parts.reign
    }

    pub(super) fn reads(&self) -> &Reads {
        &self.parts.reads
    }

    pub(super) fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// Where what clients ask is counted.
    pub fn activity(&self) -> &Arc<Activity> {
        &self.parts.writes.activity
    }

    /// How busy clients keep this gateway, from 0 to 1: background work gives way to them.
    pub fn busyness(&self) -> f64 {
        self.parts.writes.activity.busyness(self.parts.clock.monotonic())
    }

    /// How long work on a node that is done for no client rests after each piece of it.
    pub(super) fn rest_percent(&self) -> u32 {
        rest_percent(self.busyness())
    }

    fn news(&self) -> GatewayNews {
        let topology = self.parts.membership.topology().load();
        let peers = topology.nodes().map(|(node, _)| node.peer_address()).filter(|peer| peer.address.is_some());
        GatewayNews { term: self.term(), witness: Some(self.parts.reign.witness()), peers: peers.collect() }
    }
}

/// What node processes say to the gateway.
impl Registrar for Cluster {
    fn register(&self, registration: Registration) -> BoxFuture<'_, RegistrationAnswer> {
        Box::pin(async move {
            if registration.cluster != self.parts.metadata.cluster_id() {
                let reason = "the node's data belongs to another cluster".to_owned();
                return RegistrationAnswer::Refused { reason };
            }
            let Registration { node, name, address, zone, status, .. } = registration;
            let registration = NodeRegistration { node, name, address: Some(address), zone, status };
            match self.parts.membership.register(registration).await {
                Ok(()) => RegistrationAnswer::Welcome(self.news()),
                Err(error) => RegistrationAnswer::Refused { reason: error.to_string() },
            }
        })
    }

    fn heartbeat(&self, heartbeat: Heartbeat) -> BoxFuture<'_, HeartbeatAnswer> {
        Box::pin(async move {
            match self.parts.membership.heartbeat(heartbeat.status).await {
                true => HeartbeatAnswer::Noted(self.news()),
                false => HeartbeatAnswer::Unknown,
            }
        })
    }

    fn term(&self) -> Term {
        self.parts.reign.term()
    }
}
