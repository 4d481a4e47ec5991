//! Whether the gateway can serve writes, for `/health/ready`.

use crate::{admin::Readiness, cluster::Cluster, runtime::Shutdown};

pub struct WriteReadiness {
    pub cluster: Cluster,
    pub shutdown: Shutdown,
}

impl Readiness for WriteReadiness {
    fn ready(&self) -> Result<(), String> {
        if self.shutdown.has_begun() {
            return Err("the server is stopping".into());
        }
        self.cluster.can_write().map_err(|error| error.to_string())
    }
}
