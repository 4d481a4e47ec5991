//! The network between the processes: every connection between gateway and nodes, and between nodes, goes through a
//! door of this wire, which knows from the system who connects. So each link has a weather of its own, in each direction.

use crate::party::Party;
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

/// What becomes of the connections from one party to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weather {
    #[default]
    Clear,
    /// Connections end, and new ones are closed at once.
    Refused,
    /// Nothing gets through in either direction; it arrives when the weather changes, as what TCP sends again does.
    Silent,
    RequestsHeld,
    AnswersHeld,
    /// The other side ended without a word: what is sent is lost for ever, no answer comes, no connection ends.
    HalfOpen,
    /// Each byte arrives this much later.
    Late(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    Request,
    Answer,
}

/// Read at once from a connection.
const PIECE_LENGTH: usize = 64 << 10;
/// Pieces on their way in one direction: what late weather may have in the air.
const PIECES_MAX: usize = 64;

impl Weather {
    fn holds(self, direction: Direction) -> bool {
        match self {
            Self::Silent => true,
            Self::RequestsHeld => direction == Direction::Request,
            Self::AnswersHeld => direction == Direction::Answer,
            Self::Clear | Self::Refused | Self::HalfOpen | Self::Late(_) => false,
        }
    }

    fn delay(self) -> Duration {
        match self {
            Self::Late(delay) => delay,
            _ => Duration::ZERO,
        }
    }
}

/// From whom to whom.
pub type Link = (Party, Party);

/// Cheap to clone; its doors are open as long as the runtime runs.
#[derive(Clone, Default)]
pub struct Wire {
    links: Arc<Mutex<HashMap<Link, watch::Sender<Weather>>>>,
    /// The processes that run now, by their id.
    processes: Arc<Mutex<HashMap<u32, Party>>>,
}

impl Wire {
    pub fn runs(&self, party: Party, process: u32) {
        let mut processes = lock(&self.processes);
        processes.retain(|_, other| *other != party);
        processes.insert(process, party);
    }

    pub fn set(&self, from: Party, to: Party, weather: Weather) {
        self.link(from, to, |link| link.send_replace(weather));
    }

    /// An address at which `to` is reached over this wire, whoever asks; it itself listens at `address`.
    pub async fn door(&self, to: Party, address: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let door = listener.local_addr().expect("a bound listener has an address");
        let wire = self.clone();
        tokio::spawn(async move {
            loop {
                // A failed accept is one of the connection's own, or too many descriptors for a moment.
                let Ok((stream, peer)) = listener.accept().await else { continue };
                let wire = wire.clone();
                tokio::spawn(async move {
                    // The system's list of connections may be long, and others wait at the door.
                    let asked = wire.clone();
                    let who = tokio::task::spawn_blocking(move || asked.who_connects(peer, door)).await;
                    if let Ok(Some(from)) = who {
                        carry(stream, address, wire.link(from, to, watch::Sender::subscribe)).await;
                    }
                });
            }
        });
        door
    }

    fn link<T>(&self, from: Party, to: Party, act: impl FnOnce(&watch::Sender<Weather>) -> T) -> T {
        act(lock(&self.links).entry((from, to)).or_insert_with(|| watch::Sender::new(Weather::Clear)))
    }

    /// `None` for a connection that is gone already and for strangers.
    fn who_connects(&self, peer: SocketAddr, door: SocketAddr) -> Option<Party> {
        let socket = format!("socket:[{}]", inode_of(peer, door)?);
        let processes = lock(&self.processes).clone();
        processes.into_iter().find(|(process, _)| has_open(*process, &socket)).map(|(_, party)| party)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The socket with these two ends, as `/proc/net/tcp` lists it: local address, far address, and in the tenth field the
/// inode. All of it is on 127.0.0.1, so the ports say enough.
fn inode_of(local: SocketAddr, far: SocketAddr) -> Option<String> {
    let (local, far) = (format!(":{:04X}", local.port()), format!(":{:04X}", far.port()));
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    table.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let is_it = fields.get(1)?.ends_with(&local) && fields.get(2)?.ends_with(&far);
        is_it.then(|| fields.get(9).map(|inode| (*inode).to_owned())).flatten()
    })
}

fn has_open(process: u32, socket: &str) -> bool {
    let Ok(descriptors) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    descriptors.flatten().any(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == socket))
}

/// One connection from its beginning to its end.
async fn carry(mut client: TcpStream, to: SocketAddr, weather: watch::Receiver<Weather>) {
    let mut changes = weather.clone();
    let ends = |now: &Weather| matches!(now, Weather::Refused | Weather::HalfOpen);
    {
        let Ok(mut server) = connect(to, &weather).await else { return };
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let both = async {
            tokio::join!(
                pump(from_client, to_server, Direction::Request, weather.clone()),
                pump(from_server, to_client, Direction::Answer, weather)
            )
        };
        tokio::select! {
            _ = both => return,
            _ = changes.wait_for(ends) => {}
        }
    }
    if *changes.borrow() == Weather::HalfOpen {
        // Read, so that the client's bytes vanish as on a dead line, until it gives up.
        let mut lost = vec![0; PIECE_LENGTH];
        while client.read(&mut lost).await.is_ok_and(|length| length > 0) {}
    }
}

/// In bad weather even the connection waits: its first bytes would not get through.
async fn connect(to: SocketAddr, weather: &watch::Receiver<Weather>) -> std::io::Result<TcpStream> {
    let delay = weather.borrow().delay();
    tokio::time::sleep(delay).await;
    TcpStream::connect(to).await
}

/// Moves bytes in one direction, each not before its time, none while the weather holds them.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    direction: Direction,
    weather: watch::Receiver<Weather>,
) {
    let (sender, mut air) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let mut changes = weather.clone();
    let take = async move {
        let mut piece = vec![0; PIECE_LENGTH];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            let due = Instant::now() + weather.borrow().delay();
            if sender.send((due, piece[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let give = async move {
        while let Some((due, piece)) = air.recv().await {
            sleep_until(due).await;
            // The sender of the weather outlives every connection.
            let _ = changes.wait_for(|now| !now.holds(direction)).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(take, give);
}
