//! What an operator asks about the data, answered over the gateway's parts.

use super::{doctor::examine_living, explain::explain, lifecycle, what_if::what_if};
use crate::{
    admin::{
        Answer, Answers, OperationError,
        doctor::DoctorReport,
        explain::{ExplainReport, ExplainRequest},
        holdings::{HoldingsReport, HoldingsRequest},
        lifecycle::{LifecyclePreviewReport, LifecyclePreviewRequest},
        what_if::{WhatIfReport, WhatIfRequest},
    },
    cluster::Cluster,
    identity::AccessKeys,
    metadata::Metadata,
    objects::Objects,
    runtime::Random,
};
use std::{path::PathBuf, sync::Arc};

/// The gateway's parts that the answers come from.
pub struct GatewayAnswers {
    pub metadata: Metadata,
    pub cluster: Cluster,
    pub objects: Objects,
    pub keys: AccessKeys,
    pub random: Arc<dyn Random>,
    /// Where the doctor's copy of the metadata lies.
    pub directory: PathBuf,
}

impl Answers for GatewayAnswers {
    fn explain(&self, request: ExplainRequest) -> Answer<'_, ExplainReport> {
        Box::pin(explain(&self.metadata, &self.cluster, request))
    }

    fn what_if(&self, request: WhatIfRequest) -> Answer<'_, WhatIfReport> {
        Box::pin(what_if(&self.cluster, request))
    }

    fn holdings(&self, request: HoldingsRequest) -> Answer<'_, HoldingsReport> {
        Box::pin(async move {
            let found = self.cluster.nodes().into_iter().find(|view| view.row.name == request.node);
            let found = found.ok_or_else(|| OperationError::NotFound(format!("there is no node {}", request.node)))?;
            let holdings = self.cluster.holdings(found.row.node).await;
            let holdings = holdings.map_err(|error| OperationError::Unavailable(error.to_string()))?;
            Ok(HoldingsReport {
                groups: holdings.groups as u64,
                groups_left: holdings.groups_left as u64,
                chunks: holdings.chunks,
                bytes: holdings.bytes,
            })
        })
    }

    fn preview_lifecycle(&self, request: LifecyclePreviewRequest) -> Answer<'_, LifecyclePreviewReport> {
        Box::pin(lifecycle::preview(&self.objects, request))
    }

    fn doctor(&self) -> Answer<'_, DoctorReport> {
        Box::pin(examine_living(&self.metadata, &self.keys, &self.directory, &*self.random))
    }
}
