//! The node's loop: registers with back-off, then heartbeats, and passes on what the gateway's answers say.

use super::{
    CallError, GatewayClient, GatewayNews, Heartbeat, HeartbeatAnswer, Registration, RegistrationAnswer,
    back_off::BackOff,
};
use crate::{
    node::{NodeApi, NodeError, NodeSettings, Peers, api::NodeStatus},
    runtime::{Random, Shutdown},
    types::{ClusterId, Term},
};
use std::{
    mem::{Discriminant, discriminant},
    sync::Arc,
    time::Duration,
};
use tokio::time::sleep;

/// Reports one node to its gateway until the shutdown begins.
pub struct Reporter {
    pub client: GatewayClient,
    pub node: Arc<dyn NodeApi>,
    pub peers: Peers,
    pub cluster: ClusterId,
    pub name: String,
    /// Where others reach the node: `host:port`.
    pub address: String,
    pub zone: String,
    pub settings: Arc<NodeSettings>,
    pub random: Arc<dyn Random>,
}

/// How it stands with the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Unregistered,
    Registered,
}

/// Why a round did not succeed.
#[derive(Debug, thiserror::Error)]
enum RoundError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the gateway refuses the node: {0}")]
    Refused(String),
    #[error("the gateway does not know the node any more")]
    Unknown,
    #[error("the node can't say how it is: {0}")]
    Node(#[from] NodeError),
}

impl Reporter {
    pub async fn run(mut self, shutdown: Shutdown) {
        let mut standing = Standing::Unregistered;
        let mut back_off = BackOff::new(self.settings.heartbeat_interval.0);
        let mut told = None;
        let mut news = GatewayNews { term: Term::default(), witness: None, peers: Vec::new() };
        loop {
            let round = tokio::select! {
                () = shutdown.cancelled() => return,
                round = self.round(standing, &news) => round,
            };
            let pause = match round {
                Ok(learned) => {
                    if standing == Standing::Unregistered {
                        tracing::info!(node = %self.node.id(), term = %learned.term, "registered with the gateway");
                    }
                    self.peers.learn_addresses(learned.peers.clone());
                    news = learned;
                    standing = Standing::Registered;
                    back_off.reset();
                    told = None;
                    self.settings.heartbeat_interval.0
                }
                Err(error) => self.note(&error, &mut standing, &mut told, &mut back_off),
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = sleep(pause) => {}
            }
        }
    }

    /// One registration or heartbeat.
    async fn round(&mut self, standing: Standing, news: &GatewayNews) -> Result<GatewayNews, RoundError> {
        let status = self.status(news).await?;
        let term = status.term;
        match standing {
            Standing::Unregistered => {
                let registration = Registration {
                    node: self.node.id(),
                    cluster: self.cluster,
                    name: self.name.clone(),
                    address: self.address.clone(),
                    zone: self.zone.clone(),
                    status,
                };
                match self.client.register(term, &registration).await? {
                    RegistrationAnswer::Welcome(news) => Ok(news),
                    RegistrationAnswer::Refused { reason } => Err(RoundError::Refused(reason)),
                }
            }
            Standing::Registered => match self.client.heartbeat(term, &Heartbeat { status }).await? {
                HeartbeatAnswer::Noted(news) => Ok(news),
                HeartbeatAnswer::Unknown => Err(RoundError::Unknown),
            },
        }
    }

    /// The node's status, after it was told what the gateway said last. A gateway of an older term is told nothing but
    /// how the node is: from that it sees that its reign is over.
    async fn status(&self, news: &GatewayNews) -> Result<NodeStatus, NodeError> {
        match self.node.status(news.term, news.witness).await {
            Err(NodeError::StaleTerm { seen }) => self.node.status(seen, None).await,
            other => other,
        }
    }

    /// Says once per change what is wrong, and how long to wait.
    fn note(
        &self,
        error: &RoundError,
        standing: &mut Standing,
        told: &mut Option<Discriminant<RoundError>>,
        back_off: &mut BackOff,
    ) -> Duration {
        if told.replace(discriminant(error)) != Some(discriminant(error)) {
            tracing::warn!(node = %self.node.id(), %error, "not registered with the gateway; trying again");
        } else {
            tracing::debug!(node = %self.node.id(), %error, "still not registered with the gateway");
        }
        if matches!(error, RoundError::Unknown | RoundError::Refused(_)) {
            *standing = Standing::Unregistered;
        }
        back_off.next(&*self.random)
    }
}
