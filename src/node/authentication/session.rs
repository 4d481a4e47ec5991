//! One connection's keys and counters, on either end.

use super::{AuthenticationError, Proof, Role, Subject};
use crate::types::{ClusterId, Term};
use aws_lc_rs::hmac;
use std::fmt;

/// What both ends keep for a connection (or, on the admin address, for a session across connections). Requests go one
/// after the other: the next begins when the answer to the last was read.
pub struct Session {
    cluster: ClusterId,
    role: Role,
    requests: hmac::Key,
    answers: hmac::Key,
    /// Counter of the next request.
    next: u64,
}

impl Session {
    pub(super) fn new(cluster: ClusterId, role: Role, requests: hmac::Key, answers: hmac::Key) -> Self {
        Self { cluster, role, requests, answers, next: 0 }
    }

    /// The cluster that both sides belong to; proven by the handshake.
    pub fn cluster(&self) -> ClusterId {
        self.cluster
    }

    /// Whether the caller has proven the secret: true from its first good request on.
    pub fn is_proven(&self) -> bool {
        self.next > 0
    }

    /// The caller's side: takes the next counter. Its answer is checked by `open_answer` with the returned proof.
    pub fn seal_request(
        &mut self,
        term: Term,
        method: &str,
        path_and_query: &str,
        head: &[u8],
        body_length: u64,
    ) -> Proof {
        debug_assert_eq!(self.role, Role::Caller);
        let subject = Subject::Request { method, path_and_query };
        let proof = Proof::make(&self.requests, self.cluster, self.next, term, subject, head, body_length);
        self.next += 1;
        proof
    }

    /// The responder's side. A request that is refused moves no counter.
    pub fn open_request(
        &mut self,
        proof: &Proof,
        method: &str,
        path_and_query: &str,
        head: &[u8],
        body_length: u64,
    ) -> Result<(), AuthenticationError> {
        debug_assert_eq!(self.role, Role::Responder);
        let subject = Subject::Request { method, path_and_query };
        if !proof.is_right(&self.requests, self.cluster, subject, head, body_length) {
            return Err(AuthenticationError::WrongProof);
        }
        if proof.counter != self.next {
            return Err(AuthenticationError::WrongCounter);
        }
        self.next += 1;
        Ok(())
    }

    /// The responder's side: the proof of the answer to the request with this counter.
    pub fn seal_answer(&self, counter: u64, term: Term, status: u16, head: &[u8], body_length: u64) -> Proof {
        debug_assert!(self.role == Role::Responder && counter < self.next);
        Proof::make(&self.answers, self.cluster, counter, term, Subject::Answer { status }, head, body_length)
    }

    /// The caller's side: whether this is the answer to the request that was sealed last.
    pub fn open_answer(
        &self,
        proof: &Proof,
        status: u16,
        head: &[u8],
        body_length: u64,
    ) -> Result<(), AuthenticationError> {
        debug_assert_eq!(self.role, Role::Caller);
        if !proof.is_right(&self.answers, self.cluster, Subject::Answer { status }, head, body_length) {
            return Err(AuthenticationError::WrongProof);
        }
        if proof.counter.checked_add(1) != Some(self.next) {
            return Err(AuthenticationError::WrongCounter);
        }
        Ok(())
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("cluster", &self.cluster)
            .field("role", &self.role)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        node::authentication::{ClusterSecret, Hello, Responder},
        runtime::SeededRandom,
        types::NodeId,
    };

    const CLUSTER: ClusterId = ClusterId::from_bytes([1; 16]);
    const NODE: Responder = Responder::Node(NodeId::from_bytes([2; 16]));

    fn secret(text: &str) -> ClusterSecret {
        ClusterSecret::new(text.as_bytes()).unwrap()
    }

    /// Both ends of a connection whose sides know these secrets.
    fn connect(seed: u64) -> (Session, Session) {
        let random = SeededRandom::new(seed);
        let secret = secret("the cluster's secret");
        let hello = Hello::new(&random);
        let (answer, responder) = hello.answer(&secret, CLUSTER, NODE, &random);
        (hello.accept(&answer, &secret, Some(CLUSTER), NODE).unwrap(), responder)
    }

    #[test]
    fn a_request_and_its_answer_are_believed_by_the_other_side() {
        let (mut caller, mut responder) = connect(1);
        for round in 0..3 {
            let proof = caller.seal_request(Term(4), "PUT", "/chunk", b"head", 100);
            assert_eq!(proof.counter, round);
            responder.open_request(&proof, "PUT", "/chunk", b"head", 100).unwrap();
            let answer = responder.seal_answer(round, Term(4), 200, b"ok", 2);
            caller.open_answer(&answer, 200, b"ok", 2).unwrap();
        }
    }

