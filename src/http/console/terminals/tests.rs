use super::*;
use crate::domain::access::Role;
use crate::domain::{ClockOffset, Day};
use crate::http::console::view;
use crate::store::terminal::{Difference, DifferenceKind};
use crate::terminal::{LinkMeasured, PassedFrame};

fn line(address: &str, name: Option<&str>, differences: Vec<Difference>) -> Line {
    let at = "2026-11-28".parse::<Day>().unwrap().start();
    let uncertainty = std::time::Duration::from_millis(600);
    let kept = TerminalLine {
        shared: None,
        address: address.parse().unwrap(),
        name: name.map(str::to_owned),
        adopted: None,
        meters: 200,
        last_run: Some((198, 200)),
        logged_in_at: Some(at),
        heard_at: Some(at),
        frames: Some((1024, 2048)),
        archive: Some((at, 200, differences)),
        events_read: (Some(3), None),
        clock: Some(ClockOffset { at, fast_us: -4_200_000, uncertainty }),
        verified: 190,
    };
    (kept, None)
}

pub(crate) fn sample(asked: Asked) -> TerminalsPage {
    let differs = Difference {
        point: 7,
        kind: DifferenceKind::OtherMeter,
        ours: Some("202411110007".to_owned()),
        theirs: Some("202411110099".to_owned()),
    };
    let terminals = vec![
        line("1100-3039", Some("滨河1号台区"), vec![differs]),
        line("1100-3040", Some("<b>x</b>"), Vec::new()),
    ];
    TerminalsPage { terminals, strangers: Vec::new(), typed: Typed::default(), asked }
}

/// A login that came, and something of which only the beginning was kept.
fn frames() -> Vec<PassedFrame> {
    let at = "2026-11-28".parse::<Day>().unwrap().start();
    let login = vec![
        0x68, 0x32, 0x00, 0x32, 0x00, 0x68, 0xC9, 0x00, 0x02, 0x34, 0x12, 0x00, 0x02, 0x71, 0x00, 0x00, 0x01,
        0x00, 0x85, 0x16,
    ];
    let forwarded = vec![
        0x68, 0xA2, 0x00, 0xA2, 0x00, 0x68, 0x4A, 0x00, 0x02, 0x34, 0x12, 0x02, 0x10, 0x61, 0x00, 0x00, 0x01,
        0x00,
    ];
    vec![
        PassedFrame { at, is_sent: false, bytes: login, left_out: 0 },
        PassedFrame { at, is_sent: true, bytes: forwarded, left_out: 30 },
    ]
}

