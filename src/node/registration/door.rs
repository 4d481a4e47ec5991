//! The gateway's side of registration, without HTTP: whoever owns the admin listener hands the path, two headers and
//! the body in, and sends what comes out.

use super::{
    CALL_LENGTH_MAX_BYTES, HEARTBEAT_PATH, HELLO_PATH, Heartbeat, HeartbeatAnswer, REGISTER_PATH, Registration,
    RegistrationAnswer,
};
use crate::{
    node::authentication::{AuthenticationError, ClusterSecret, Hello, HelloAnswer, Proof, Responder, Session},
    runtime::Random,
    types::{ClusterId, Term},
};
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// What the gateway makes of the calls; the cluster is one.
pub trait Registrar: Send + Sync {
    fn register(&self, registration: Registration) -> BoxFuture<'_, RegistrationAnswer>;

    fn heartbeat(&self, heartbeat: Heartbeat) -> BoxFuture<'_, HeartbeatAnswer>;

    /// The gateway's term: goes into each answer's proof.
    fn term(&self) -> Term;
}

/// A POST as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub path: &'a str,
    /// Header `larder-session`.
    pub session: Option<&'a str>,
    /// Header `larder-proof`.
    pub proof: Option<&'a str>,
    /// At most `CALL_LENGTH_MAX_BYTES`; more is refused.
    pub body: &'a [u8],
}

/// What to answer: JSON, with the header `larder-proof` where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallAnswer {
    pub status: u16,
    pub proof: Option<String>,
    pub body: Vec<u8>,
}

/// The answer to a hello also names the session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct HelloReply {
    pub(super) session: Uuid,
    pub(super) answer: HelloAnswer,
}

/// Sessions that have not proven the secret yet. Anybody can begin them, so they are few and the oldest goes first; a
/// node proves its own within a round trip.
const UNPROVEN_SESSIONS_MAX: usize = 256;

/// Sessions that proved the secret: one per node, and one more for each of its restarts until it is forgotten.
const PROVEN_SESSIONS_MAX: usize = 4096;

/// Keeps the sessions and lets only proven calls through to the registrar.
pub struct RegistrationDoor {
    secret: ClusterSecret,
    cluster: ClusterId,
    random: Arc<dyn Random>,
    registrar: Arc<dyn Registrar>,
    sessions: Mutex<Sessions>,
}

impl RegistrationDoor {
    pub fn new(
        secret: ClusterSecret,
        cluster: ClusterId,
        random: Arc<dyn Random>,
        registrar: Arc<dyn Registrar>,
    ) -> Self {
        Self { secret, cluster, random, registrar, sessions: Mutex::default() }
    }

    /// Answers a POST under `/cluster/v1/`. A cancelled future may have registered the node: registering again is
    /// harmless.
    pub async fn answer(&self, call: Call<'_>) -> CallAnswer {
        if call.body.len() > CALL_LENGTH_MAX_BYTES {
            return CallAnswer::refusal(413, "the call is too long");
        }
        match call.path {
            HELLO_PATH => self.hello(call.body),
            REGISTER_PATH => {
                self.proven(call, |registration| async { self.registrar.register(registration).await }).await
            }
            HEARTBEAT_PATH => self.proven(call, |heartbeat| async { self.registrar.heartbeat(heartbeat).await }).await,
            _ => CallAnswer::refusal(404, "no such call"),
        }
    }

    fn hello(&self, body: &[u8]) -> CallAnswer {
        let Ok(hello) = serde_json::from_slice::<Hello>(body) else {
            return CallAnswer::refusal(400, "not a hello");
        };
        let (answer, session) = hello.answer(&self.secret, self.cluster, Responder::Gateway, &*self.random);
        let mut id = [0; 16];
        self.random.fill(&mut id);
        let id = Uuid::from_bytes(id);
        self.sessions().begin(id, session);
        CallAnswer { status: 200, proof: None, body: to_json(&HelloReply { session: id, answer }) }
    }

