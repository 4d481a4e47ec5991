//! The S3 wire: address, authenticate, route, authorise, dispatch to `ops/<resource>/<operation>.rs`, answer.
//!
//! Nothing here knows what S3 means: that is `objects`. Nothing below knows HTTP.

mod address;
pub mod body;
pub mod context;
pub mod copy_source;
mod cross_origin;
pub mod dispatch;
pub mod error;
mod form;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod head;
mod head_rules;
mod hoisted;
mod listener;
pub mod operation;
pub mod ops;
mod percent;
mod permission;
pub mod query;
mod refused_head;
pub mod request_id;
pub mod response;
mod route;
mod service;
mod settings;
mod signature;
mod standard_headers;
mod stats;
mod taken;
mod vocabulary;
mod website;
pub mod xml;

pub use body::RequestBody;
pub use context::RequestContext;
pub use dispatch::Operations;
pub use error::{S3Code, S3Error};
pub use listener::{ListenError, S3Listener, TlsError, TlsIdentity};
pub use operation::Operation;
pub use response::{Response, ResponseBody};
pub use service::{S3Parts, S3Service};
pub use settings::S3Settings;
pub use stats::S3Stats;
pub use website::WebsiteService;
