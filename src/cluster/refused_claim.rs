//! What is remembered of a process that said it was a node that another process is (`claims`).

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The latest process that was refused because it says that it is a node that is another process already.
#[derive(Debug, Default)]
pub struct RefusedClaim {
    /// When on the gateway's monotonic clock, and from where.
    latest: Mutex<Option<(Duration, String)>>,
}

impl RefusedClaim {
    pub fn note(&self, now: Duration, address: String) {
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, address));
    }

    /// The address of a process that still tries: it does so after at most a heartbeat's interval. One that has not for `quiet`
    /// is gone, as a node would count as silent.
    pub fn standing(&self, now: Duration, quiet: Duration) -> Option<String> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, address) = latest.as_ref()?;
        (now.saturating_sub(*at) < quiet).then(|| address.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_process_is_told_of_until_it_has_stopped_trying() {
        let claim = RefusedClaim::default();
        let told_at = |seconds| claim.standing(Duration::from_secs(seconds), Duration::from_secs(15));
        assert_eq!(told_at(0), None);
        claim.note(Duration::from_secs(10), "host:1".to_owned());
        assert_eq!(told_at(24).as_deref(), Some("host:1"));
        assert_eq!(told_at(25), None);
        claim.note(Duration::from_secs(24), "host:2".to_owned());
        assert_eq!(told_at(38).as_deref(), Some("host:2"));
    }
}
