//! Targets for fuzzing: each takes any bytes for what a stranger sends, and panics where a parser breaks its promise. The
//! program `fuzz` runs them with coverage; the test below runs them on their seeds and on seeds that were changed at random.

use super::{
    address::{Address, Domains},
    body, copy_source, form, hoisted, listener,
    operation::Scope,
    ops, percent,
    percent::PlusSign,
    query::Query,
    route, signature, vocabulary,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

pub type Target = fn(&[u8]);

/// By name; `fuzz/seeds/NAME` has the inputs to begin with.
pub const TARGETS: [(&str, Target); 6] = [
    ("request_head", listener::fuzzing::request_head),
    ("request_meaning", request_meaning),
    ("signature", signature::fuzzing::signature),
    ("chunked_body", body::fuzzing::chunked_body),
    ("form", form::fuzzing::form),
    ("document", ops::fuzzing::document),
];

/// A request in lines: method, host, path, query, then `name: value` for each header.
pub struct Lines<'a> {
    pub method: Method,
    pub host: &'a str,
    pub path: &'a str,
    pub query: &'a str,
    pub headers: HeaderMap,
}

impl<'a> Lines<'a> {
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.split('\n');
        let method = Method::from_bytes(lines.next()?.as_bytes()).ok()?;
        let (host, path, query) = (lines.next()?, lines.next()?, lines.next()?);
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?);
        }
        Some(Self { method, host, path, query, headers })
    }
}

/// Address, query, operation, headers in the query, words, copy source.
fn request_meaning(bytes: &[u8]) {
    let Some(lines) = Lines::read(bytes) else { return };
    let domains = Domains::new(&["s3.example".to_owned(), "eu.s3.example".to_owned()]);
    let address = Address::parse(lines.host, lines.path, &domains);
    if let Ok(address) = &address {
        assert_eq!(percent::decode(lines.path, PlusSign::IsPlus).as_ref(), Ok(&address.path), "decoded once");
        assert!(address.key.is_none() || address.bucket.is_some());
    }
    let _ = copy_source::CopySource::from_headers(&lines.headers);
    let Ok(query) = Query::parse(lines.query) else { return };
    let scope = match &address {
        Ok(address) if address.key.is_some() => Scope::Object,
        Ok(address) if address.bucket.is_some() => Scope::Bucket,
        _ => Scope::Service,
    };
    let Ok(operation) = route::route(&lines.method, scope, &query, &lines.headers) else { return };
    if let Ok(headers) = hoisted::headers(&lines.headers, &query) {
        let _ = vocabulary::check(operation, &headers, &query);
    }
}

#[cfg(test)]
mod tests {
    use super::TARGETS;
    use crate::runtime::{Random, SeededRandom};
    use std::{fs, path::Path};

    /// Changed seeds of each target. Searching is the fuzzer's work: this keeps the targets and their seeds alive.
    const CHANGED: usize = 300;

    fn seeds(target: &str) -> Vec<Vec<u8>> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
        let mut files: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files.iter().map(|file| fs::read(file).unwrap()).collect()
    }

    fn below(random: &dyn Random, bound: usize) -> usize {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % bound.max(1) as u64) as usize
    }

    /// Some bytes replaced, cut out, or brought from another seed.
    fn changed(random: &dyn Random, seed: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=below(random, 4) {
            let at = below(random, bytes.len() + 1);
            match below(random, 4) {
                0 if at < bytes.len() => bytes[at] = below(random, 256) as u8,
                1 => drop(bytes.drain(at..(at + below(random, 9)).min(bytes.len()))),
                2 => bytes.truncate(at),
                _ => {
                    let from = below(random, other.len() + 1);
                    let until = (from + below(random, 40)).min(other.len());
                    bytes.splice(at..at, other[from..until].iter().copied());
                }
            }
        }
        bytes
    }

    #[test]
    fn each_target_holds_on_its_seeds_and_near_them() {
        let random = SeededRandom::new(8);
        for (name, target) in TARGETS {
            let seeds = seeds(name);
            assert!(!seeds.is_empty(), "{name} has no seeds");
            seeds.iter().for_each(|seed| target(seed));
            for _ in 0..CHANGED {
                let (seed, other) = (&seeds[below(&random, seeds.len())], &seeds[below(&random, seeds.len())]);
                target(&changed(&random, seed, other));
            }
        }
    }
}
