//! Only an answer that names the keys it was offered delivers them; all else is offered again, the same to the last byte.

use serde_json::json;

use crate::receiver::{Manner, Receiver, Reply, answers, ok, taken, takes};
use crate::rig::{Rig, http};

/// Registers of two midnights and the consumption between, for two points.
const ALL: usize = 6;

/// Answers with receipts that are made from the keys; nothing takes effect.
fn says(receipts: fn(&[String]) -> Vec<serde_json::Value>) -> Manner {
    Box::new(move |_, heard| ok(receipts(&heard.keys())))
}

/// What is no answer, with what is then said of the receiver.
fn no_answers() -> Vec<(Manner, &'static str)> {
    let long = format!("{{\"receipts\":[],\"more\":\"{}\"}}", "x".repeat(100_000));
    vec![
        (says(|_| Vec::new()), "does not name the key"),
        (says(|keys| keys.iter().map(|key| taken(&format!("{key}0"))).collect()), "not offered"),
        (says(|keys| keys.iter().chain(keys).map(|key| taken(key)).collect()), "a key twice"),
        (
            says(|keys| keys.iter().map(String::as_str).chain(["register/P9"]).map(taken).collect()),
            "not offered",
        ),
        (says(|keys| keys.iter().map(|key| json!({ "key": key, "taken": "true" })).collect()), "no list"),
        (says(|keys| keys.iter().map(|key| json!({ "key": key })).collect()), "no list"),
        (answers(200, "", "{\"receipts\":true}"), "no list"),
        (answers(200, "", "OK"), "no list"),
        (answers(200, "", ""), "no list"),
        (answers(204, "", ""), "status 204"),
        (answers(202, "", "{\"receipts\":[]}"), "status 202"),
        (answers(401, "", ""), "status 401"),
        (answers(404, "", ""), "status 404"),
        (answers(500, "", "panic at main.rs"), "status 500"),
        (answers(503, "", ""), "status 503"),
        (answers(429, "Retry-After: soon\r\n", ""), "status 429"),
        (answers(302, "Location: http://127.0.0.1:1/\r\n", ""), "status 302"),
        (Box::new(move |_, _| Reply::Answer(200, "", long.clone())), "too long"),
        (Box::new(|_, _| Reply::Half), "breaks off"),
        (Box::new(|_, _| Reply::Cut), "without an answer"),
        (Box::new(|_, _| Reply::Silence), "time-out"),
    ]
}

#[tokio::test]
async fn t22_what_does_not_name_the_keys_delivers_nothing_and_is_offered_again_the_same() {
    let receiver = Receiver::plain(takes()).await;
    let rig = Rig::new(2, 2, &http(&receiver)).await;
    let mut bodies = Vec::new();
    let manners = no_answers();
    let count = manners.len();
    for (manner, said) in manners {
        receiver.behave(manner);
        let pushed = rig.push().await;
        assert_eq!((pushed.offered, pushed.delivered, pushed.refused), (ALL, 0, 0), "{said}");
        let status = rig.status("marketing").await;
        assert_eq!((status.waiting, status.delivered, status.parked), (6, 0, 0), "{said}");
        assert!(rig.trouble().await.contains(said), "{said}: {}", rig.trouble().await);
        bodies.push(receiver.heard().last().unwrap().body.clone());
        assert_eq!(rig.push().await.offered, 0, "{said}: it is left alone for a while");
        rig.later(900);
    }
    assert_eq!(receiver.heard().len(), count);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "the same bytes for the same keys");
    receiver.behave(takes());
    assert_eq!(rig.push().await.delivered, ALL);
    assert_eq!(receiver.effects(), ALL);
}

#[tokio::test]
async fn t20_a_redirection_is_not_followed() {
    let other = Receiver::plain(takes()).await;
    let receiver = Receiver::plain(takes()).await;
    let rig = Rig::new(1, 1, &http(&receiver)).await;
    for status in [301, 302, 303, 307, 308] {
        let to = format!("Location: http://{}/\r\n", other.address).leak();
        receiver.behave(answers(status, to, ""));
        assert_eq!(rig.push().await.delivered, 0);
        rig.later(900);
    }
    assert!(other.heard().is_empty() && receiver.heard().len() == 5);
}

