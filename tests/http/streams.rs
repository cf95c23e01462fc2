//! Streams of events: a handful for each account, and of the site no more than its areas tell. (T16)

use axum::body::Body;
use axum::http::StatusCode;
use chaobiao::domain::access::Role;
use chaobiao::http::Source;
use futures_util::StreamExt;
use tower::ServiceExt;

use crate::figures::night;
use crate::orders::Town;
use crate::rig::{Rig, Somebody, request};

async fn open(rig: &Rig, who: &Somebody) -> axum::response::Response {
    let mut request = request(axum::http::Method::GET, "/api/v1/stream", Some(who));
    request.extensions_mut().unwrap().insert(Source("127.0.0.1".to_owned()));
    rig.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn t15_an_account_has_a_handful_of_streams() {
    let rig = Rig::new().await;
    let (li, wang) = (rig.signed_in("li", Role::Viewer).await, rig.signed_in("wang", Role::Viewer).await);
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(open(&rig, &li).await);
    }
    assert!(streams.iter().all(|stream| stream.status() == StatusCode::OK));
    let refused = open(&rig, &li).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(open(&rig, &wang).await.status(), StatusCode::OK, "another account");
    streams.pop();
    assert_eq!(open(&rig, &li).await.status(), StatusCode::OK, "one has ended");
}

#[tokio::test]
async fn t16_a_stream_tells_of_the_areas_of_its_account() {
    let town = Town::new().await;
    night(&town).await;
    let stream = open(&town.rig, &town.elsewhere[0]).await;
    let first = stream.into_body().into_data_stream().next().await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&first).into_owned();
    assert!(text.starts_with("event: progress"), "{text}");
    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let expected =
        serde_json::json!({ "planned": 1, "read": 1, "missing": 0, "steps_done": null, "steps": null });
    assert_eq!(data, expected);
}