    #[test]
    fn a_request_that_was_tampered_with_is_refused() {
        let (mut caller, mut responder) = connect(1);
        let proof = caller.seal_request(Term(4), "PUT", "/chunk", b"head", 100);
        let wrong = Err(AuthenticationError::WrongProof);
        assert_eq!(responder.open_request(&proof, "GET", "/chunk", b"head", 100), wrong);
        assert_eq!(responder.open_request(&proof, "PUT", "/chunks", b"head", 100), wrong);
        assert_eq!(responder.open_request(&proof, "PUT", "/chunk", b"heap", 100), wrong);
        assert_eq!(responder.open_request(&proof, "PUT", "/chunk", b"head", 101), wrong);
        for other in
            [Proof { term: Term(5), ..proof }, Proof { counter: 1, ..proof }, Proof { head_length: 3, ..proof }]
        {
            assert_eq!(responder.open_request(&other, "PUT", "/chunk", b"head", 100), wrong);
        }
        responder.open_request(&proof, "PUT", "/chunk", b"head", 100).unwrap();
    }

    #[test]
    fn a_repeated_or_reordered_request_is_refused() {
        let (mut caller, mut responder) = connect(1);
        let first = caller.seal_request(Term(1), "GET", "/a", b"", 0);
        let second = caller.seal_request(Term(1), "GET", "/b", b"", 0);
        let wrong = Err(AuthenticationError::WrongCounter);
        assert_eq!(responder.open_request(&second, "GET", "/b", b"", 0), wrong);
        responder.open_request(&first, "GET", "/a", b"", 0).unwrap();
        assert_eq!(responder.open_request(&first, "GET", "/a", b"", 0), wrong);
        responder.open_request(&second, "GET", "/b", b"", 0).unwrap();
    }

    #[test]
    fn a_request_of_one_connection_is_refused_on_another() {
        let (mut caller, _) = connect(1);
        let (_, mut other) = connect(2);
        let proof = caller.seal_request(Term(1), "GET", "/a", b"", 0);
        assert_eq!(other.open_request(&proof, "GET", "/a", b"", 0), Err(AuthenticationError::WrongProof));
    }

    #[test]
    fn an_answer_is_believed_only_for_the_last_request() {
        let (mut caller, mut responder) = connect(1);
        let first = caller.seal_request(Term(1), "GET", "/a", b"", 0);
        responder.open_request(&first, "GET", "/a", b"", 0).unwrap();
        let answer = responder.seal_answer(first.counter, Term(1), 200, b"", 0);
        assert_eq!(caller.open_answer(&answer, 404, b"", 0), Err(AuthenticationError::WrongProof));
        assert_eq!(caller.open_answer(&answer, 200, b"", 7), Err(AuthenticationError::WrongProof));
        caller.open_answer(&answer, 200, b"", 0).unwrap();
        caller.seal_request(Term(1), "GET", "/b", b"", 0);
        assert_eq!(caller.open_answer(&answer, 200, b"", 0), Err(AuthenticationError::WrongCounter));
    }

    #[test]
    fn a_request_cannot_be_sent_back_as_an_answer() {
        let (mut caller, _) = connect(1);
        let proof = caller.seal_request(Term(1), "GET", "/a", b"", 0);
        assert_eq!(caller.open_answer(&proof, 200, b"", 0), Err(AuthenticationError::WrongProof));
    }

    #[test]
    fn a_hello_is_answered_only_by_who_knows_the_secret() {
        let random = SeededRandom::new(1);
        let hello = Hello::new(&random);
        let (answer, _) = hello.answer(&secret("another cluster's secret"), CLUSTER, NODE, &random);
        let accept = |answer, cluster, responder| {
            hello.accept(answer, &secret("the cluster's secret"), cluster, responder).map(|_| ())
        };
        assert_eq!(accept(&answer, Some(CLUSTER), NODE), Err(AuthenticationError::WrongProof));
        let (answer, _) = hello.answer(&secret("the cluster's secret"), CLUSTER, NODE, &random);
        assert_eq!(accept(&answer, Some(CLUSTER), NODE), Ok(()));
        assert_eq!(accept(&answer, None, NODE), Ok(()));
        assert_eq!(accept(&answer, None, Responder::Gateway), Err(AuthenticationError::OtherResponder));
        let other = Some(ClusterId::from_bytes([9; 16]));
        assert_eq!(accept(&answer, other, NODE), Err(AuthenticationError::OtherCluster));
        let lied = super::super::HelloAnswer { responder: Responder::Gateway, ..answer };
        assert_eq!(accept(&lied, None, Responder::Gateway), Err(AuthenticationError::WrongProof));
        let fresh = Hello::new(&random);
        let replayed = fresh.accept(&answer, &secret("the cluster's secret"), None, NODE);
        assert_eq!(replayed.map(|_| ()), Err(AuthenticationError::WrongProof));
    }
}
