//! Buckets, their tags, access keys, terms.

use super::{fixture::*, multipart};
use crate::{
    metadata::{Command, CommandError, Outcome, command::*, rows::LastReign},
    types::*,
};

fn create(name: &str, owner: &str) -> Command {
    Command::CreateBucket(CreateBucket {
        name: name.parse().unwrap(),
        region: "eu-north-1".into(),
        owner: owner.into(),
        created: at(5),
        tags: None,
        object_lock: None,
        acl: Default::default(),
        ownership: None,
        buckets_max: 10_000,
    })
}

#[tokio::test]
async fn a_bucket_name_has_one_owner() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.propose(create("bucket", "root")).await, Err(CommandError::BucketAlreadyOwnedByYou));
    assert_eq!(fixture.propose(create("bucket", "other")).await, Err(CommandError::BucketAlreadyExists));
    let found = fixture.metadata.bucket(&"bucket".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((found.id, found.owner.as_str()), (fixture.bucket, "root"));
}

#[tokio::test]
async fn a_bucket_that_is_made_again_is_another_one() {
    let fixture = Fixture::new().await;
    let find = async || fixture.metadata.bucket(&"again".parse().unwrap()).await.unwrap().map(|bucket| bucket.id);
    assert_eq!(find().await, None);
    let first = fixture.create_bucket("again").await;
    assert_eq!((find().await, find().await), (Some(first), Some(first)));
    fixture.done(Command::DeleteBucket { bucket: first }).await;
    assert_eq!(find().await, None);
    let second = fixture.create_bucket("again").await;
    assert_ne!(first, second);
    assert_eq!(find().await, Some(second));
}

