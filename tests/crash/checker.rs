//! Reads everything back and compares: each key shows a state that the ledger allows, byte for byte, and lists show
//! exactly what reads show.

use crate::{
    ledger::{Ledger, State},
    processes::KEYS,
    support::{
        content::Write,
        sdk::{Retries, client},
    },
};
use aws_sdk_s3::Client;
use std::collections::BTreeMap;

pub const BUCKET: &str = "crash";

pub struct Checker {
    client: Client,
}

impl Checker {
    pub fn new(endpoint: &str) -> Self {
        Self { client: client(endpoint, KEYS, Retries::Some) }
    }

    pub async fn make_bucket(&self) {
        self.client.create_bucket().bucket(BUCKET).send().await.expect("the bucket is made");
    }

    /// Afterwards the ledger knows of every key what it shows, so that a later change of it without a write is seen.
    /// Returns how many keys were compared.
    pub async fn check(&self, ledger: &Ledger, context: &str) -> usize {
        let listed = self.list(context).await;
        let keys = ledger.keys();
        let mut shown = BTreeMap::new();
        for key in &keys {
            let state = self.read(key, context).await;
            let allowed = ledger.allowed(key);
            assert!(allowed.contains(&state), "{context}: {key} shows {state:?}, allowed are {allowed:?}");
            ledger.is(key, state);
            if let Some(write) = state {
                shown.insert(key.clone(), write.length);
            }
        }
        assert_eq!(listed, shown, "{context}: the list (left) and the reads (right) differ");
        keys.len()
    }

    async fn read(&self, key: &str, context: &str) -> State {
        let answer = match self.client.get_object().bucket(BUCKET).key(key).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return None,
            Err(error) => panic!("{context}: {key} cannot be read: {error:?}"),
        };
        let body = answer.body.collect().await.unwrap_or_else(|error| panic!("{context}: {key} ends early: {error:?}"));
        Some(Write::recognise(key, &body.into_bytes()).unwrap_or_else(|wrong| panic!("{context}: {key}: {wrong}")))
    }

    /// Key to length, over small pages so that continuation is used.
    async fn list(&self, context: &str) -> BTreeMap<String, usize> {
        let mut listed = BTreeMap::new();
        let mut pages = self.client.list_objects_v2().bucket(BUCKET).into_paginator().page_size(7).send();
        while let Some(page) = pages.next().await {
            let page = page.unwrap_or_else(|error| panic!("{context}: the list fails: {error:?}"));
            for object in page.contents() {
                let key = object.key().expect("a listed object has a key").to_owned();
                let length = object.size().expect("a listed object has a size") as usize;
                assert!(listed.insert(key, length).is_none(), "{context}: a key is listed twice");
            }
        }
        listed
    }
}