    /// Checks the call's proof, runs it, and seals its answer.
    async fn proven<Body, Answer, Run>(&self, call: Call<'_>, run: impl FnOnce(Body) -> Run) -> CallAnswer
    where
        Body: DeserializeOwned,
        Answer: Serialize,
        Run: Future<Output = Answer>,
    {
        let (session, counter) = match self.open(call) {
            Ok(opened) => opened,
            Err(error) => return CallAnswer::refusal(401, &error.to_string()),
        };
        let (status, body) = match serde_json::from_slice(call.body) {
            Ok(body) => (200, to_json(&run(body).await)),
            Err(_) => (400, to_json(&"the body is not what this call takes")),
        };
        let session = lock(&session);
        let proof = session.seal_answer(counter, self.registrar.term(), status, &body, body.len() as u64);
        CallAnswer { status, proof: Some(proof.to_string()), body }
    }

    fn open(&self, call: Call<'_>) -> Result<(Arc<Mutex<Session>>, u64), AuthenticationError> {
        let proof: Proof = call.proof.and_then(|text| text.parse().ok()).ok_or(AuthenticationError::NoProof)?;
        let id = call.session.and_then(|text| Uuid::try_parse(text).ok()).ok_or(AuthenticationError::NoSession)?;
        let session = self.sessions().find(id).ok_or(AuthenticationError::NoSession)?;
        lock(&session).open_request(&proof, "POST", call.path, call.body, call.body.len() as u64)?;
        self.sessions().prove(id);
        Ok((session, proof.counter))
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallAnswer {
    /// Without a proof: the caller is not proven, so it learns nothing and must not believe much.
    fn refusal(status: u16, reason: &str) -> Self {
        Self { status, proof: None, body: to_json(&reason) }
    }
}

fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("these types have string keys and no failing serializer")
}

fn lock(session: &Mutex<Session>) -> MutexGuard<'_, Session> {
    session.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Two bounded tables, so that strangers who say hello cannot push out who has proven itself.
#[derive(Default)]
struct Sessions {
    unproven: HashMap<Uuid, Kept>,
    proven: HashMap<Uuid, Kept>,
    uses: u64,
}

struct Kept {
    session: Arc<Mutex<Session>>,
    /// Number of the last use: the smallest goes first.
    used: u64,
}

impl Sessions {
    fn begin(&mut self, id: Uuid, session: Session) {
        self.uses += 1;
        let kept = Kept { session: Arc::new(Mutex::new(session)), used: self.uses };
        insert_bounded(&mut self.unproven, id, kept, UNPROVEN_SESSIONS_MAX);
    }

    fn find(&mut self, id: Uuid) -> Option<Arc<Mutex<Session>>> {
        let kept = self.proven.get(&id).or_else(|| self.unproven.get(&id))?;
        Some(Arc::clone(&kept.session))
    }

    /// Notes that the session carried a good call.
    fn prove(&mut self, id: Uuid) {
        self.uses += 1;
        if let Some(kept) = self.proven.get_mut(&id) {
            kept.used = self.uses;
        } else if let Some(kept) = self.unproven.remove(&id) {
            insert_bounded(&mut self.proven, id, Kept { used: self.uses, ..kept }, PROVEN_SESSIONS_MAX);
        }
    }
}

fn insert_bounded(table: &mut HashMap<Uuid, Kept>, id: Uuid, kept: Kept, max: usize) {
    if table.len() >= max
        && let Some(oldest) = table.iter().min_by_key(|(_, kept)| kept.used).map(|(id, _)| *id)
    {
        table.remove(&oldest);
    }
    table.insert(id, kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{node::registration::GatewayNews, runtime::SeededRandom};

    const CLUSTER: ClusterId = ClusterId::from_bytes([1; 16]);

    /// Counts heartbeats by not knowing anybody.
    #[derive(Default)]
    struct Counting(Mutex<u32>);

    impl Registrar for Counting {
        fn register(&self, _: Registration) -> BoxFuture<'_, RegistrationAnswer> {
            let news = GatewayNews { term: Term(3), witness: None, peers: Vec::new() };
            Box::pin(async { RegistrationAnswer::Welcome(news) })
        }

        fn heartbeat(&self, _: Heartbeat) -> BoxFuture<'_, HeartbeatAnswer> {
            *self.0.lock().unwrap() += 1;
            Box::pin(async { HeartbeatAnswer::Unknown })
        }

        fn term(&self) -> Term {
            Term(3)
        }
    }

    struct Caller {
        door: RegistrationDoor,
        registrar: Arc<Counting>,
        session: Session,
        id: String,
    }

    const BODY: &[u8] = br#"{"status":{"node":"00000000-0000-0000-0000-000000000001",
        "cluster":"01010101-0101-0101-0101-010101010101","volumes":[],"load":0,"witness":null,"term":2}}"#;

    async fn connected() -> Caller {
        let secret = ClusterSecret::new(b"the cluster's secret").unwrap();
        let registrar = Arc::new(Counting::default());
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(7));
        let registered = Arc::clone(&registrar) as Arc<dyn Registrar>;
        let door = RegistrationDoor::new(secret.clone(), CLUSTER, Arc::clone(&random), registered);
        let hello = Hello::new(&*random);
        let body = serde_json::to_vec(&hello).unwrap();
        let answer = door.answer(Call { path: HELLO_PATH, session: None, proof: None, body: &body }).await;
        let reply: HelloReply = serde_json::from_slice(&answer.body).unwrap();
        let session = hello.accept(&reply.answer, &secret, None, Responder::Gateway).unwrap();
        Caller { door, registrar, session, id: reply.session.to_string() }
    }

    impl Caller {
        async fn send(&self, path: &str, proof: &str, body: &[u8]) -> CallAnswer {
            self.door.answer(Call { path, session: Some(&self.id), proof: Some(proof), body }).await
        }

        fn heartbeats(&self) -> u32 {
            *self.registrar.0.lock().unwrap()
        }
    }

    #[tokio::test]
    async fn a_proven_call_reaches_the_registrar_and_its_answer_is_proven() {
        let mut caller = connected().await;
        assert_eq!(caller.session.cluster(), CLUSTER);
        for round in 1..=2 {
            let proof = caller.session.seal_request(Term(0), "POST", HEARTBEAT_PATH, BODY, BODY.len() as u64);
            let answer = caller.send(HEARTBEAT_PATH, &proof.to_string(), BODY).await;
            assert_eq!((answer.status, caller.heartbeats()), (200, round));
            let proof: Proof = answer.proof.unwrap().parse().unwrap();
            caller.session.open_answer(&proof, 200, &answer.body, answer.body.len() as u64).unwrap();
            assert_eq!(serde_json::from_slice::<HeartbeatAnswer>(&answer.body).unwrap(), HeartbeatAnswer::Unknown);
        }
    }

    #[tokio::test]
    async fn a_replayed_or_changed_call_does_not_reach_the_registrar() {
        let mut caller = connected().await;
        let proof = caller.session.seal_request(Term(0), "POST", HEARTBEAT_PATH, BODY, BODY.len() as u64).to_string();
        let changed = [BODY, b" "].concat();
        assert_eq!(caller.send(HEARTBEAT_PATH, &proof, &changed).await.status, 401);
        assert_eq!(caller.send(REGISTER_PATH, &proof, BODY).await.status, 401);
        assert_eq!(caller.send(HEARTBEAT_PATH, "no proof", BODY).await.status, 401);
        assert_eq!(caller.send(HEARTBEAT_PATH, &proof, BODY).await.status, 200);
        assert_eq!(caller.send(HEARTBEAT_PATH, &proof, BODY).await.status, 401);
        assert_eq!(caller.heartbeats(), 1);
    }

    #[tokio::test]
    async fn a_call_of_a_stranger_or_without_a_session_is_refused() {
        let mut caller = connected().await;
        let other = Hello::new(&SeededRandom::new(8));
        let secret = ClusterSecret::new(b"another cluster's secret").unwrap();
        let (answer, _) = other.answer(&secret, CLUSTER, Responder::Gateway, &SeededRandom::new(9));
        let mut outsider = other.accept(&answer, &secret, None, Responder::Gateway).unwrap();
        let forged = outsider.seal_request(Term(0), "POST", HEARTBEAT_PATH, BODY, BODY.len() as u64);
        assert_eq!(caller.send(HEARTBEAT_PATH, &forged.to_string(), BODY).await.status, 401);
        let proof = caller.session.seal_request(Term(0), "POST", HEARTBEAT_PATH, BODY, BODY.len() as u64);
        caller.id = Uuid::nil().to_string();
        assert_eq!(caller.send(HEARTBEAT_PATH, &proof.to_string(), BODY).await.status, 401);
        assert_eq!(caller.heartbeats(), 0);
    }

    #[tokio::test]
    async fn strangers_who_say_hello_do_not_push_out_a_proven_node() {
        let mut caller = connected().await;
        let beat = |session: &mut Session| {
            session.seal_request(Term(0), "POST", HEARTBEAT_PATH, BODY, BODY.len() as u64).to_string()
        };
        let proof = beat(&mut caller.session);
        assert_eq!(caller.send(HEARTBEAT_PATH, &proof, BODY).await.status, 200);
        let hello = serde_json::to_vec(&Hello::new(&SeededRandom::new(1))).unwrap();
        for _ in 0..UNPROVEN_SESSIONS_MAX + 10 {
            let call = Call { path: HELLO_PATH, session: None, proof: None, body: &hello };
            assert_eq!(caller.door.answer(call).await.status, 200);
        }
        let proof = beat(&mut caller.session);
        assert_eq!(caller.send(HEARTBEAT_PATH, &proof, BODY).await.status, 200);
        assert_eq!(caller.door.sessions().unproven.len(), UNPROVEN_SESSIONS_MAX);
    }

    #[tokio::test]
    async fn odd_calls_are_refused() {
        let caller = connected().await;
        let call = |path, body| Call { path, session: None, proof: None, body };
        assert_eq!(caller.door.answer(call(HELLO_PATH, b"{}")).await.status, 400);
        assert_eq!(caller.door.answer(call("/cluster/v1/other", b"{}")).await.status, 404);
        assert_eq!(caller.door.answer(call(HEARTBEAT_PATH, BODY)).await.status, 401);
        let long = vec![b' '; CALL_LENGTH_MAX_BYTES + 1];
        assert_eq!(caller.door.answer(call(HELLO_PATH, &long)).await.status, 413);
    }
}