#[test]
fn a_terminal_is_told_by_words_and_what_others_wrote_does_nothing() {
    let view = view::sample(Language::Chinese, Role::Operator);
    let page = sample(Asked::default());
    let drawn = page.markup(&view).into_string();
    assert!(drawn.contains("离线") && drawn.contains("99.00%") && drawn.contains("慢 4 s"), "{drawn}");
    assert!(!drawn.contains("<b>x</b>"));
    let one = TerminalPage {
        line: page.terminals[0].clone(),
        events: Vec::new(),
        frames: frames(),
        run: None,
        settings: Vec::new(),
        typed: Typed::default(),
        asked: page.asked,
    };
    let drawn = one.markup(&view).into_string();
    assert!(drawn.contains("表地址不同") && drawn.contains("202411110099"), "{drawn}");
    assert!(drawn.contains("链路接口检测") && drawn.contains("登录"), "a frame is explained: {drawn}");
    assert!(
        drawn.contains("其余字节不保留") && drawn.contains("48</span>") && drawn.contains("AFN 10H F1"),
        "{drawn}"
    );
    let asked = |pairs: &[(&str, &str)]| {
        Asked(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    };
    let file = TerminalPage { asked: asked(&[("csv", "frames")]), ..one.clone() }.file(&view).unwrap();
    assert!(
        file.contains("链路接口检测 F1,20,")
            && file.contains("AFN 10H F1,48,68 A2")
            && file.contains("61 00 00 01 00 …"),
        "{file}"
    );
    let sorted =
        TerminalPage { asked: asked(&[("frames-sort", "bytes")]), ..one }.markup(&view).into_string();
    assert!(sorted.find(">20</span>").unwrap() < sorted.find("48</span>").unwrap(), "{sorted}");
}

#[test]
fn the_way_to_a_terminal_stands_in_the_list_its_file_and_on_its_page() {
    let with = |address, link: Option<LinkMeasured>| {
        let (kept, _) = line(address, None, Vec::new());
        let status = link.map(|link| TerminalStatus { link, ..TerminalStatus::sample(kept.address) });
        (kept, status)
    };
    let answered_after = Some(std::time::Duration::from_millis(820));
    let good = LinkMeasured { asked: 32, unanswered: 1, answered_after, logins: 2 };
    let poor = LinkMeasured { unanswered: 9, ..good };
    let page = |asked: &[(&str, &str)]| TerminalsPage {
        terminals: vec![
            with("1100-0001", None),
            with("1100-0002", Some(good)),
            with("1100-0003", Some(poor)),
        ],
        asked: Asked(asked.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()),
        ..sample(Asked::default())
    };
    for (language, words) in [
        (
            Language::Chinese,
            ["信号（链路）", " 好</span>", "0.8 s，9/32 无应答，24 小时登录 2 次", "不提供信号强度"],
        ),
        (
            Language::English,
            [">Link", " good</span>", "0.8 s, 9/32 unanswered, 2 logins in 24 h", "no signal strength"],
        ),
    ] {
        let view = view::sample(language, Role::Viewer);
        let drawn = page(&[]).markup(&view).into_string();
        for told in words {
            assert!(drawn.contains(told), "{told}: {drawn}");
        }
        let sorted = page(&[("sort", "link")]).markup(&view).into_string();
        let places = ["1100-0003", "1100-0002", "1100-0001"].map(|address| sorted.find(address).unwrap());
        assert!(places.is_sorted(), "the worst first: {sorted}");
        let file = page(&[("csv", "all")]).file(&view).unwrap();
        assert!(file.contains("9/32") && file.contains(language.of("差，0.8 s", "poor, 0.8 s")), "{file}");
        let one = TerminalPage {
            line: with("1100-0003", Some(poor)),
            events: Vec::new(),
            frames: Vec::new(),
            run: None,
            settings: Vec::new(),
            typed: Typed::default(),
            asked: Asked::default(),
        };
        let drawn = one.markup(&view).into_string();
        assert!(drawn.contains(words[2]) && drawn.contains(words[3]), "{drawn}");
    }
}

#[test]
fn t05_who_claimed_a_terminal_and_its_certificate_stand_on_its_page() {
    let (kept, _) = line("1100-3039", None, Vec::new());
    let drawn = |status: TerminalStatus, language| {
        let one = TerminalPage {
            line: (kept.clone(), Some(status)),
            events: Vec::new(),
            frames: Vec::new(),
            run: None,
            settings: Vec::new(),
            typed: Typed::default(),
            asked: Asked::default(),
        };
        one.markup(&view::sample(language, Role::Operator)).into_string()
    };
    let plain = TerminalStatus::sample(kept.address);
    let at = "2026-11-28".parse::<Day>().unwrap().start();
    let status = TerminalStatus {
        claims: 2,
        claimed: Some((at, "10.66.66.66:4711".parse().unwrap())),
        refused: 1,
        certificate: Some("0a".repeat(32)),
        ..plain.clone()
    };
    for (language, words) in [
        (Language::Chinese, ["异地接管", "须与电表重新核对", "因证书被拒", "证书（SHA-256）"]),
        (
            Language::English,
            [
                "Claimed from elsewhere",
                "said the same anew",
                "Refused for its certificate",
                "Certificate (SHA-256)",
            ],
        ),
    ] {
        let page = drawn(status.clone(), language);
        for told in words.into_iter().chain(["10.66.66.66:4711", &"0a".repeat(32)]) {
            assert!(page.contains(told), "{told}: {page}");
        }
        let page = drawn(plain.clone(), language);
        assert!(words.iter().all(|told| !page.contains(told)), "nothing to tell: {page}");
    }
}
