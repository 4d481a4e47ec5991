//! `larder node`: one storage node as a process of its own.
//!
//! The order at the start: identity, port, cluster, volume. A node that has never joined asks the gateway which cluster it
//! belongs to before it makes its volume, so that a volume always belongs to one.

use super::{
    bind::{bind, reachable_address},
    credentials::require_cluster_secret,
    directories::{self, DataDirectory},
    process::{DRAIN_LIMIT, Process},
    signals::Signals,
    usage::UsageError,
    volume_places,
};
use crate::{
    config::{Secret, Settings},
    node::{
        ClusterSecret, NodeApi, PeerConnector, Peers, RemoteParts,
        identity::NodeIdentity,
        registration::{CallError, GatewayClient, GatewayClientParts, Reporter},
        server::{
            NodeParts, NodeService,
            http::{ServeParts, serve},
        },
    },
    types::ClusterId,
    volume::RealDisk,
};
use anyhow::Context;
use std::{net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::spawn_blocking, time::sleep};

/// Between two attempts to learn the cluster at the first start: a gateway that starts at the same time is soon there.
const JOIN_PAUSE: Duration = Duration::from_secs(1);

/// What `larder node` needs and has no default for.
struct Required {
    gateway: String,
    secret: Secret,
}

fn required(settings: &Settings) -> anyhow::Result<Required> {
    volume_places::check(&settings.process.volumes)?;
    let gateway = settings.process.gateway.clone();
    let gateway = gateway.ok_or(UsageError::Missing { flag: "--gateway", meaning: "the gateway's admin address" })?;
    Ok(Required { gateway, secret: require_cluster_secret(&settings.process)? })
}

/// Runs a node until it is told to stop.
pub async fn run(process: Process, settings: Settings) -> anyhow::Result<()> {
    let Required { gateway, secret } = required(&settings)?;
    let secret = ClusterSecret::new(secret.reveal().as_bytes())?;
    let data = DataDirectory::claim(directories::wanted(&settings.process)?)?;
    let directory = data.node();
    let mut identity = NodeIdentity::load_or_make(&directory, "", &*process.random)?;
    let (listener, address) = listen(&settings, &directory, &mut identity).await?;
    let reachable = reachable_address(settings.process.advertise.as_deref(), address)?;

    let node_settings = Arc::new(settings.node.clone());
    let mut client = GatewayClient::new(GatewayClientParts {
        gateway,
        secret: secret.clone(),
        cluster: identity.cluster,
        deadline: node_settings.node_request_timeout.0,
        random: process.random.clone(),
    })?;
    let cluster = match identity.cluster {
        Some(cluster) => cluster,
        None => learn_cluster(&mut client).await?,
    };
    identity.join(&directory, cluster)?;

    let remote = RemoteParts {
        secret: secret.clone(),
        cluster,
        settings: node_settings.clone(),
        random: process.random.clone(),
    };
    let peers = Peers::new(remote);
    let parts = NodeParts {
        directory,
        volumes: settings.process.volumes.clone(),
        node: identity.node,
        cluster,
        disk: Arc::new(RealDisk),
        volume_settings: settings.volume.clone(),
        settings: node_settings.clone(),
        peers: Arc::new(peers.clone()) as Arc<dyn PeerConnector>,
        random: process.random.clone(),
        clock: process.clock.clone(),
    };
    let service = open(parts).await?;
    let node: Arc<dyn NodeApi> = Arc::new(service.clone());
    peers.add_local(&node);

    let serving = ServeParts {
        service: service.clone(),
        secret,
        settings: node_settings.clone(),
        random: process.random.clone(),
    };
    process.shutdown.spawn(serve(listener, serving, process.shutdown.clone()));
    let name = display_name(&identity);
    let zone = settings.process.zone.clone().unwrap_or_else(|| name.clone());
    let reporter = Reporter {
        client,
        node,
        peers,
        cluster,
        name,
        address: reachable.clone(),
        zone,
        settings: node_settings,
        random: process.random.clone(),
    };
    process.shutdown.spawn(reporter.run(process.shutdown.clone()));
    // Until here a signal ends the process at once, which is as safe as any crash.
    let signals = Signals::listen()?;
    println!("Node {} of cluster {cluster} listens on {address}, reachable at {reachable}", identity.node);

    signals.serve(&process.shutdown, || tracing::info!("SIGHUP has no meaning for a node")).await;
    process.shutdown.drained(DRAIN_LIMIT).await;
    close(vec![service]).await;
    drop(data);
    Ok(())
}

/// Short, and the same at every start: nobody has to think of names before they matter.
fn display_name(identity: &NodeIdentity) -> String {
    let id = identity.node.to_string();
    format!("node-{}", id.get(..8).unwrap_or(&id))
}

/// Binds the address; port 0 takes a free port once and keeps it.
async fn listen(
    settings: &Settings,
    directory: &Path,
    identity: &mut NodeIdentity,
) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let wanted = match (settings.process.address.strip_suffix(":0"), identity.port) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        _ => settings.process.address.clone(),
    };
    let (listener, address) = bind(&wanted).await?;
    if settings.process.address.ends_with(":0") {
        identity.keep_port(directory, address.port())?;
    }
    Ok((listener, address))
}

/// Asks until the gateway answers. Another secret is an error at once: waiting does not change it.
async fn learn_cluster(client: &mut GatewayClient) -> anyhow::Result<ClusterId> {
    let mut has_told = false;
    loop {
        match client.learn_cluster().await {
            Ok(cluster) => return Ok(cluster),
            Err(error @ (CallError::Unreachable(_) | CallError::Refused(_))) => {
                if !has_told {
                    tracing::warn!(%error, "the gateway is not there yet; trying again");
                    has_told = true;
                }
                sleep(JOIN_PAUSE).await;
            }
            Err(error) => return Err(error).context("cannot join the cluster"),
        }
    }
}

/// Opens a node's volumes, which blocks for as long as recovery takes.
pub async fn open(parts: NodeParts) -> anyhow::Result<NodeService> {
    let (directory, node) = (parts.directory.clone(), parts.node);
    let context = || format!("cannot open the node in {}", directory.display());
    let opened = spawn_blocking(move || NodeService::open(parts)).await.with_context(context)?;
    let (service, reports) = opened.with_context(context)?;
    for report in reports {
        tracing::info!(%node, ?report, "volume open");
    }
    Ok(service)
}

/// Closes nodes side by side, so that their next start needs no recovery. That one can't be closed is told: its next
/// start recovers.
pub async fn close(services: Vec<NodeService>) {
    let closing = services.into_iter().map(|service| spawn_blocking(move || service.close()));
    for closed in futures_util::future::join_all(closing).await {
        match closed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "a volume was not closed in order"),
            Err(error) => tracing::error!(%error, "closing a volume panicked"),
        }
    }
}
