//! The operator's side: health, metrics, what `larder admin` asks, the registration of nodes; and the client that the
//! command line uses. One axum router on the admin address.
