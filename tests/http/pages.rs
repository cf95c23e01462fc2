//! Pages of collection and billing, opened through the real router over a store with hostile texts in it.

use axum::http::StatusCode;
use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::{
    ArchiveEntry, Customer, CustomerClass, Day, Fetch, Id, Item, Meter, MeterPath, MeterProtocol,
    MeteringPoint, MissingCause, Moment, PointRole, Quality, RegisterReading, RunKind, RunMeter, RunOutcome,
    Source, Suspicion, Transformers,
};
use chaobiao::store::archive::Saving;
use chaobiao::store::terminal::{
    ArchiveCompared, Difference, DifferenceKind, EventsRead, TerminalEvent, TerminalNotes,
};
use chaobiao::store::{Batch, EventCount, MeterEvent, Notes, RunPlan, Store};

use crate::rig::{Rig, Somebody, escaped, morning};

const SCRIPT: &str = "<script>alert(1)</script>";
const IMAGE: &str = "\"><img src=x onerror=alert(1)>";
const FORMULA: &str = "=HYPERLINK(\"//x\")";
const TURNED: &str = "abc\u{202e}gpj";

fn midnight() -> Moment {
    Day::of(morning()).start()
}

fn entry(number: u32, area: &str) -> ArchiveEntry {
    ArchiveEntry {
        customer: Customer {
            number: format!("{FORMULA}{number}"),
            name: format!("{SCRIPT}{number}"),
            class: Some(CustomerClass::Residential),
        },
        point: MeteringPoint {
            number: format!("{IMAGE}{number}"),
            customer: format!("{FORMULA}{number}"),
            role: PointRole::Customer,
            area: Some(area.to_owned()),
            route: None,
            protection: Some(format!("{TURNED}{SCRIPT}")),
        },
        is_unprotected: false,
        feeder: None,
        reading_day: None,
        meter: Meter {
            address: number.to_string().parse().unwrap(),
            asset_number: Some(format!("{FORMULA}{number}")),
            protocol: MeterProtocol::Dlt2007,
            profile: None,
            path: MeterPath::Line { line: format!("{SCRIPT}line"), baud: None, parity: None },
        },
        transformers: Some(Transformers::NONE),
        installed_at: Some("2026-01-01".parse::<Day>().unwrap().start()),
        first_reading: None,
    }
}

/// A terminal with a hostile name, and what it tells.
async fn terminal_notes(store: &Store) -> TerminalNotes {
    let terminal = "1100-3039".parse().unwrap();
    let acting = Acting {
        person: Id::new(1),
        account: Id::new(1),
        name: "li".to_owned(),
        role: Role::Operator,
        role_since: midnight(),
        regions: Regions::All,
        source: String::new(),
        request: None,
    };
    store.adopt_terminal(&acting, terminal, Some(&format!("{TURNED}{SCRIPT}")), midnight()).await.unwrap();
    let told = |text: &str| Some(text.to_owned());
    let kind = DifferenceKind::OtherMeter;
    let differences = vec![Difference { point: 1, kind, ours: told("1"), theirs: told(FORMULA) }];
    let event = TerminalEvent {
        place: 0,
        code: 200,
        meter: None,
        began: told(IMAGE),
        body: "00".to_owned(),
        record: format!(
            "{{\"values\":[{{\"name\":\"{SCRIPT}\",\"name_zh\":\"{SCRIPT}\",\"value\":\"=1\"}}]}}"
        ),
        collected_at: midnight(),
    };
    TerminalNotes {
        archives: vec![ArchiveCompared { terminal, at: midnight(), records: 1, differences }],
        events: vec![EventsRead { terminal, important: true, read_to: None, events: vec![event] }],
        ..TerminalNotes::default()
    }
}