#[tokio::test]
async fn f39_who_asks_to_be_left_alone_is_left_alone_so_long() {
    let receiver = Receiver::plain(answers(429, "Retry-After: 600\r\n", "")).await;
    let rig = Rig::new(1, 1, &http(&receiver)).await;
    assert_eq!(rig.push().await.rest.as_secs(), 600);
    rig.later(599);
    assert_eq!(rig.push().await.offered, 0);
    rig.later(1);
    receiver.behave(answers(503, "Retry-After: 999999999\r\n", ""));
    assert_eq!(rig.push().await.offered, 1);
    assert!(rig.trouble().await.contains("status 503"), "{}", rig.trouble().await);
    receiver.behave(takes());
    rig.later(3600);
    assert_eq!(rig.push().await.delivered, 1, "nobody is left alone for ever");
}

#[tokio::test]
async fn what_is_named_is_delivered_and_the_rest_is_offered_again() {
    let receiver = Receiver::plain(says(|keys| keys.iter().take(2).map(|key| taken(key)).collect())).await;
    let rig = Rig::new(2, 2, &http(&receiver)).await;
    let pushed = rig.push().await;
    assert_eq!((pushed.delivered, pushed.again), (2, 4));
    let refuses = says(|keys| {
        keys.iter().map(|key| json!({ "key": key, "taken": false, "reason": "=查无此户" })).collect()
    });
    receiver.behave(refuses);
    rig.later(900);
    let pushed = rig.push().await;
    assert_eq!((pushed.offered, pushed.refused), (4, 4));
    assert_eq!(rig.trouble().await, "=查无此户");
    rig.later(90_000);
    assert_eq!(rig.push().await.offered, 0, "what was refused waits for a person");
}

/// A receiver that takes no batch with this point in it, by this status.
pub(crate) fn takes_all_but(point: &'static str, status: u16, is_named: bool) -> Manner {
    Box::new(move |books, heard| {
        let keys = heard.keys();
        if !keys.iter().any(|key| key.contains(point)) {
            books.take(heard);
            return ok(keys.iter().map(|key| taken(key)).collect());
        }
        let named = |key: &String| json!({ "key": key, "taken": false, "reason": "no such point" });
        let body = if is_named {
            json!({ "receipts": keys.iter().map(named).collect::<Vec<_>>() })
        } else {
            json!({})
        };
        Reply::Answer(status, "", body.to_string())
    })
}

#[tokio::test]
async fn t22_one_record_that_is_not_taken_keeps_no_other_and_is_refused_only_by_its_name() {
    for status in [400, 409, 413, 422] {
        let receiver = Receiver::plain(takes_all_but("/P7/", status, false)).await;
        let rig = Rig::new(64, 1, &http(&receiver)).await;
        let pushed = rig.push().await;
        assert_eq!(
            (pushed.offered, pushed.delivered, pushed.refused, pushed.again),
            (64, 63, 0, 1),
            "{status}"
        );
        assert!(receiver.heard().len() <= 13, "{} requests to find it", receiver.heard().len());
        assert!(rig.trouble().await.contains(&format!("status {status}")), "{}", rig.trouble().await);
        // By whom it was said is not known, so it goes on waiting.
        rig.later(900);
        assert_eq!((rig.push().await.again, rig.status("marketing").await.waiting), (1, 1));
        receiver.behave(takes_all_but("/P7/", status, true));
        rig.later(900);
        assert_eq!(rig.push().await.refused, 1);
        assert_eq!(rig.trouble().await, "no such point");
        assert_eq!(receiver.effects(), 63);
    }
}

#[tokio::test]
async fn a_receiver_that_refuses_everything_is_asked_less_and_less() {
    let receiver = Receiver::plain(answers(400, "", "")).await;
    let rig = Rig::new(4, 1, &http(&receiver)).await;
    for round in 1..=3 {
        let pushed = rig.push().await;
        assert_eq!((pushed.offered, pushed.again), (4, 4));
        assert_eq!(receiver.heard().len(), round * 7, "all, halves, each");
        rig.later(900);
    }
    receiver.behave(takes());
    rig.push_all().await;
    assert_eq!(receiver.effects(), 4);
}
