//! Orders while the database is away: nothing leaves without an intent that is kept, whoever approves or gives supply back is
//! told, and what was approved before is judged anew afterwards (F22, F31, F32, F45).

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use chaobiao::channel::Lines;
use chaobiao::collect::Progress;
use chaobiao::config::{Config, Http};
use chaobiao::domain::supply::{CalendarKind, Objection, OrderState, Reason, SupplyOrder};
use chaobiao::domain::{Day, Id};
use chaobiao::http::{self, Services, Source};
use chaobiao::store::supply::{AttemptOutcome, CalendarEntry, PaymentEntry, SupplyError};
use chaobiao::store::{Address, AuditFilter, Migrations, Store, StoreError, Taken, Tenure};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use crate::proxy::{Manner, Proxy};
use crate::ready::{acting, cut};
use crate::rig::{HeadEnd, Street};
use crate::server::Server;

/// N1 of a trip and of a permit to close.
const TRIP: u8 = 0x1A;
const PERMIT: u8 = 0x1B;

const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// How the database goes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Away {
    Stopped,
    Silent,
}

/// A street whose head-end reaches its database through a proxy and holds the lease; others reach it without.
pub(crate) struct Scene {
    pub(crate) server: Server,
    proxy: Proxy,
    pub(crate) street: Street,
    pub(crate) through: Store,
    pub(crate) head_end: HeadEnd,
    kept: (TaskTracker, CancellationToken),
}

impl Scene {
    pub(crate) async fn new(homes: usize) -> Option<Self> {
        let server = Server::start().await?;
        let proxy = Proxy::before(server.socket()).await;
        let socket = server.socket().parent().unwrap().to_str().unwrap().replace('/', "%2F");
        let street = Street::on(&Address::Postgres(format!("postgres://site@{socket}/site")), homes).await;
        let tenure = match Tenure::take(&Address::Postgres(proxy.url()), "first", "1").await.unwrap() {
            Taken::Ours(tenure) => tenure,
            Taken::Held(holder) => panic!("{holder:?}"),
        };
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let (keeper, until) = (tenure.clone(), stop.clone());
        tasks.spawn(async move { keeper.keep(&until).await });
        let folder = street.folder.path();
        std::fs::write(folder.join("url"), proxy.url()).unwrap();
        let text = "[database]\nurl_file = \"url\"\nconnections = 4\nanswers_within = \"3s\"\n";
        let config = Config::parse(&folder.join("chaobiao.toml"), text).unwrap().config;
        let through = Store::open_configured(&config.database, Migrations::Check).await.unwrap();
        let through = through.holding(Some(tenure));
        let head_end = street.head_end_with(&through).await;
        Some(Self { server, proxy, street, through, head_end, kept: (tasks, stop) })
    }

    pub(crate) async fn close(self) {
        let (tasks, stop) = self.kept;
        self.head_end.close().await;
        stop.cancel();
        tasks.close();
        tasks.wait().await;
        self.through.close().await;
        self.street.close().await;
    }
}

fn go(away: Away, server: &mut Server, proxy: &Proxy) {
    match away {
        Away::Stopped => server.stop(),
        Away::Silent => proxy.behave(Manner::Swallow),
    }
}

/// Others reach it again; the head-end does not yet.
async fn come_back_for_others(away: Away, server: &mut Server, proxy: &Proxy, others: &Store) {
    if away == Away::Stopped {
        proxy.behave(Manner::Swallow);
        server.begin().await;
    }
    while others.ready().await.is_err() {
        sleep(Duration::from_millis(100)).await;
    }
}

/// A cut of one home that was handed in, within a window from now on.
pub(crate) async fn asked(
    street: &Street,
    head_end: &HeadEnd,
    place: usize,
    window: (Duration, Duration),
) -> Id<SupplyOrder> {
    let now = street.clock.now();
    let mut new = cut(&[street.houses[place].home], now);
    (new.window.from, new.window.until) = (now.plus(window.0), now.plus(window.1));
    loop {
        match head_end.supply.ask(&acting("li", now), &new).await {
            Ok(asked) => {
                assert_eq!(asked.refused, []);
                return asked.id;
            }
            // What fell silent with a transaction under way holds its locks until the server gives it up.
            refused => assert!(is_unavailable(refused)),
        }
        sleep(Duration::from_millis(200)).await;
    }
}

