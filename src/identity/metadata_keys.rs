//! Access keys in the cluster's metadata.

use super::{IdentityError, KeyStore};
use crate::metadata::{
    Command, CommandError, Metadata, ProposeError, QueryError, command::NewAccessKey, rows::AccessKey,
};
use futures_util::future::BoxFuture;

impl KeyStore for Metadata {
    fn find<'a>(&'a self, access_key: &'a str) -> BoxFuture<'a, Result<Option<AccessKey>, IdentityError>> {
        Box::pin(async move { Ok(self.access_key(access_key).await?) })
    }

    fn all(&self) -> BoxFuture<'_, Result<Vec<AccessKey>, IdentityError>> {
        Box::pin(async move { Ok(self.access_keys().await?) })
    }

    fn create(&self, key: NewAccessKey) -> BoxFuture<'_, Result<(), IdentityError>> {
        Box::pin(carry_out(self, Command::CreateAccessKey(key)))
    }

    fn set_enabled<'a>(&'a self, access_key: &'a str, enabled: bool) -> BoxFuture<'a, Result<(), IdentityError>> {
        Box::pin(carry_out(self, Command::SetAccessKeyEnabled { access_key: access_key.to_owned(), enabled }))
    }

    fn delete<'a>(&'a self, access_key: &'a str) -> BoxFuture<'a, Result<(), IdentityError>> {
        Box::pin(carry_out(self, Command::DeleteAccessKey { access_key: access_key.to_owned() }))
    }
}

async fn carry_out(metadata: &Metadata, command: Command) -> Result<(), IdentityError> {
    metadata.propose(command).await?;
    Ok(())
}

impl From<QueryError> for IdentityError {
    fn from(error: QueryError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<ProposeError> for IdentityError {
    fn from(error: ProposeError) -> Self {
        match error {
            ProposeError::Refused(CommandError::NoSuchAccessKey) => Self::NoSuchAccessKey,
            ProposeError::Refused(CommandError::AccessKeyExists) => Self::AccessKeyExists,
            other => Self::Unavailable(other.to_string()),
        }
    }
}
