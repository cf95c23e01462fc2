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
        "00010000：询问 3 次均无应答",
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
