//! What whoever looks at a page meets: their language, the way on, and their own words when something was wrong.

use axum::http::StatusCode;
use chaobiao::domain::Coded;
use chaobiao::domain::access::Role;
use chaobiao::domain::supply::Reason;

use crate::orders::Town;
use crate::rig::{Rig, Somebody};

fn in_english(who: &Somebody) -> Somebody {
    Somebody { cookie: format!("{}; chaobiao_look=en.auto.desk", who.cookie), ..who.clone() }
}

#[tokio::test]
async fn a_problem_is_told_in_the_language_of_the_visitor_with_the_navigation() {
    let rig = Rig::new().await;
    let operator = rig.signed_in("operator", Role::Operator).await;
    let english = in_english(&operator);
    for path in ["/meters/999", "/nothing/here"] {
        let zh = rig.get(path, Some(&operator)).await;
        assert_eq!(zh.status, StatusCode::NOT_FOUND);
        assert!(zh.body.contains("<h1>未找到</h1>") && zh.body.contains("href=\"/orders\""), "{zh:?}");
        assert!(!zh.body.contains("no such thing"), "{zh:?}");
        let en = rig.get(path, Some(&english)).await;
        assert!(en.body.contains("<h1>there is no such thing here</h1>"), "{en:?}");
        assert!(en.body.contains("href=\"/orders\"") && !en.body.contains("未找到"), "{en:?}");
    }
    let nobody = rig.get("/nothing/here", None).await;
    assert_eq!(nobody.status, StatusCode::NOT_FOUND);
    assert!(!nobody.body.contains("href=\"/orders\""), "{nobody:?}");
    // A form leads back to the page it stands on.
    let forged = Somebody { csrf: "0".repeat(64), ..operator.clone() };
    let refused = rig.form("/again", Some(&forged), &[("run", "1")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.body.contains("href=\"/orders\"") && refused.body.contains("请求并非来自"),
        "{refused:?}"
    );
}

#[tokio::test]
async fn everybody_is_led_to_a_page_of_their_own_and_the_navigation_leads_nowhere_else() {
    let rig = Rig::new().await;
    for (role, _, name) in Role::TABLE {
        let who = rig.signed_in(name, *role).await;
        let first = rig.get("/", Some(&who)).await;
        let place = if first.status == StatusCode::SEE_OTHER { first.header("location") } else { "/" };
        assert_eq!(place == "/billing", *role == Role::Billing, "{name}: {first:?}");
        let page = rig.get(place, Some(&who)).await;
        assert_eq!(page.status, StatusCode::OK, "{name} {place}: {page:?}");
        let navigation = page.body.split("</nav>").next().unwrap();
        let places: Vec<_> =
            navigation.split("<li><a href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert!(!places.is_empty(), "{name}: {navigation}");
        for place in places {
            // Reads are offered by a process that serves lines, which this one is not.
            if place == "/reads" {
                continue;
            }
            let answer = rig.get(place, Some(&who)).await;
            assert_eq!(answer.status, StatusCode::OK, "{name} {place}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_wrong_code_shows_the_order_again_with_its_form() {
    let town = Town::new().await;
    town.make_ready().await;
    let id = town.submitted(&town.li, Reason::Arrears).await;
    let (place, path) = (format!("/orders/{id}"), format!("/orders/{id}/approve"));
    let page = town.rig.get(&place, Some(&town.wang)).await.body;
    let seen = page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let fields = |code: &'static str| [("seen", seen), ("code", code)];
    let wrong = town.rig.form(&path, Some(&town.wang), &fields("000000")).await;
    assert!(wrong.status.is_client_error(), "{wrong:?}");
    assert!(
        wrong.body.contains(&format!("action=\"{path}\"")) && wrong.body.contains("class=\"told\""),
        "{wrong:?}"
    );
    let old = "0".repeat(64);
    let stale = town.rig.form(&path, Some(&town.wang), &[("seen", old.as_str()), ("code", "1")]).await;
    assert!(
        stale.status.is_client_error() && stale.body.contains(&format!("action=\"{path}\"")),
        "{stale:?}"
    );
    assert_eq!(town.order(id).await.json()["order"]["state"], "submitted");
}

#[tokio::test]
async fn an_approved_cut_says_by_api_and_page_when_it_is_due() {
    let town = Town::new().await;
    town.make_ready().await;
    let id = town.submitted(&town.li, Reason::Arrears).await;
    assert_eq!(town.approve(id, &town.wang).await.json()["order"]["state"], "approved");
    let point = town.order(id).await.json()["order"]["points_of_order"][0].clone();
    let shown = town.order(id).await.json();
    assert!(shown.to_string().contains("随机抽定"), "{point} {shown}");
    assert!(shown.to_string().contains("drawn within the window"), "{shown}");
    let page = town.rig.get(&format!("/orders/{id}"), Some(&town.li)).await.body;
    assert!(page.contains("在执行时段内随机抽定时刻"), "{page}");
    // The meter of the order lists it, and has a relay that was never read.
    let meter = town.rig.get("/meters/000000000001?part=orders", Some(&town.li)).await.body;
    assert!(meter.contains(&format!("href=\"/orders/{id}\"")) && meter.contains("从未读到"), "{meter}");
    let other = town.rig.get("/meters/000000000002?part=orders", Some(&town.li)).await.body;
    assert!(other.contains("没有工单"), "{other}");
}

#[tokio::test]
async fn the_audit_log_is_in_the_language_of_the_visitor() {
    let rig = Rig::new().await;
    let auditor = rig.signed_in("auditor", Role::Auditor).await;
    let zh = rig.get("/audit", Some(&auditor)).await.body;
    for part in [">完成<", "账号auditor", "系统", "div class=\"scroll\""] {
        assert!(zh.contains(part), "{part}: {zh}");
    }
    let en = rig.get("/audit", Some(&in_english(&auditor))).await.body;
    assert!(en.contains(">done<") && en.contains("account auditor"), "{en}");
}

#[tokio::test]
async fn accounts_are_filtered_and_written_out() {
    let rig = Rig::new().await;
    let admin = rig.signed_in("admin", Role::Admin).await;
    rig.somebody("wang", Role::Viewer, chaobiao::domain::access::Regions::All).await;
    let all = rig.get("/users", Some(&admin)).await.body;
    assert!(all.contains(">wang<") && all.contains("?sort=name"), "{all}");
    let found = rig.get("/users?q=admin", Some(&admin)).await.body;
    assert!(!found.contains(">wang<"), "{found}");
    let file = rig.get("/users?csv=all&reason=x", Some(&admin)).await;
    assert_eq!(file.header("content-type"), "text/csv; charset=utf-8");
    assert!(file.body.contains("wang,wang,查看员"), "{file:?}");
}
