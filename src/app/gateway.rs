//! The gateway: metadata, cluster, access keys, objects, and the two addresses that it serves. A `gateway` process is
//! this alone; a `server` brings nodes along.
//!
//! Order at the start: metadata (which names the cluster), nodes inside the process, the cluster's reign, then the
//! addresses: nothing is answered before everything that an answer needs is there. The end goes the other way round.

use super::{
    answers::GatewayAnswers,
    backup::remove_leftovers,
    bind::{bind, resolve},
    credentials::{RootCredentials, find_or_make_cluster_secret, require_cluster_secret},
    directories::{self, DataDirectory},
    embedded_nodes::EmbeddedNodes,
    gauges,
    greeting::{Embedded, Greeting, Scheme},
    jobs::Jobs,
    lost_metadata::refuse_to_begin_anew,
    node_calls::Door,
    operations::GatewayOperations,
    process::{DRAIN_LIMIT, Process},
    readiness::WriteReadiness,
    recover::{self, RecoverParts},
    signals::Signals,
    totals::CountedTotals,
};
use crate::{
    admin::{self, Admin, Doorkeeper, OperatorCredentials},
    cluster::{Cluster, ClusterError, ClusterParts, NamedNode, Share, Succession},
    config::{Secret, Settings},
    identity::{AccessKeys, RootKey},
    metadata::{Metadata, MetadataError},
    node::{ClusterSecret, Peers, RemoteParts, registration::RegistrationDoor},
    objects::Objects,
    runtime::make_durable_directory,
    s3::{S3Listener, S3Parts, S3Service, TlsIdentity, WebsiteService, body::Direction, ops::ObjectOperations},
};
use anyhow::Context;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::time::timeout;

/// Runs a gateway with nodes in the same process.
pub async fn run_server(process: Process, settings: Settings) -> anyhow::Result<()> {
    let tls = tls(&settings)?;
    let data = DataDirectory::claim(directories::wanted(&settings.process)?)?;
    refuse_to_begin_anew(&data, &settings.process)?;
    let secret = find_or_make_cluster_secret(&settings.process, data.root(), &*process.random)?;
    let start = Start { process, settings, data, secret, tls };
    start.recover(start.settings.process.nodes).await?;
    let metadata = start.open_metadata().await?;
    let peers = start.peers(&metadata)?;
    let (nodes, members) =
        EmbeddedNodes::open(&start.process, &start.settings, &start.data, metadata.cluster_id(), &peers).await?;
    gauges::register_volumes(&start.process.metrics, &nodes);
    let cluster = start.cluster(&metadata, peers, nodes.apis()).await?;
    for member in &members {
        // Each is a zone: the copies go to different directories, which is all that one process can do.
        cluster.register_embedded(member.node, &member.name, &member.name).await?;
    }
    let embedded = Embedded { nodes: start.settings.process.nodes, replicas: start.settings.cluster.replicas };
    start.serve(metadata, cluster, Some(embedded)).await?;
    nodes.close().await;
    Ok(())
}

/// Runs a gateway whose nodes are processes of their own.
pub async fn run_gateway(process: Process, settings: Settings) -> anyhow::Result<()> {
    let secret = require_cluster_secret(&settings.process)?;
    let tls = tls(&settings)?;
    let data = DataDirectory::claim(directories::wanted(&settings.process)?)?;
    let start = Start { process, settings, data, secret, tls };
    start.recover(0).await?;
    let metadata = start.open_metadata().await?;
    let peers = start.peers(&metadata)?;
    let cluster = start.cluster(&metadata, peers, Vec::new()).await?;
    start.serve(metadata, cluster, None).await
}

/// Read before anything is made on the disk, so that a wrong path leaves nothing behind.
fn tls(settings: &Settings) -> anyhow::Result<Option<TlsIdentity>> {
    TlsIdentity::of(&settings.s3).context("cannot use the TLS certificate and its key")
}

/// What a gateway starts from.
struct Start {
    process: Process,
    settings: Settings,
    data: DataDirectory,
    secret: Secret,
    tls: Option<TlsIdentity>,
}

impl Start {
    /// Makes the metadata anew of the nodes' command log, where that is asked for.
    async fn recover(&self, embedded: u32) -> anyhow::Result<()> {
        if !recover::is_wanted(&self.settings.process) {
            return Ok(());
        }
        let (process, settings, data) = (&self.process, &self.settings, &self.data);
        let (secret, succession) = (self.cluster_secret()?, self.succession());
        RecoverParts { process, settings, data, secret, embedded, succession }.recover().await
    }

