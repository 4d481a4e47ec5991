//! Who somebody is and what they may do. A `Principal` cannot be made elsewhere: it is what a `Credential` gives to
//! whoever proved to know its secret. `authorise` decides for every request; it denies what nothing allows.

mod access_keys;
mod acl_actions;
mod action;
mod authenticator;
mod authorise;
mod credential;
mod error;
mod key_store;
mod metadata_keys;
mod permit;
mod principal;
mod sealing;
#[cfg(test)]
pub(crate) mod testing;

pub use access_keys::{AccessKeys, CreatedKey, KeyInfo};
pub use action::Action;
pub use authenticator::{Authenticator, RootKey};
pub use authorise::{BucketFacts, Denied, Resource, authorise};
pub use credential::{Credential, SigningKey};
pub use error::IdentityError;
pub use key_store::KeyStore;
pub use permit::Permit;
pub use principal::Principal;
