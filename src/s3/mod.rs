//! The S3 wire: address, authenticate, route, authorise, dispatch to `ops/<resource>/<operation>.rs`, answer.
//!
//! Nothing here knows what S3 means: that is `objects`. Nothing below knows HTTP.

mod address;
pub mod body;
pub mod context;
pub mod copy_source;
pub mod dispatch;
pub mod error;
pub mod operation;
pub mod ops;
mod percent;
mod permission;
pub mod query;
pub mod request_id;
pub mod response;
mod route;
mod settings;
mod signature;
pub mod xml;

pub use body::RequestBody;
pub use context::RequestContext;
pub use dispatch::Operations;
pub use error::{S3Code, S3Error};
pub use operation::Operation;
pub use response::{Response, ResponseBody};
pub use settings::S3Settings;
