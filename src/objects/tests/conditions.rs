use super::fixture::{Fixture, TestBody, get_input, put_input};
use crate::objects::{GetInput, ObjectError, PutInput, ReadConditions, TagCondition, WritePrecondition};
use futures_util::future::join_all;

#[tokio::test]
async fn of_racing_creators_exactly_one_wins() {
    let fixture = Fixture::start().await;
    for round in 0..10 {
        let name = format!("key-{round}");
        let create = |i: u32| {
            let input = PutInput { precondition: WritePrecondition::Absent, ..put_input(&name) };
            let body = TestBody::of(format!("writer {i}").as_bytes());
            let put = fixture.objects.put(input, body);
            async move { (i, put.await.map(|_| ())) }
        };
        let outcomes = join_all((0..8).map(create)).await;
        let winners: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).collect();
        assert_eq!(winners.len(), 1, "round {round}");
        assert_eq!(fixture.get_whole(&name).await.unwrap(), format!("writer {}", winners[0].0).as_bytes());
        let failed = ObjectError::PreconditionFailed { condition: "If-None-Match" };
        assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok() || *outcome == Err(failed.clone())));
    }
}

#[tokio::test]
async fn compare_and_swap_loses_no_update() {
    let fixture = Fixture::start().await;
    fixture.put("counter", b"0").await;
    let add = async || {
        loop {
            let (found, mut reader) = fixture.objects.get(&get_input("counter")).await.unwrap();
            let mut text = Vec::new();
            while let Some(piece) = reader.next().await {
                text.extend_from_slice(&piece.unwrap());
            }
            let next = String::from_utf8(text).unwrap().parse::<u32>().unwrap() + 1;
            let precondition = WritePrecondition::Matches(vec![found.object.etag.clone()]);
            let input = PutInput { precondition, ..put_input("counter") };
            match fixture.objects.put(input, TestBody::of(next.to_string().as_bytes())).await {
                Ok(_) => return,
                Err(ObjectError::PreconditionFailed { condition: "If-Match" }) => {}
                Err(other) => panic!("{other}"),
            }
        }
    };
    join_all((0..10).map(|_| add())).await;
    assert_eq!(fixture.get_whole("counter").await.unwrap(), b"10");
}

#[tokio::test]
async fn writes_on_condition_need_the_object_that_they_name() {
    let fixture = Fixture::start().await;
    let put = async |precondition| {
        let input = PutInput { precondition, ..put_input("key") };
        fixture.objects.put(input, TestBody::of(b"x")).await.map(|written| written.etag)
    };
    assert_eq!(put(WritePrecondition::Present).await, Err(ObjectError::NoSuchKey));
    let etag = put(WritePrecondition::Absent).await.unwrap();
    assert!(put(WritePrecondition::Present).await.is_ok());
    assert!(put(WritePrecondition::Matches(vec![etag.clone()])).await.is_ok());
    let failed = |condition| Err(ObjectError::PreconditionFailed { condition });
    assert_eq!(put(WritePrecondition::NoneMatches(vec![etag])).await, failed("If-None-Match"));
    assert_eq!(put(WritePrecondition::Matches(vec!["other".parse().unwrap()])).await, failed("If-Match"));
}

#[tokio::test]
async fn reads_on_condition() {
    let fixture = Fixture::start().await;
    let etag = fixture.put("key", b"x").await.etag;
    let get = async |conditions| fixture.get(&GetInput { conditions, ..get_input("key") }).await;
    let matching = || Some(TagCondition::Tags(vec![etag.clone()]));
    assert!(get(ReadConditions { if_match: matching(), ..Default::default() }).await.is_ok());
    let not_modified = get(ReadConditions { if_none_match: matching(), ..Default::default() }).await;
    assert!(matches!(not_modified, Err(ObjectError::NotModified(_))));
    let other = Some(TagCondition::parse("other"));
    assert_eq!(
        get(ReadConditions { if_match: other, ..Default::default() }).await,
        Err(ObjectError::PreconditionFailed { condition: "If-Match" })
    );
}