#[tokio::test]
async fn buckets_are_listed_in_order_by_prefix_and_page() {
    let fixture = Fixture::new().await;
    for name in ["beta", "alpha", "bravo"] {
        fixture.done(create(name, "root")).await;
    }
    let list = async |prefix, after, limit| {
        let buckets = fixture.metadata.buckets(prefix, after, limit).await.unwrap();
        buckets.into_iter().map(|bucket| bucket.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list("", None, 10).await, ["alpha", "beta", "bravo", "bucket"]);
    assert_eq!(list("b", None, 2).await, ["beta", "bravo"]);
    assert_eq!(list("b", Some("bravo"), 2).await, ["bucket"]);
    assert_eq!(list("z", None, 2).await, [""; 0]);
}

#[tokio::test]
async fn a_bucket_with_versions_is_not_deleted() {
    let fixture = Fixture::new().await;
    let delete = || Command::DeleteBucket { bucket: fixture.bucket };
    fixture.put("a", &[1]).await;
    assert_eq!(fixture.propose(delete()).await, Err(CommandError::BucketNotEmpty));
    fixture.delete("a").await;
    assert_eq!(fixture.propose(delete()).await, Ok(Outcome::Done));
    assert_eq!(fixture.propose(delete()).await, Err(CommandError::NoSuchBucket));
    let refused = fixture.propose(Command::PutObject(fixture.put_of("a", fixture.content(&[1])))).await;
    assert_eq!(refused, Err(CommandError::NoSuchBucket), "a write to a bucket that is gone does not land in a new one");
}

#[tokio::test]
async fn open_uploads_end_with_their_bucket() {
    let fixture = Fixture::new().await;
    for name in ["a", "b", "c"] {
        let upload = multipart::begin(&fixture, name).await;
        multipart::put_part(&fixture, name, upload, 1, 10).await;
    }
    fixture.done(Command::DeleteBucket { bucket: fixture.bucket }).await;
    for _ in 0..2 {
        fixture.done(Command::UnrollDeletedContents { limit: 2 }).await;
        fixture.assert_counts_are_references().await;
    }
    fixture.unroll().await;
    for table in ["SELECT count(*) FROM uploads", "SELECT count(*) FROM parts", "SELECT count(*) FROM ended_buckets"] {
        assert_eq!(fixture.count(table).await, 0, "{table}");
    }
    assert_eq!(fixture.count("SELECT count(*) FROM deletions").await, 3);
}

#[tokio::test]
async fn bucket_tags_are_set_and_taken_away() {
    let fixture = Fixture::new().await;
    let set = |tags| Command::SetBucketTags { bucket: fixture.bucket, tags };
    assert_eq!(fixture.metadata.bucket_tags(fixture.bucket).await.unwrap(), None);
    let tags = TagSet::new([("a".to_owned(), "1".to_owned())], TagLimit::Bucket).unwrap();
    fixture.done(set(Some(tags.clone()))).await;
    assert_eq!(fixture.metadata.bucket_tags(fixture.bucket).await.unwrap(), Some(tags));
    fixture.done(set(None)).await;
    assert_eq!(fixture.metadata.bucket_tags(fixture.bucket).await.unwrap(), None);
}

#[tokio::test]
async fn rules_for_other_origins_are_set_and_taken_away() {
    let fixture = Fixture::new().await;
    let name: BucketName = "bucket".parse().unwrap();
    let set = |cors| Command::SetBucketCors { bucket: fixture.bucket, cors };
    let cors = || async { fixture.metadata.bucket_cors(&name).await.unwrap() };
    assert_eq!(cors().await, None);
    for text in [r#"[{"origins":["*"],"methods":["GET"]}]"#, r#"[{"origins":["http://a"],"methods":["PUT"]}]"#] {
        let rules: CorsConfiguration = serde_json::from_str(text).unwrap();
        fixture.done(set(Some(rules.clone()))).await;
        assert_eq!(cors().await.as_deref(), Some(&rules));
    }
    fixture.done(set(None)).await;
    assert_eq!(cors().await, None);
    let gone = Command::SetBucketCors { bucket: BucketId(u64::from(u32::MAX)), cors: None };
    assert_eq!(fixture.propose(gone).await, Err(CommandError::NoSuchBucket));
}

#[tokio::test]
async fn terms_grow_and_survive_a_restart() {
    let fixture = Fixture::new().await;
    let begin = |above| Command::BeginTerm {
        gateway: "gateway".into(),
        place: Some("here".into()),
        above: Term(above),
        at: at(1),
    };
    assert_eq!(fixture.metadata.last_reign().await.unwrap(), LastReign { term: Term(0), place: None });
    assert_eq!(fixture.done(begin(0)).await, Outcome::TermBegun { term: Term(1) });
    fixture.metadata.close().await;
    let metadata = open(&fixture.folder.path().join("metadata"), &settings(), hooks()).await;
    assert_eq!(metadata.propose(begin(0)).await, Ok(Outcome::TermBegun { term: Term(2) }));
    assert_eq!(metadata.propose(begin(7)).await, Ok(Outcome::TermBegun { term: Term(8) }));
    assert_eq!(metadata.propose(begin(3)).await, Ok(Outcome::TermBegun { term: Term(9) }), "never lower");
    let last = LastReign { term: Term(9), place: Some("here".into()) };
    assert_eq!(metadata.last_reign().await.unwrap(), last);
}

#[tokio::test]
async fn access_keys_are_made_disabled_and_deleted() {
    let fixture = Fixture::new().await;
    let new = || {
        Command::CreateAccessKey(NewAccessKey {
            access_key: "AKIA1".into(),
            sealed_secret: vec![1, 2, 3],
            name: "ci".into(),
            created: at(1),
        })
    };
    fixture.done(new()).await;
    assert_eq!(fixture.propose(new()).await, Err(CommandError::AccessKeyExists));
    let disable = Command::SetAccessKeyEnabled { access_key: "AKIA1".into(), enabled: false };
    fixture.done(disable).await;
    let key = fixture.metadata.access_key("AKIA1").await.unwrap().unwrap();
    assert!(!key.enabled && key.sealed_secret == [1, 2, 3] && key.name == "ci");
    assert_eq!(fixture.metadata.access_keys().await.unwrap().len(), 1);
    let delete = || Command::DeleteAccessKey { access_key: "AKIA1".into() };
    fixture.done(delete()).await;
    assert_eq!(fixture.propose(delete()).await, Err(CommandError::NoSuchAccessKey));
    assert!(fixture.metadata.access_key("AKIA1").await.unwrap().is_none());
}

#[tokio::test]
async fn there_are_no_more_buckets_than_the_command_allows() {
    let fixture = Fixture::new().await;
    let create = |name: &str, buckets_max| {
        let Command::CreateBucket(create) = create(name, "root") else { unreachable!() };
        Command::CreateBucket(CreateBucket { buckets_max, ..create })
    };
    fixture.done(create("second", 2)).await;
    assert_eq!(fixture.propose(create("third", 2)).await, Err(CommandError::TooManyBuckets));
    assert_eq!(fixture.propose(create("second", 2)).await, Err(CommandError::BucketAlreadyOwnedByYou));
    fixture.done(create("third", 3)).await;
}

#[tokio::test]
async fn the_pages_of_a_buckets_usage_add_up_to_all_versions() {
    let fixture = Fixture::new().await;
    let other = fixture.create_bucket("other").await;
    fixture.set_versioning(Versioning::Enabled).await;
    for (name, sizes) in [("a", &[1][..]), ("b", &[10, 20, 30]), ("c", &[]), ("d", &[100]), ("e/é", &[200, 300])] {
        for size in sizes {
            fixture.put(name, &[*size]).await;
        }
        fixture.delete(name).await;
    }
    for rows in [1, 2, 3, 5, 100] {
        let (mut objects, mut bytes, mut after) = (0, 0, None);
        loop {
            let (page, next) = fixture.metadata.bucket_usage(fixture.bucket, after.as_ref(), rows).await.unwrap();
            (objects, bytes) = (objects + page.objects, bytes + page.bytes);
            assert!(next.is_none() || next > after, "it gets on");
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((objects, bytes), (7, 661), "{rows} rows a page");
    }
    assert_eq!(fixture.metadata.bucket_usage(other, None, 10).await.unwrap(), (Default::default(), None));
}