    /// Opens the metadata, after restoring it from a backup where that is asked for.
    async fn open_metadata(&self) -> anyhow::Result<Metadata> {
        let Process { clock, random, .. } = &self.process;
        let directory = self.data.metadata();
        make_durable_directory(&directory)?;
        remove_leftovers(self.data.root())?;
        if let Some(file) = &self.settings.process.restore {
            let restored = Metadata::restore(file, &directory, &**clock, &**random).await;
            let history = restored.with_context(|| format!("cannot restore from {}", file.display()))?;
            tracing::warn!(file = %file.display(), %history, "the metadata was restored: a new history begins");
        }
        let opened = Metadata::open(&directory, &self.settings.metadata, clock.clone(), random.clone()).await;
        let is_damaged = opened.as_ref().err().is_some_and(MetadataError::is_damage);
        let metadata = opened.context("cannot open the metadata");
        let metadata = if is_damaged { metadata.with_context(|| self.advice()) } else { metadata }?;
        if metadata.needs_confirmation() {
            tracing::warn!(
                "the metadata was restored from a backup: nothing is reclaimed before `larder admin metadata confirm`"
            );
        }
        Ok(metadata)
    }

    fn cluster_secret(&self) -> anyhow::Result<ClusterSecret> {
        ClusterSecret::new(self.secret.reveal().as_bytes()).context("the cluster secret cannot be used")
    }

    fn peers(&self, metadata: &Metadata) -> anyhow::Result<Peers> {
        Ok(Peers::new(RemoteParts {
            secret: self.cluster_secret()?,
            cluster: metadata.cluster_id(),
            settings: Arc::new(self.settings.node.clone()),
            random: self.process.random.clone(),
        }))
    }

    async fn cluster(&self, metadata: &Metadata, peers: Peers, present: Vec<NamedNode>) -> anyhow::Result<Cluster> {
        let parts = ClusterParts {
            metadata: metadata.clone(),
            connector: Arc::new(peers),
            present,
            settings: self.settings.cluster.clone(),
            clock: self.process.clock.clone(),
            random: self.process.random.clone(),
            shutdown: self.process.shutdown.clone(),
            succession: self.succession(),
        };
        let started = Cluster::start(parts).await;
        let is_damaged = matches!(started, Err(ClusterError::DamagedMetadata(_) | ClusterError::EndLost { .. }));
        let cluster = started.context("cannot begin to reign over the cluster");
        if is_damaged { cluster.with_context(|| self.advice()) } else { cluster }
    }

    fn succession(&self) -> Succession {
        if self.settings.process.take_over { Succession::AtOnce } else { Succession::WhenFree }
    }

    /// What to do about metadata that no gateway can start on.
    fn advice(&self) -> String {
        let directory = self.data.root().display();
        format!(
            "the metadata is damaged: move {directory}/metadata away and start with --recover, which makes it anew of what the \
             nodes keep of it; or restore the newest backup (--restore FILE). `larder admin doctor --offline {directory}` says \
             where it is damaged (docs/recovering.md)"
        )
    }

    /// Serves both addresses until the shutdown, then lets requests finish and closes the metadata.
    async fn serve(&self, metadata: Metadata, cluster: Cluster, embedded: Option<Embedded>) -> anyhow::Result<()> {
        let Process { random, clock, shutdown, .. } = &self.process;
        let credentials = RootCredentials::find_or_make(&self.settings.process, self.data.root(), &**random)?;
        let secret_key = credentials.secret_key.reveal();
        let root = RootKey { access_key: credentials.access_key.clone(), secret: secret_key.into() };
        let store = Arc::new(metadata.clone());
        let keys = AccessKeys::new(root, self.secret.reveal().as_bytes(), store, clock.clone(), random.clone())?;

        let settings = &self.settings.objects;
        let objects = Objects::new(metadata.clone(), cluster.clone(), settings, clock.clone(), random.clone())
            .context("cannot start the threads that hash")?;
        let s3 = self.s3(&objects, &cluster, &keys);
        gauges::register_s3(&self.process.metrics, &s3);
        let s3_address = resolve(&self.settings.process.address).await?;
        let s3_listener = S3Listener::bind(s3_address, self.tls.clone(), &self.settings.s3).await?;
        let s3_address = s3_listener.local_address()?;
        let website = self.serve_websites(&s3, objects.clone()).await?;
        let admin = self.admin(&metadata, &cluster, &objects, keys, &credentials).await?;
        let (admin_listener, admin_address) = bind(&self.settings.process.admin_address).await?;
        shutdown.spawn(admin::serve(admin_listener, admin::router(admin), shutdown.clone()));
        await_command_log(&metadata, &cluster).await;
        shutdown.spawn(s3_listener.serve(s3, shutdown.clone()));

        let greeting = Greeting {
            scheme: if self.tls.is_some() { Scheme::Https } else { Scheme::Http },
            s3: s3_address,
            admin: admin_address,
            website,
            data: self.data.root(),
            credentials: &credentials,
            embedded,
        };
        // Until here a signal ends the process at once, which is as safe as any crash.
        let signals = Signals::listen()?;
        println!("{greeting}");
        signals.serve(shutdown, || reload(self.tls.as_ref())).await;
        if !shutdown.drained(DRAIN_LIMIT).await {
            tracing::warn!("requests under way were broken off");
        }
        // What the nodes have seen tells this metadata from an older copy at the next start.
        cluster.tell_nodes().await;
        metadata.close().await;
        Ok(())
    }