/// Two meters in two areas: one read with a doubt, one missing, with an event each. Gives the fetch of the first.
pub(crate) async fn town(store: &Store) -> Id<Fetch> {
    let entries = [entry(1, &format!("{SCRIPT}A")), entry(2, "B")];
    store.save_archive(&entries, midnight(), Saving::Confirmed).await.unwrap();
    let meters = [Id::new(1), Id::new(2)];
    let plan = RunPlan {
        scope: "site",
        day: Day::of(midnight()),
        kind: RunKind::Nightly,
        meters: &meters,
        deadline: morning(),
    };
    let run = store.begin_run(&plan, midnight()).await.unwrap();
    let item = Item::parse("1.8.0").unwrap();
    let fetch = Fetch {
        id: store.new_fetch_id(midnight()),
        meter: Id::new(1),
        items: vec![item],
        from: midnight(),
        until: midnight(),
        source: Source::Freeze,
        collected_at: midnight(),
        frames: b"<script>alert(1)</script>".to_vec(),
        run: Some(run.id),
    };
    let reading = |value, quality| RegisterReading {
        meter: Id::new(1),
        item,
        as_of: midnight(),
        value,
        meter_time: Some(SCRIPT.to_owned()),
        collected_at: midnight(),
        source: Source::Freeze,
        quality,
        fetch: Some(fetch.id),
    };
    let outcome = |meter, outcome| RunMeter {
        run: run.id,
        meter: Id::new(meter),
        outcome,
        detail: Some(format!("{TURNED}{SCRIPT}")),
        holes: None,
    };
    let event = |meter| MeterEvent {
        meter: Id::new(meter),
        kind: SCRIPT.to_owned(),
        began: IMAGE.to_owned(),
        record: format!(
            "{{\"values\":[{{\"name\":\"{SCRIPT}\",\"name_zh\":\"{SCRIPT}\",\"value\":\"=1\"}}]}}"
        ),
        collected_at: midnight(),
    };
    let count = EventCount { meter: Id::new(1), kind: SCRIPT.to_owned(), count: 1, at: midnight() };
    let terminals = terminal_notes(store).await;
    let notes =
        Notes { events: vec![event(1), event(2)], event_counts: vec![count], terminals, ..Notes::default() };
    let id = fetch.id;
    let registers = vec![reading(5, Quality::Good), reading(4, Quality::Suspect(Suspicion::BackwardStep))];
    let outcomes = vec![outcome(1, RunOutcome::Read), outcome(2, RunOutcome::Missing(MissingCause::Silent))];
    let batch = Batch { fetches: vec![fetch], registers, outcomes, notes, ..Batch::default() };
    store.save(&batch, midnight()).await.unwrap();
    id
}

/// Every page of the town, and the tables of each.
fn pages(fetch: Id<Fetch>) -> Vec<(String, &'static [&'static str])> {
    let of_meter = |part: &str| format!("/meters/000000000001?part={part}");
    let mut pages: Vec<(String, &'static [&'static str])> = vec![
        ("/?".to_owned(), &["areas", "lines", "missing"]),
        ("/meters?".to_owned(), &["all"]),
        ("/billing?".to_owned(), &["all", "open", "reviews"]),
        ("/lines?".to_owned(), &["all"]),
        ("/terminals?".to_owned(), &["all", "unknown"]),
        ("/terminals/1100-3039?".to_owned(), &["archive", "events"]),
        ("/events?".to_owned(), &["all"]),
        ("/loss?".to_owned(), &["all"]),
        ("/orders?".to_owned(), &["all"]),
        ("/overdue?".to_owned(), &["all"]),
        ("/cuts?".to_owned(), &["all"]),
        ("/overdue/notices?".to_owned(), &[]),
        ("/evidence?".to_owned(), &[]),
        ("/settings?".to_owned(), &["all", "terms"]),
        ("/protections?which=all".to_owned(), &["all"]),
        ("/calendar?".to_owned(), &["all"]),
        ("/alarms?which=all".to_owned(), &["all", "channels"]),
        ("/proposals?".to_owned(), &["all"]),
        ("/account?".to_owned(), &["all"]),
        (format!("/meters/000000000001/fetches/{fetch}?"), &[]),
        (of_meter("status"), &[]),
    ];
    for part in ["curve", "registers", "events", "clock", "fetches", "orders"] {
        pages.push((of_meter(part), &["all"]));
    }
    pages
}

async fn opened(rig: &Rig, who: &Somebody, path: &str) -> String {
    let answer = rig.get(path, Some(who)).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
    answer.body
}

#[tokio::test]
async fn t13_no_text_of_others_runs_on_any_page_or_in_any_file() {
    let rig = Rig::new().await;
    let fetch = town(&rig.services.store).await;
    let operator = rig.signed_in("operator", Role::Operator).await;
    let (mut shown, mut files) = (0, 0);
    for (page, tables) in pages(fetch) {
        let text = opened(&rig, &operator, &page).await;
        assert_eq!(text.matches("<script").count(), 1, "{page}: the one of our own");
        assert!(!text.contains("<img") && !text.contains('\u{202e}') && !text.contains('\0'), "{page}");
        shown += text.matches("&lt;script&gt;").count();
        for table in tables {
            let file = rig.get(&format!("{page}&csv={table}&reason=x"), Some(&operator)).await;
            assert_eq!(file.header("content-type"), "text/csv; charset=utf-8", "{page} {table}: {file:?}");
            let text = file.body.strip_prefix('\u{feff}').unwrap();
            assert!(!text.contains('\u{202e}'), "{page} {table}");
            for cell in text.lines().flat_map(|line| line.split(',')) {
                let cell = cell.trim_start_matches('"');
                assert!(!cell.starts_with(['=', '+', '@']), "{page} {table}: {cell}");
            }
            files += 1;
        }
    }
    assert!(shown > 20 && files == 31, "{shown} hostile texts, {files} files");
    assert_eq!(rig.audited().await["export.csv"], files, "every file is in the audit log");
}

