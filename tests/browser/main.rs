//! The console, used in a browser as people use it: the real program, its demonstration, and headless Chromium.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a step that fails must end its test"
)]

mod chromium;
mod demo;
mod person;

use std::path::{Path, PathBuf};
use std::time::Duration;

use chaobiao::clock::Clock;
use demo::Demo;
use person::Person;

/// Two persons cut the overdue customer and give the supply back; nobody cuts the protected one; STOP keeps all cuts back.
#[test]
#[ignore = "takes minutes of real time: tests/check.sh ci"]
fn f44_two_persons_cut_and_restore_in_the_browser() {
    if chromium::Browser::start(800, 600).is_none() {
        return;
    }
    let demo = Demo::start(8);
    let (Some(mut operator), Some(mut approver)) =
        (Person::arrive(&demo, "li"), Person::arrive(&demo, "wang"))
    else {
        return;
    };

    // The first page says how the night was.
    operator.open("/");
    let night = operator.browser.text();
    assert!(night.contains('8') && night.contains("急停"), "{night}");

    // A meter is read now, and its curve is there.
    operator.open("/meters");
    operator.browser.follow("table a[href^='/meters/']");
    let meter = operator.browser.place();
    let points = operator.browser.value("document.querySelectorAll('svg path, svg polyline').length");
    assert!(points.as_i64().unwrap() > 0, "the load curve of {meter}");
    let address = meter.trim_start_matches("/meters/").split('?').next().unwrap().to_owned();
    operator.open("/reads");
    operator.browser.write("textarea[name=meters]", &address);
    operator.browser.follow("form.sheet button");
    operator.browser.wait_for_text("kWh");

    // The protected customer cannot be cut by anybody; the reason is said.
    let refused = ask_for_a_cut(&mut operator, &demo.protected);
    assert!(refused.starts_with("/orders") && !refused[7..].contains(char::is_numeric), "{refused}");
    let text = operator.browser.text();
    assert!(text.contains("没有提交") && text.contains("保护"), "{text}");

    // The overdue one can: by two persons.
    let order = ask_for_a_cut(&mut operator, &demo.overdue);
    assert!(order.starts_with("/orders/"), "{order}: {}", operator.browser.text());
    let own = operator.browser.value("document.querySelectorAll('input[name=code]').length");
    assert_eq!(own, 0, "who asked is not asked to approve");
    approver.open(&order);
    let code = approver.code();
    approver.browser.write("input[name=code]", &code);
    approver.browser.follow("form[action$='/approve'] button");
    // Verified is open twice, a minute apart.
    operator.open(&order);
    operator.browser.wait_for_text("已核实断开");
    picture(&mut operator, "order-verified-open");

    // Supply is given back by one person; the customer presses the key.
    operator.open(&format!("/orders/new?kind=close_permit&points={}", demo.overdue));
    operator.browser.value("document.querySelector('select[name=reason]').selectedIndex = 1");
    operator.browser.follow("form.sheet button");
    let restore = operator.browser.place();
    assert!(restore.starts_with("/orders/"), "{restore}: {}", operator.browser.text());
    operator.browser.wait_for_text("已核实闭合");

    // What was typed into a form that came when the session was over is not typed twice.
    operator.open("/orders/new?kind=hold_on");
    operator.browser.write("textarea[name=text]", "高考保电，至七月");
    operator.browser.value(
        "fetch('/logout', {method: 'POST', headers: {'content-type': 'application/x-www-form-urlencoded'}, \
         body: 'csrf=' + document.querySelector('input[name=csrf]').value}).then(() => true)",
    );
    operator.browser.write("textarea[name=points]", &demo.overdue);
    operator.browser.follow("form.sheet button");
    assert!(operator.browser.place().contains("lost=form"), "{}", operator.browser.place());
    operator.sign_in("li");
    operator.browser.wait_for_text("回到刚才填写的表单");
    operator.browser.follow("p.told a");
    let kept = operator.browser.value("document.querySelector('textarea[name=text]').value");
    assert_eq!(kept, "高考保电，至七月");
    operator.open("/orders/new?kind=hold_on");
    let gone = operator.browser.value("document.querySelector('textarea[name=text]').value");
    assert_eq!(gone, "", "once");

    // STOP is seen by everybody at once, and takes two to lift.
    operator.open("/");
    operator.browser.click("details.stop summary");
    operator.browser.write("details.stop input[name=reason]", "演练");
    operator.browser.follow("details.stop button");
    approver.open("/");
    assert!(approver.browser.text().contains("已急停"));
    let code = approver.code();
    approver.browser.write("div.stopped form input[name=code]", &code);
    approver.browser.follow("div.stopped form button");
    assert!(approver.browser.text().contains("已急停"), "one approver does not lift it");
    operator.nothing_left_the_site();
    approver.nothing_left_the_site();
}