pub(crate) async fn approve(
    street: &Street,
    head_end: &HeadEnd,
    id: Id<SupplyOrder>,
) -> Result<OrderState, SupplyError> {
    let seen = street.view(id).await.hash;
    head_end.supply.approve(&acting("wang", street.clock.now()), id, &seen.into()).await
}

/// At once, and for long enough that nothing is drawn.
pub(crate) const AT_ONCE: (Duration, Duration) = (Duration::ZERO, Duration::from_secs(540));

fn is_unavailable<T: std::fmt::Debug>(result: Result<T, SupplyError>) -> bool {
    match result {
        Err(SupplyError::Store(StoreError::Unavailable { .. })) => true,
        other => panic!("{other:?}"),
    }
}

/// Waits until something of an order holds.
pub(crate) async fn until(
    street: &Street,
    id: Id<SupplyOrder>,
    limit: u64,
    holds: impl Fn(OrderState, &[Objection]) -> bool,
) {
    let began = Instant::now();
    loop {
        let view = street.view(id).await;
        let point = &view.points[0];
        if holds(point.state, &point.objections) {
            return;
        }
        assert!(began.elapsed() < seconds(limit), "it stays {point:?}");
        sleep(Duration::from_millis(200)).await;
    }
}

/// Waits until a home has heard this.
pub(crate) async fn until_heard(street: &Street, place: usize, orders: &[u8], limit: u64) -> Duration {
    let began = Instant::now();
    while street.orders(place) != orders {
        assert!(began.elapsed() < seconds(limit), "home {place} heard {:?}", street.orders(place));
        sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

fn heard(street: &Street) -> Vec<Vec<u8>> {
    (0..street.houses.len()).map(|place| street.orders(place)).collect()
}

/// The console and the API over the head-end, and the cookie and the token of an approver who has signed in.
async fn signed_in(
    scene_store: &Store,
    street: &Street,
    head_end: &HeadEnd,
) -> (axum::Router, String, String) {
    let (_, progress) = watch::channel(Progress::default());
    let services =
        Services::new(scene_store.clone(), street.clock.clone(), Lines::default(), progress, Http::default())
            .ordering(head_end.supply.clone());
    let account = scene_store.account_named("wang").await.unwrap().unwrap();
    let secret = http::auth::start_session(&services, &account, "127.0.0.1").await.unwrap();
    let (router, cookie) = (http::router(services), format!("chaobiao_session={secret}"));
    let (status, body) = send(&router, ("GET", "/api/v1/session"), (&cookie, ""), "").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let session: serde_json::Value = serde_json::from_str(&body).unwrap();
    (router, cookie, session["session"]["csrf"].as_str().unwrap().to_owned())
}

async fn send(
    router: &axum::Router,
    (method, path): (&str, &str),
    (cookie, csrf): (&str, &str),
    body: &str,
) -> (StatusCode, String) {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "chaobiao.test")
        .header(header::COOKIE, cookie)
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-csrf-token", csrf)
        .header(header::IF_MATCH, format!("\"{}\"", "ab".repeat(32)))
        .header("idempotency-key", "away-0001")
        .body(Body::from(body.to_owned()))
        .unwrap();
    request.extensions_mut().insert(Source("127.0.0.1".to_owned()));
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let retry = response.headers().contains_key(header::RETRY_AFTER);
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    assert!(retry || status != StatusCode::SERVICE_UNAVAILABLE, "it does not say when to try again");
    (status, String::from_utf8_lossy(&body).into_owned())
}

/// How many entries of the audit log tell of this being done to an order.
async fn told(store: &Store, action: &str, id: Id<SupplyOrder>) -> usize {
    let filter =
        AuditFilter { order: Some(id.number()), action: Some(action.to_owned()), ..AuditFilter::default() };
    store.audit_before(&filter, i64::MAX, 100).await.unwrap().len()
}

async fn lived(away: Away) {
    let Some(mut scene) = Scene::new(6).await else { return };
    let Scene { server, proxy, street, through, head_end, .. } = &mut scene;
    let (street, head_end) = (&*street, &*head_end);
    let (router, cookie, csrf) = signed_in(through, street, head_end).await;
    let who = (cookie.as_str(), csrf.as_str());
    let body = async {
        let goes_on = asked(street, head_end, 0, AT_ONCE).await;
        let paid = asked(street, head_end, 1, AT_ONCE).await;
        let later = asked(street, head_end, 3, (seconds(5), seconds(545))).await;
        let unapproved = asked(street, head_end, 4, AT_ONCE).await;
        let late = asked(street, head_end, 2, (Duration::ZERO, seconds(8))).await;
        for id in [later, late, paid, goes_on] {
            approve(street, head_end, id).await.unwrap();
        }
        let (li, seen) = (acting("li", street.clock.now()), street.view(unapproved).await.hash);
        let back = [street.houses[5].home.point];
        let back = head_end.supply.restore(&li, &back, Reason::Settled, None).await.unwrap().id;
        go(away, server, proxy);
        let began = Instant::now();

        // Whoever wants something is told, and nothing of it is kept.
        let wang = acting("wang", street.clock.now());
        assert!(is_unavailable(head_end.supply.approve(&wang, unapproved, &seen.into()).await));
        let home = [street.houses[4].home.point];
        assert!(is_unavailable(head_end.supply.restore(&li, &home, Reason::Settled, None).await));
        println!("{away:?}: both were told within {:?}", began.elapsed());
        assert!(began.elapsed() < seconds(20));
        let restore = r#"{"points":["P00005"],"reason":"settled","safety_note":null}"#;
        let approve_path = format!("/api/v1/orders/{}/approve", unapproved.number());
        for (path, body) in [(approve_path.as_str(), r#"{"code":"123456"}"#), ("/api/v1/restores", restore)] {
            let (status, body) = send(&router, ("POST", path), who, body).await;
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}: {body}");
            let words =
                if path == "/api/v1/restores" { "请派人到现场合闸" } else { "数据库暂不可用" };
            assert!(body.contains("\"store_unavailable\"") && body.contains(words), "{path}: {body}");
        }
        sleep(seconds(14).saturating_sub(began.elapsed())).await;
        assert!(!through.may_act(), "the lease has run out");
        assert_eq!(heard(street), vec![Vec::<u8>::new(); 6], "nothing leaves without an intent");

        // Meanwhile somebody has paid, and a window has passed.
        come_back_for_others(away, server, proxy, &street.store).await;
        let now = street.clock.now();
        let customer = street.houses[1].home.customer;
        let payment = PaymentEntry { customer, reference: "desk 7".to_owned(), amount_fen: 1, paid_at: now };
        street.store.enter_payments(&acting("billing", now), &[payment], now).await.unwrap();
        let view = street.view(unapproved).await;
        assert_eq!(
            (view.points[0].state, view.approvals.len()),
            (OrderState::Submitted, 0),
            "half an approval"
        );
        assert_eq!(told(&street.store, "order.approve", unapproved).await, 0);
        assert_eq!(heard(street), vec![Vec::<u8>::new(); 6]);

        // It comes back: supply is given back first, and each cut is judged anew.
        proxy.behave(Manner::Pass);
        let given = until_heard(street, 5, &[PERMIT], 30).await;
        println!("{away:?}: supply was given back {given:?} after the return");
        until_heard(street, 0, &[TRIP], 90).await;
        until_heard(street, 3, &[TRIP], 90).await;
        until(street, paid, 30, |state, _| state == OrderState::Cancelled).await;
        until(street, late, 30, |state, why| {
            state == OrderState::Expired && why.contains(&Objection::WindowPassed)
        })
        .await;
        for (id, place) in [(goes_on, 0), (later, 3), (back, 5)] {
            let view = street.view(id).await;
            let sent = view.attempts.iter().filter(|attempt| attempt.intent_at > now).count();
            assert!(sent >= street.orders(place).len(), "{view:?}");
        }

        // Away once more, and STOP is pressed meanwhile, on what has become a day without cuts.
        approve(street, head_end, unapproved).await.unwrap();
        go(away, server, proxy);
        sleep(seconds(6)).await;
        come_back_for_others(away, server, proxy, &street.store).await;
        let now = street.clock.now();
        street.store.press_stop(&li, "fire", now).await.unwrap();
        let days = [Day::of(now), Day::of(now).plus(1)].map(|day| CalendarEntry {
            day,
            area: None,
            kind: CalendarKind::Exam,
        });
        street.store.enter_calendar(&li, &days, now).await.unwrap();
        proxy.behave(Manner::Pass);
        until(street, unapproved, 30, |_, why| {
            why.contains(&Objection::Stopped) && why.contains(&Objection::NoCutDay)
        })
        .await;
        sleep(seconds(5)).await;
        let [trip, nothing, permit] = [vec![TRIP], vec![], vec![PERMIT]];
        let all = [&trip, &nothing, &nothing, &trip, &nothing, &permit].map(Clone::clone);
        assert_eq!(heard(street), all, "each that goes out does so once");
    };
    head_end.during(body).await;
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f31_f45_cuts_and_approvals_while_the_server_is_stopped_go_out_judged_anew_or_not_at_all() {
    lived(Away::Stopped).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f22_f45_cuts_and_approvals_while_the_server_is_silent_go_out_judged_anew_or_not_at_all() {
    lived(Away::Silent).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f32_an_approval_that_is_not_answered_is_whole_or_not_there() {
    let Some(scene) = Scene::new(1).await else { return };
    let Scene { proxy, street, head_end, .. } = &scene;
    let (mut whole, mut nothing) = (0, 0);
    for after in 0..60 {
        // On a slow machine more of them are cut off before they are whole.
        if after >= 14 && whole > 0 && nothing > 0 {
            break;
        }
        // From the next week on: nobody carries it out here.
        let window = (seconds(3 * 86_400), seconds(3 * 86_400 + 540));
        let id = asked(street, head_end, 0, window).await;
        let seen = street.view(id).await.hash;
        let (supply, wang) = (head_end.supply.clone(), acting("wang", street.clock.now()));
        proxy.behave(Manner::Late(Duration::from_millis(20)));
        let approving =
            TaskTracker::new().spawn(async move { supply.approve(&wang, id, &seen.into()).await });
        sleep(Duration::from_millis(150) * after).await;
        proxy.behave(Manner::Swallow);
        let ended = tokio::time::timeout(seconds(15), approving).await.unwrap().unwrap();
        proxy.behave(Manner::Pass);
        let (view, told) = (street.view(id).await, told(&street.store, "order.approve", id).await);
        let stands = (view.points[0].state, view.approvals.len(), told);
        match stands {
            (OrderState::Submitted, 0, 0) => nothing += 1,
            (OrderState::Approved, 1, 1) => whole += 1,
            half => panic!("half an approval: {half:?}"),
        }
        match ended {
            Ok(state) => assert_eq!((state, stands.0), (OrderState::Approved, OrderState::Approved)),
            refused => assert!(is_unavailable(refused)),
        }
        let now = street.clock.now();
        street.store.cancel_order(&acting("li", now), id, now).await.unwrap();
        while scene.through.ready().await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    }
    println!("f32: of approvals that were cut off {whole} were whole and {nothing} not there");
    assert!(whole > 0 && nothing > 0, "{whole} {nothing}");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f32_f45_at_whatever_moment_of_a_cut_the_server_falls_silent_no_frame_is_without_its_intent() {
    const HOMES: usize = 6;
    let Some(scene) = Scene::new(HOMES).await else { return };
    let Scene { proxy, street, head_end, .. } = &scene;
    let body = async {
        let mut orders = Vec::new();
        for place in 0..HOMES {
            let id = asked(street, head_end, place, AT_ONCE).await;
            orders.push(id);
            proxy.behave(Manner::Late(Duration::from_millis(40)));
            while let Err(refused) = approve(street, head_end, id).await {
                assert!(is_unavailable::<OrderState>(Err(refused)));
                sleep(Duration::from_millis(200)).await;
            }
            // Its meter is asked for some seconds before the intent.
            sleep(Duration::from_millis(700) * u32::try_from(place).unwrap()).await;
            proxy.behave(Manner::Swallow);
            let before = street.orders(place);
            sleep(seconds(7)).await;
            if before != street.orders(place) {
                let view = street.view(id).await;
                assert_eq!(view.attempts.len(), 1, "a frame without its intent: {view:?}");
            }
            proxy.behave(Manner::Pass);
            while scene.through.ready().await.is_err() {
                sleep(Duration::from_millis(50)).await;
            }
        }
        // What was not sent is tried again.
        for (place, id) in orders.iter().enumerate() {
            until_heard(street, place, &[TRIP], 150).await;
            let view = street.view(*id).await;
            // Any of the silences may have met an intent of this home: of such an attempt nothing is sent.
            let sent = view
                .attempts
                .iter()
                .filter(|attempt| attempt.outcome != Some(AttemptOutcome::NotSent))
                .count();
            assert_eq!(sent, 1, "{view:?}");
            assert!(view.attempts.len() <= HOMES + 1, "{view:?}");
        }
        sleep(seconds(3)).await;
        assert_eq!(heard(street), vec![vec![TRIP]; HOMES]);
    };
    head_end.during(body).await;
    scene.close().await;
}