/// The columns of the first table of a page that it can be sorted by.
fn sortable(page: &str) -> Vec<String> {
    // Those of other tables of the page have their name in front.
    let links = page.match_indices("sort=").filter(|(at, _)| page[..*at].ends_with(['?', ';']));
    let links = links.map(|(at, sort)| page[at + sort.len()..].split(['"', '&']).next().unwrap().to_owned());
    let mut found: Vec<String> = links.collect();
    found.sort();
    found.dedup();
    found
}

#[tokio::test]
async fn every_list_sorts_by_each_of_its_columns_and_its_file_as_well() {
    let rig = Rig::new().await;
    town(&rig.services.store).await;
    let operator = rig.signed_in("operator", Role::Operator).await;
    let auditor = rig.signed_in("auditor", Role::Auditor).await;
    for (page, who, least) in [
        ("/events", &operator, 6),
        ("/billing", &operator, 12),
        ("/loss", &operator, 5),
        ("/account", &operator, 4),
        ("/audit", &auditor, 7),
        ("/meters", &operator, 6),
    ] {
        let plain = opened(&rig, who, page).await;
        let columns: Vec<String> =
            sortable(&plain).into_iter().filter(|column| column.chars().all(char::is_alphabetic)).collect();
        assert!(columns.len() >= least, "{page}: {columns:?}");
        for column in &columns {
            for falling in ["", "-"] {
                let sorted = opened(&rig, who, &format!("{page}?sort={falling}{column}")).await;
                let word = if falling.is_empty() { "ascending" } else { "descending" };
                assert!(sorted.contains(&format!("aria-sort=\"{word}\"")), "{page} {falling}{column}");
                // The table has the same rows, whatever their order.
                let rows = |text: &str| text.matches("<tr>").count();
                assert!(page == "/audit" || rows(&sorted) == rows(&plain), "{page} {falling}{column}");
            }
        }
    }
    let by = async |sort: &str| {
        let file = rig.get(&format!("/events?sort={sort}&csv=all&reason=x"), Some(&operator)).await.body;
        let lines: Vec<String> =
            file.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned()).collect();
        assert_eq!(lines.len(), 2, "{file}");
        lines
    };
    let (rising, falling) = (by("address").await, by("-address").await);
    assert!(rising[0] < rising[1], "{rising:?}");
    assert_eq!(rising.into_iter().rev().collect::<Vec<_>>(), falling);
    let found = opened(&rig, &auditor, "/audit?q=export.csv&sort=-number").await;
    assert!(
        found.contains("<code>export.csv</code>") && !found.contains("<code>account.add</code>"),
        "{found}"
    );
}

#[tokio::test]
async fn t14_no_parameter_of_a_page_reaches_a_statement() {
    let rig = Rig::new().await;
    let fetch = town(&rig.services.store).await;
    let operator = rig.signed_in("operator", Role::Operator).await;
    let hostile = [
        "'",
        "\"",
        "';--",
        "' OR '1'='1",
        "1; DROP TABLE meter",
        "%",
        "_",
        "\\",
        "\0",
        "(SELECT 1)",
        "-address",
        "name,(SELECT 1)",
        "99999999999999999999",
        "-1",
        "\u{202e}",
        "~~~~",
        "1~2~3~4~5",
        "1:x",
        "NaN",
    ];
    let names = [
        "sort",
        "q",
        "page",
        "after",
        "day",
        "state",
        "kind",
        "item",
        "from",
        "until",
        "part",
        "missing-sort",
    ];
    for (page, _) in pages(fetch) {
        for text in hostile {
            let asked: String = names.iter().map(|name| format!("&{name}={}", escaped(text))).collect();
            let path = format!("{page}{asked}");
            let answer = rig.get(&path, Some(&operator)).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}: {answer:?}");
        }
    }
    assert_eq!(rig.services.store.site_meters().await.unwrap().len(), 2);
}