/// Hands in the form of a cut that may leave at once; gives where that led to.
fn ask_for_a_cut(operator: &mut Person, point: &str) -> String {
    operator.open(&format!("/orders/new?kind=cut&points={point}&reason=arrears"));
    let now = Clock::system().now();
    let minute = |moment: chaobiao::domain::Moment| {
        let text = moment.in_china().to_string();
        text[..16].replace(' ', "T")
    };
    operator.browser.choose("input[name=from]", &minute(now));
    operator.browser.choose("input[name=until]", &minute(now.plus(Duration::from_secs(540))));
    operator.browser.write("textarea[name=text]", "欠费45天，已两次通知");
    operator.browser.follow("form.sheet button.danger");
    operator.browser.place()
}

/// Keeps a picture where one is wanted: `CHAOBIAO_TEST_PICTURES` names the folder.
fn picture(person: &mut Person, name: &str) {
    if let Some(folder) = std::env::var_os("CHAOBIAO_TEST_PICTURES").map(PathBuf::from) {
        std::fs::create_dir_all(&folder).unwrap();
        person.browser.picture(&Path::new(&folder).join(format!("{name}.png")));
    }
}

/// Every page of every role in both languages and themes, at both sizes: nothing is asked of anybody else, nothing runs
/// over the edge of the window.
#[test]
#[ignore = "opens hundreds of pages: tests/check.sh ci"]
fn every_page_fits_its_window_in_both_languages_and_themes() {
    if chromium::Browser::start(800, 600).is_none() {
        return;
    }
    let demo = Demo::start(8);
    for (name, pages) in PAGES {
        let Some(mut person) = Person::arrive(&demo, name) else { return };
        for (width, height) in [(1366, 768), (1920, 1080)] {
            person.browser.resize(width, height);
            for (language, theme) in [("zh", "light"), ("zh", "dark"), ("en", "light"), ("en", "dark")] {
                for set in [language, theme] {
                    person.open(&format!("/look?set={set}&back=/"));
                }
                for page in *pages {
                    person.open(page);
                    // What is folded has to fit, too.
                    person
                        .browser
                        .value("document.querySelectorAll('details').forEach(one => one.open = true), 0");
                    let over = person
                        .browser
                        .value("document.documentElement.scrollWidth - document.documentElement.clientWidth");
                    assert_eq!(over, 0, "{page} in {language} at {width} is too wide by");
                    let title = page.trim_matches('/').replace(['/', '?', '='], "-");
                    picture(&mut person, &format!("{name}-{title}-{language}-{theme}-{width}"));
                }
            }
        }
        person.nothing_left_the_site();
    }
}

const PAGES: &[(&str, &[&str])] = &[
    (
        "li",
        &[
            "/",
            "/meters",
            "/reads",
            "/orders",
            "/orders/new?kind=cut",
            "/overdue",
            "/overdue/notices",
            "/evidence",
            "/protections",
            "/calendar",
            "/alarms",
            "/proposals",
            "/proposals/new",
            "/settings",
            "/meters/202411110001",
            "/billing",
            "/lines",
            "/terminals",
            "/terminals/1100-0001",
            "/events",
            "/loss",
            "/cuts",
            "/account",
        ],
    ),
    ("wang", &["/roles"]),
    ("zhao", &["/users"]),
    ("sun", &["/audit"]),
];
