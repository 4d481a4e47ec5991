//! Addresses for processes that are started again on the same one.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

/// Below the ports that the system hands out: to a connection it might give one whose process is just being started again.
const FIRST_PORT: u16 = 10_000;
const PORTS: u16 = 20_000;

/// Ports that were looked at.
static TRIED: AtomicU16 = AtomicU16::new(0);

/// A port that is ours over restarts, and given to nobody else, here or in other test processes, before this one ends: it is
/// claimed by a socket for datagrams, which leaves it free for listeners.
pub fn free_address() -> SocketAddr {
    // Others begin elsewhere, or all would try the same ports in turn.
    let begin = std::process::id().wrapping_mul(37);
    for _ in 0..PORTS {
        let tried = u32::from(TRIED.fetch_add(1, Ordering::Relaxed));
        let port = FIRST_PORT + (begin.wrapping_add(tried) % u32::from(PORTS)) as u16;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if let Ok(claim) = UdpSocket::bind(address)
            && TcpListener::bind(address).is_ok()
        {
            std::mem::forget(claim);
            return address;
        }
    }
    panic!("none of {PORTS} ports is free")
}

/// Whether the process with this admin address says that it serves writes.
pub fn is_ready(admin: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&admin, Duration::from_secs(1))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /health/ready HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer.starts_with("HTTP/1.1 200"))
    };
    ask().unwrap_or(false)
}