    /// Where buckets are websites, when that was asked for.
    async fn serve_websites(&self, s3: &S3Service, objects: Objects) -> anyhow::Result<Option<SocketAddr>> {
        let Some(address) = &self.settings.process.website_address else { return Ok(None) };
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let listener = S3Listener::bind(resolve(address).await?, self.tls.clone(), &self.settings.s3).await?;
        let bound = listener.local_address()?;
        let websites = WebsiteService::new(s3.clone(), objects, &self.settings.s3.website_domain, scheme);
        self.process.shutdown.spawn(listener.serve(websites, self.process.shutdown.clone()));
        Ok(Some(bound))
    }

    fn s3(&self, objects: &Objects, cluster: &Cluster, keys: &AccessKeys) -> S3Service {
        let Process { clock, random, .. } = &self.process;
        let budget = cluster.budget().clone();
        S3Service::new(S3Parts {
            operations: Arc::new(ObjectOperations::new(objects.clone())),
            authenticator: keys.authenticator().clone(),
            settings: self.settings.s3.clone(),
            clock: clock.clone(),
            random: random.clone(),
            has_waiters: Box::new(move |direction| {
                budget.has_waiters(match direction {
                    Direction::FromClient => Share::Upload,
                    Direction::ToClient => Share::Download,
                })
            }),
            activity: cluster.activity().clone(),
        })
    }

    async fn admin(
        &self,
        metadata: &Metadata,
        cluster: &Cluster,
        objects: &Objects,
        keys: AccessKeys,
        credentials: &RootCredentials,
    ) -> anyhow::Result<Admin> {
        let Process { clock, random, metrics, shutdown } = &self.process;
        let operator = OperatorCredentials {
            access_key: credentials.access_key.clone(),
            secret_key: credentials.secret_key.reveal().into(),
        };
        let totals = Arc::new(CountedTotals::new(metadata.clone(), clock.clone()));
        let jobs = Jobs::start(metadata, cluster, objects, &totals, clock, shutdown).await?;
        gauges::register_metadata(metrics, metadata, &totals);
        gauges::register_cluster(metrics, cluster);
        let registrar = Arc::new(cluster.clone());
        let door = RegistrationDoor::new(self.cluster_secret()?, metadata.cluster_id(), random.clone(), registrar);
        let answers = GatewayAnswers {
            metadata: metadata.clone(),
            cluster: cluster.clone(),
            objects: objects.clone(),
            keys: keys.clone(),
            random: random.clone(),
            directory: self.data.root().to_owned(),
        };
        let operations = GatewayOperations {
            metadata: metadata.clone(),
            cluster: cluster.clone(),
            keys,
            clock: clock.clone(),
            random: random.clone(),
            directory: self.data.root().to_owned(),
            totals,
            jobs,
        };
        Ok(Admin {
            readiness: Arc::new(WriteReadiness { cluster: cluster.clone(), shutdown: shutdown.clone() }),
            metrics: metrics.clone(),
            doorkeeper: Arc::new(Doorkeeper::new(operator, clock.clone(), random.clone())),
            operations: Arc::new(operations),
            answers: Arc::new(answers),
            node_calls: Arc::new(Door(door)),
        })
    }
}

/// How long clients wait for the command log after a start. Nodes that are there take it within a second, unless the database is
/// long: then the copy that begins it takes its time.
const COMMAND_LOG_LIMIT: Duration = Duration::from_secs(3);

/// What is acknowledged first is to outlive the gateway's disk as what comes later does. Without nodes nothing can be written
/// anyway, and reads wait no longer than this.
async fn await_command_log(metadata: &Metadata, cluster: &Cluster) {
    if cluster.nodes().is_empty() {
        return;
    }
    if timeout(COMMAND_LOG_LIMIT, metadata.log_feed().not_behind()).await.is_err() {
        tracing::warn!("clients are served before the command log is in force: `larder admin status` says when it is");
    }
}

/// SIGHUP: reads the certificate again. What can't be read leaves the old one in use.
fn reload(tls: Option<&TlsIdentity>) {
    match tls.map(TlsIdentity::reload) {
        Some(Ok(())) => tracing::info!("the TLS certificate was read again"),
        Some(Err(error)) => tracing::error!(%error, "the TLS certificate can't be read; the old one stays in use"),
        None => tracing::info!("SIGHUP: there is no TLS certificate to read again"),
    }
}
