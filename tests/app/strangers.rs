//! Strangers who connect to the admin address and say next to nothing: more of them than it holds, and whoever is sent away
//! comes again.

use crate::support::cluster::Cluster;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

const STRANGERS: usize = 1200;
/// For the strangers and for what else a test has open.
const OPEN_FILES: u64 = 4096;

/// Holds connections until it is dropped.
struct Crowd {
    _runtime: tokio::runtime::Runtime,
    _strangers: JoinSet<()>,
}

impl Crowd {
    /// Returns when so many connections were made.
    fn gather(address: &str) -> Self {
        let limit = getrlimit(Resource::Nofile);
        let wanted = limit.maximum.map_or(OPEN_FILES, |maximum| maximum.min(OPEN_FILES));
        if limit.current.is_some_and(|current| current < wanted) {
            setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..limit }).expect("below the hard limit");
        }
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (arrived, mut arrivals) = tokio::sync::mpsc::channel(STRANGERS);
        let mut strangers = JoinSet::new();
        for _ in 0..STRANGERS {
            let (address, arrived) = (address.to_owned(), arrived.clone());
            strangers.spawn_on(
                async move {
                    while let Ok(mut stream) = TcpStream::connect(&address).await {
                        // There is room for one of each; more of them say nothing new.
                        let _ = arrived.try_send(());
                        // An error is to be sent away, and so is the end.
                        let _ = stream.write_all(b"POST /cluster/v1/hello HTTP/1.1\r\n").await;
                        let _ = stream.read(&mut [0]).await;
                    }
                },
                runtime.handle(),
            );
        }
        drop(arrived);
        for _ in 0..STRANGERS {
            runtime.block_on(arrivals.recv()).expect("strangers come and stay");
        }
        Self { _runtime: runtime, _strangers: strangers }
    }
}

/// Heartbeats and registrations waited behind them until they timed out.
#[test]
fn nodes_report_and_join_and_operators_are_answered_while_strangers_hold_all_connections() {
    let mut cluster = Cluster::start(3);
    cluster.await_health();
    let crowd = Crowd::gather(&cluster.admin);
    cluster.start_node(4);
    cluster.await_nodes(|nodes| nodes.len() == 4 && nodes.iter().all(|node| node["state"] == "healthy"));
    cluster.await_health();
    drop(crowd);
    for node in &cluster.nodes {
        assert!(!node.log().contains("the gateway did not answer"), "{}", node.log());
    }
}
