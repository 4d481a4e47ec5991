//! RenameObject; with the parameter `larder-prefix`, which is ours, of all keys that begin alike.

use crate::{
    objects::{Objects, RenameInput, RenamePrefixInput},
    s3::{
        RequestContext, Response, S3Error,
        ops::{
            condition_input,
            parameter::{self, insert_own},
        },
    },
    types::ObjectKey,
};
use http::StatusCode;

const TOKEN: &str = "x-amz-client-token";

/// Bytes of a token. Amazon S3 API Reference, RenameObject.
const TOKEN_LENGTH_MAX: usize = 64;

/// What a write would give to an object, and a rename does not change.
const OF_WRITES: [&str; 8] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
    "x-amz-acl",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
];

const PREFIXES_OF_WRITES: [&str; 2] = ["x-amz-grant-", "x-amz-meta-"];

pub async fn handle(ctx: &RequestContext<'_>, objects: &Objects) -> Result<Response, S3Error> {
    check_headers(ctx)?;
    if ctx.query.contains(PREFIX) {
        let renamed = objects.rename_prefix(parse_prefix(ctx)?).await?;
        let mut response = parameter::empty(StatusCode::OK);
        insert_own(&mut response, "x-larder-renamed-keys", &renamed.to_string());
        return Ok(response);
    }
    objects.rename(parse(ctx)?).await?;
    Ok(parameter::empty(StatusCode::OK))
}

/// Nobody is to believe that a rename gave the object what it keeps from before.
fn check_headers(ctx: &RequestContext<'_>) -> Result<(), S3Error> {
    let is_of_writes =
        |name: &&str| OF_WRITES.contains(name) || PREFIXES_OF_WRITES.iter().any(|start| name.starts_with(start));
    match ctx.headers.keys().map(|name| name.as_str()).find(is_of_writes) {
        None => Ok(()),
        Some(name) => {
            let message = "An object keeps its headers, metadata, tags and access control list when it is renamed.";
            Err(S3Error::invalid_request(message).field("Header", name))
        }
    }
}

fn parse(ctx: &RequestContext<'_>) -> Result<RenameInput, S3Error> {
    Ok(RenameInput {
        bucket: ctx.bucket()?.clone(),
        source: source(ctx)?,
        destination: ctx.key()?.clone(),
        source_conditions: condition_input::rename_source_conditions(ctx)?,
        destination_conditions: condition_input::rename_destination_conditions(ctx)?,
        token: token(ctx)?,
    })
}

/// The key that is renamed. It was authorised as one of the bucket that it names, and is one of this bucket.
fn source(ctx: &RequestContext<'_>) -> Result<ObjectKey, S3Error> {
    let source = ctx.copy_source()?;
    if source.bucket == *ctx.bucket()? {
        return Ok(source.key.clone());
    }
    let text = format!("{}/{}", source.bucket, source.key);
    Err(S3Error::invalid_argument("x-amz-rename-source", &text, "An object keeps its bucket when it is renamed."))
}

fn token(ctx: &RequestContext<'_>) -> Result<Option<String>, S3Error> {
    let Some(text) = ctx.header(TOKEN)? else { return Ok(None) };
    if (1..=TOKEN_LENGTH_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(Some(text.to_owned()));
    }
    Err(S3Error::invalid_argument(TOKEN, text, "A token is 1 to 64 printable ASCII characters."))
}

/// Makes the rename one of a whole prefix. A parameter and no header, because every way to sign covers it.
const PREFIX: &str = "larder-prefix";

/// Conditions and tokens are about one object: a request that carries them means something else.
fn parse_prefix(ctx: &RequestContext<'_>) -> Result<RenamePrefixInput, S3Error> {
    if let Some(value) = ctx.query.get(PREFIX).filter(|value| !value.is_empty() && *value != "true") {
        return Err(S3Error::invalid_argument(PREFIX, value, "The parameter has no value, or `true`."));
    }
    let is_of_one =
        |name: &&str| name.starts_with("if-") || name.starts_with("x-amz-rename-source-if-") || *name == TOKEN;
    if let Some(name) = ctx.headers.keys().map(|name| name.as_str()).find(is_of_one) {
        let message = "A prefix is renamed without conditions and without a token.";
        return Err(S3Error::invalid_argument(PREFIX, name, message));
    }
    Ok(RenamePrefixInput { bucket: ctx.bucket()?.clone(), source: source(ctx)?, destination: ctx.key()?.clone() })
}
