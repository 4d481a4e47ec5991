//! Addresses: binding them, and telling others how to reach them.

use super::usage::UsageError;
use anyhow::Context;
use std::net::SocketAddr;
use tokio::net::{TcpListener, lookup_host};

/// Listens on `HOST:PORT`. Returns the address with the port that port 0 became.
pub async fn bind(address: &str) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let bound = listener.local_addr().with_context(|| format!("cannot listen on {address}"))?;
    Ok((listener, bound))
}

/// The first address that `HOST:PORT` names.
pub async fn resolve(address: &str) -> anyhow::Result<SocketAddr> {
    let mut found = lookup_host(address).await.with_context(|| format!("`{address}` is no HOST:PORT"))?;
    found.next().with_context(|| format!("`{address}` names no address"))
}

/// The address to give to others: what was advertised, else where the listener is, which must be a place.
pub fn reachable_address(advertised: Option<&str>, bound: SocketAddr) -> Result<String, UsageError> {
    match advertised {
        Some(advertised) => {
            let has_port = advertised
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port != 0));
            if has_port { Ok(advertised.to_owned()) } else { Err(UsageError::Advertise(advertised.to_owned())) }
        }
        None if bound.ip().is_unspecified() => Err(UsageError::Unreachable(bound)),
        None => Ok(bound.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_are_told_is_a_place_that_they_can_reach() {
        let bound: SocketAddr = "127.0.0.1:9010".parse().unwrap();
        let everywhere: SocketAddr = "0.0.0.0:9010".parse().unwrap();
        assert_eq!(reachable_address(None, bound).unwrap(), "127.0.0.1:9010");
        assert_eq!(reachable_address(Some("node-1:9010"), everywhere).unwrap(), "node-1:9010");
        assert!(reachable_address(None, everywhere).is_err());
        for odd in ["node-1", "node-1:", "node-1:0", ":9010", "node-1:port"] {
            assert!(reachable_address(Some(odd), bound).is_err(), "{odd}");
        }
    }
}
