//! What an operator asks about the data, answered over the gateway's parts.

use super::{explain::explain, what_if::what_if};
use crate::{
    admin::{
        Answer, Answers,
        explain::{ExplainReport, ExplainRequest},
        what_if::{WhatIfReport, WhatIfRequest},
    },
    cluster::Cluster,
    metadata::Metadata,
};

/// The gateway's parts that the answers come from.
pub struct GatewayAnswers {
    pub metadata: Metadata,
    pub cluster: Cluster,
}

impl Answers for GatewayAnswers {
    fn explain(&self, request: ExplainRequest) -> Answer<'_, ExplainReport> {
        Box::pin(explain(&self.metadata, &self.cluster, request))
    }

    fn what_if(&self, request: WhatIfRequest) -> Answer<'_, WhatIfReport> {
        Box::pin(what_if(&self.cluster, request))
    }
}
