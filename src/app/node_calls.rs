//! Carries the nodes' calls from the admin listener to the node layer's door.

use crate::{
    admin::{NodeCall, NodeCallAnswer, NodeCalls},
    node::{
        authentication::Proof,
        registration::{CALL_LENGTH_MAX_BYTES, Call, RegistrationDoor, SESSION_HEADER},
    },
};
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue};

pub struct Door(pub RegistrationDoor);

impl NodeCalls for Door {
    fn body_length_max(&self) -> usize {
        CALL_LENGTH_MAX_BYTES
    }

    fn answer(&self, call: NodeCall) -> BoxFuture<'_, NodeCallAnswer> {
        Box::pin(async move {
            let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
            let (session, proof) = (header(SESSION_HEADER), header(Proof::HEADER));
            let answer = self.0.answer(Call { path: &call.path, session, proof, body: &call.body }).await;
            let mut headers = HeaderMap::new();
            if let Some(proof) = answer.proof.as_deref().and_then(|proof| HeaderValue::from_str(proof).ok()) {
                headers.insert(Proof::HEADER, proof);
            }
            NodeCallAnswer { status: answer.status, headers, body: answer.body }
        })
    }
}
