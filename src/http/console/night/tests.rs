use super::*;
use crate::domain::access::Role;
use crate::http::console::view;

fn drawn(page: &NightPage, language: Language) -> String {
    page.markup(&view::sample(language, Role::Operator)).into_string()
}

#[test]
fn the_first_page_says_how_the_night_stands_and_what_to_do() {
    let page = sample(Asked::default());
    let zh = drawn(&page, Language::Chinese);
    for part in [
        "采集结束：缺 23 块，已抄 1,177 / 1,200（98.08%）",
        "检查串口服务器",
        "西区2号线",
        "待复核",
        "：询问 3 次均无应答",
    ] {
        assert!(zh.contains(part), "{part}");
    }
    let en = drawn(&page, Language::English);
    for part in [
        "Ended with 23 missing",
        "line down",
        "check the serial server",
        "silent",
        "412",
        "no answer in 3 attempts",
    ] {
        assert!(en.contains(part), "{part}");
    }
    assert!(!en.contains("data-live"), "it has ended");
}

#[test]
fn what_is_missing_is_read_again_by_whoever_may_when_nothing_goes_on() {
    let mut page = sample(Asked::default());
    let text = drawn(&page, Language::Chinese);
    for part in [
        "补抄全部未抄",
        "name=\"areas\" value=\"朝阳3号台区\"",
        "name=\"lines\" value=\"西区2号线\"",
        "处理严重告警",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let viewer = page.markup(&view::sample(Language::English, Role::Viewer)).into_string();
    assert!(!viewer.contains("action=\"/again\""), "{viewer}");
    let going = UnderWay {
        run: Id::new(1),
        day: page.day,
        meters: 23,
        since: page.run.as_ref().unwrap().started_at,
        by: "li.na".to_owned(),
    };
    page.again = Some(Some(going));
    let text = drawn(&page, Language::English);
    assert!(text.contains("re-reading") && text.contains("data-live=\"run\""), "{text}");
    assert!(!text.contains("action=\"/again\""), "one at a time");
    page.again = Some(None);
    page.run.as_mut().unwrap().state = RunState::Running;
    assert!(!drawn(&page, Language::English).contains("action=\"/again\""), "a night comes back by itself");
    page.again = None;
    page.run.as_mut().unwrap().state = RunState::Partial;
    assert!(!drawn(&page, Language::English).contains("action=\"/again\""));
}

#[test]
fn i19_all_read_is_said_only_when_nothing_is_missing() {
    let mut page = sample(Asked::default());
    page.groups.retain(|group| group.is_read);
    assert!(drawn(&page, Language::English).contains("Done: all 1,177 meters were read"));
    page.groups[0].is_read = false;
    let text = drawn(&page, Language::English);
    assert!(!text.contains("Done") && text.contains("Ended with 0 missing: 565 of 1,177"), "some wait still");
    page.run.as_mut().unwrap().state = RunState::Running;
    let text = drawn(&page, Language::English);
    assert!(text.contains("Collecting: 565 of 1,177") && text.contains("data-live=\"run\""));
    page.run = None;
    page.groups.clear();
    assert!(drawn(&page, Language::English).contains("This day has not been collected"));
}

#[test]
fn each_table_is_a_file_and_an_administrator_sees_no_customers() {
    let asked = |table: &str| Asked(vec![("csv".to_owned(), table.to_owned())]);
    let operator = view::sample(Language::English, Role::Operator);
    let missing = sample(asked("missing")).file(&operator).unwrap();
    assert_eq!(missing.lines().count(), 4);
    assert!(missing.contains("王小明"));
    assert!(sample(asked("areas")).file(&operator).unwrap().contains("滨河1号台区,579,565,14,97.58%"));
    assert!(sample(asked("all")).file(&operator).is_none());
    let admin = view::sample(Language::English, Role::Admin);
    assert!(!sample(asked("missing")).file(&admin).unwrap().contains("王小明"));
    assert!(!sample(Asked::default()).markup(&admin).into_string().contains("王小明"));
}

#[test]
fn nothing_to_do_is_said_only_when_nothing_waits_anywhere() {
    let mut page = sample(Asked::default());
    page.groups.retain(|group| group.is_read);
    page.groups.iter_mut().for_each(|group| group.holes = 0);
    (page.parked, page.reviews, page.alarms, page.waiting) = Default::default();
    assert!(drawn(&page, Language::English).contains("nothing to do"));
    let waiting = |waiting: Waiting| {
        let page = NightPage { waiting, ..page.clone() };
        let text = drawn(&page, Language::Chinese);
        assert!(!text.contains("没有要处理的事"), "{text}");
        text
    };
    let none = Waiting::default;
    assert!(waiting(Waiting { approvals: 1, ..none() }).contains("/orders?state=submitted"));
    assert!(waiting(Waiting { unknown_orders: 1, ..none() }).contains("/orders?state=unknown"));
    assert!(waiting(Waiting { proposals: 2, ..none() }).contains("变更待您确认"));
    assert!(waiting(Waiting { lines_connecting: 32, ..none() }).contains("线路正在连接"));
    assert!(waiting(Waiting { terminals_away: 1, ..none() }).contains("终端离线"));
    let many: Vec<String> = (0..500).map(|number| format!("L{number}")).collect();
    let text = waiting(Waiting { lines_down: many, ..none() });
    assert_eq!(text.matches("href=\"/lines?q=").count(), 3, "500 lines are one item");
    assert!(text.contains("× 500"), "{text}");
    let warned = NightPage { alarms: AlarmCounts { critical: 0, warning: 2, notice: 0 }, ..page.clone() };
    assert!(drawn(&warned, Language::Chinese).contains("处理未确认的警告"));
    page.groups[0].holes = 4;
    assert!(!drawn(&page, Language::Chinese).contains("没有要处理的事"));
}

#[test]
fn of_a_day_without_a_run_nothing_is_said_that_is_not_known() {
    let day = |day: &str| {
        let mut page = sample(Asked::default());
        (page.day, page.run) = (day.parse().unwrap(), None);
        page.groups.clear();
        page.missing.clear();
        drawn(&page, Language::Chinese)
    };
    let past = day("2020-01-01");
    for part in ["这一天没有采集", "<b>—</b>"] {
        assert!(past.contains(part), "{part}: {past}");
    }
    for untrue in ["0.00%", "没有未抄", "还没有采集"] {
        assert!(!past.contains(untrue), "{untrue}: {past}");
    }
    assert!(day("2026-11-28").contains("这一天还没有采集"));
}
