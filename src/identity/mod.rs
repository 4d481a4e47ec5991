//! Who somebody is and what they may do. A `Principal` cannot be made elsewhere: it is what a `Credential` gives to
//! whoever proved to know its secret. `authorise` decides for every request; it denies what nothing allows.

mod action;
mod authorise;
mod credential;
mod principal;

pub use action::Action;
pub use authorise::{Denied, Resource, authorise};
pub use credential::{Credential, SigningKey};
pub use principal::Principal;