#[tokio::test]
async fn t16_what_is_outside_a_region_is_not_there() {
    let rig = Rig::new().await;
    let fetch = town(&rig.services.store).await;
    let all = rig.services.store.site_meters().await.unwrap();
    assert_eq!(all.len(), 2);
    // The second area was made second.
    let second = Regions::Areas(vec![Id::new(2)]);
    let somebody = rig.somebody("operator", Role::Operator, second).await;
    let operator = rig.sign_in(somebody).await;
    for path in ["/meters/000000000001", &format!("/meters/000000000001/fetches/{fetch}"), "/meters/999"] {
        assert_eq!(rig.get(path, Some(&operator)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let other = format!("/meters/000000000002/fetches/{fetch}");
    assert_eq!(rig.get(&other, Some(&operator)).await.status, StatusCode::NOT_FOUND, "of another meter");
    for page in ["/meters", "/events", "/?", "/billing"] {
        let text = opened(&rig, &operator, page).await;
        assert!(!text.contains("000000000001"), "{page}");
    }
    assert!(opened(&rig, &operator, "/meters").await.contains("000000000002"));
}

#[tokio::test]
async fn t32_pages_show_an_administrator_no_customer() {
    let rig = Rig::new().await;
    town(&rig.services.store).await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    // Records of events hold what meters said, and when nobody was at home.
    assert_eq!(rig.get("/events", Some(&admin)).await.status, StatusCode::FORBIDDEN);
    assert!(!opened(&rig, &admin, "/meters/000000000001?part=events").await.contains("part=events"));
    assert!(!opened(&rig, &admin, "/").await.contains("href=\"/events\""), "nor is it offered");
    for page in ["/", "/meters", "/meters?q=script", "/meters/000000000002", "/lines"] {
        let text = opened(&rig, &admin, page).await;
        assert!(!text.contains("HYPERLINK") || !text.contains("alert(1)&lt;/script&gt;2"), "{page}");
    }
    let found = opened(&rig, &admin, &format!("/meters?q={}", escaped("</script>2"))).await;
    assert!(!found.contains("/meters/000000000002"), "not even by searching for a name");
}

#[tokio::test]
async fn a_look_is_kept_and_leads_back() {
    let rig = Rig::new().await;
    let operator = rig.signed_in("operator", Role::Operator).await;
    let answer = rig.get("/look?set=en&back=%2Fmeters%3Fq%3D1", Some(&operator)).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/meters?q=1"));
    let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    let english = Somebody { cookie: format!("{}; {cookie}", operator.cookie), ..operator };
    let text = opened(&rig, &english, "/meters").await;
    assert!(text.contains("lang=\"en\"") && text.contains(">Meters"), "{text}");
}

/// An answer that a terminal passed on, as it was captured: fixtures/gdw1376/forward.
const PASSED_ON: &str = "68AE00AE0068A80002341204 10E0 00000100 1F 1400 \
    686110013012156891083333343 3AB3933334916 4F00 00 06502321 05 AE16";

#[tokio::test]
async fn frames_that_came_through_a_terminal_are_explained_as_frames_of_both() {
    let rig = Rig::new().await;
    let store = &rig.services.store;
    let first = town(store).await;
    let mut fetch = store.fetch_of(Id::new(1), first).await.unwrap().unwrap();
    fetch.id = store.new_fetch_id(midnight());
    let digits: Vec<u8> =
        PASSED_ON.chars().filter_map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    fetch.frames = digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    let path = format!("/meters/000000000001/fetches/{}", fetch.id);
    store.save(&Batch { fetches: vec![fetch], ..Batch::default() }, midnight()).await.unwrap();
    let operator = rig.signed_in("operator", Role::Operator).await;
    let text = opened(&rig, &operator, &path).await;
    // The frame of the terminal line by line, and in it that of the meter with its value.
    for part in ["0200-1234", "透明转发内容", "68 AE 00 AE", "151230011061", "(当前)正向有功总电能", "6.78"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        !opened(&rig, &operator, &format!("/meters/000000000001/fetches/{first}")).await.contains("透明转发")
    );
}

#[tokio::test]
async fn frames_of_a_modbus_meter_are_explained_register_by_register() {
    let rig = Rig::new().await;
    let store = &rig.services.store;
    let first = town(store).await;
    let mut fetch = store.fetch_of(Id::new(1), first).await.unwrap().unwrap();
    // A question for two registers from 4096 on, its answer, and a refusal.
    fetch.frames = [
        &[17, 3, 0x10, 0, 0, 2, 0xC2, 0x5B][..],
        &[17, 3, 4, 0, 1, 0xE2, 0x40, 0xF3, 0x62],
        &[17, 0x83, 2, 0xC1, 0x34],
    ]
    .concat();
    fetch.id = store.new_fetch_id(midnight());
    let path = format!("/meters/000000000001/fetches/{}", fetch.id);
    store.save(&Batch { fetches: vec![fetch], ..Batch::default() }, midnight()).await.unwrap();
    let operator = rig.signed_in("operator", Role::Operator).await;
    let text = opened(&rig, &operator, &path).await;
    for part in
        ["modbus-rtu", "读保持寄存器", "起始寄存器", "寄存器 4097", "57920", "正确", "非法数据地址", "017"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("不属于报文的字节"), "{text}");
}
