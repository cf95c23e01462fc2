//! All pages together: drawn in both languages for every role, and looked over for what none of them may hold.

use super::layout;
use super::table::Asked;
use super::view::{self, View};
use super::words::{Language, Phrase};
use super::{
    alarms, billing, cuts, events, evidence, lines, loss, meter, meters, meters_file, night, orders, overdue,
    proposals, protections, reads, rotations, settings, terminals,
};
use crate::domain::Coded;
use crate::domain::access::Role;
use maud::Markup;

/// Every page with its sample data.
fn pages(view: &View) -> Vec<(String, Phrase, Markup)> {
    let asked = Asked::default;
    let mut pages = vec![
        ("night".to_owned(), night::TITLE, night::sample(asked()).markup(view)),
        ("settings".to_owned(), settings::TITLE, settings::sample(asked()).markup(view)),
        ("evidence".to_owned(), evidence::TITLE, evidence::tests::sample(asked()).markup(view)),
        ("protections".to_owned(), protections::TITLE, protections::sample(asked()).markup(view)),
        ("calendar".to_owned(), protections::TITLE, protections::sample_calendar(asked()).markup(view)),
        ("alarms".to_owned(), alarms::TITLE, alarms::sample(asked()).markup(view)),
        ("meters".to_owned(), meters::TITLE, meters::sample(asked()).markup(view)),
        ("import".to_owned(), meters_file::TITLE, meters_file::tests::sample().markup(view)),
        ("billing".to_owned(), billing::TITLE, billing::sample(asked()).markup(view)),
        ("lines".to_owned(), lines::TITLE, lines::sample(asked()).markup(view)),
        ("terminals".to_owned(), terminals::TITLE, terminals::tests::sample(asked()).markup(view)),
        ("events".to_owned(), events::TITLE, events::sample(asked()).markup(view)),
        ("overdue".to_owned(), overdue::TITLE, overdue::sample(asked()).markup(view)),
        ("cuts".to_owned(), cuts::TITLE, cuts::sample(asked()).markup(view)),
        ("loss".to_owned(), loss::TITLE, loss::sample(asked()).markup(view)),
        ("fetch".to_owned(), meter::FetchPage::TITLE, meter::tests::fetched().markup(view)),
    ];
    let (all, one) = rotations::sample();
    pages.push(("rotations".to_owned(), rotations::TITLE, all.markup(view)));
    pages.push(("rotation".to_owned(), rotations::TITLE, one.markup(view)));
    let (all, one) = reads::sample(asked());
    pages.push(("reads".to_owned(), reads::TITLE, all.markup(view)));
    pages.push(("read".to_owned(), reads::TITLE_OF_ONE, one.markup(view)));
    for (name, title, draw) in orders::tests::pages() {
        pages.push((name.to_owned(), title, draw(view)));
    }
    for (name, title, markup) in proposals::tests::pages(view) {
        pages.push((name.to_owned(), title, markup));
    }
    for (part, page) in meter::tests::pages(&asked()) {
        pages.push((format!("meter-{part}"), meter::TITLE, page.markup(view)));
    }
    pages
}

fn whole(view: &View) -> Vec<(String, String)> {
    let draw = |(name, title, content)| (name, layout::page(view, title, &content).into_string());
    pages(view).into_iter().map(draw).collect()
}

#[test]
fn every_page_is_drawn_for_every_role_in_both_languages() {
    for (role, ..) in Role::TABLE {
        for language in [Language::Chinese, Language::English] {
            for (name, page) in whole(&view::sample(language, *role)) {
                assert_eq!(page.matches("<h1>").count(), 1, "{name}");
                assert_eq!(page.matches("<main").count(), 1, "{name}");
                let headings = page.matches("<th>").count() + page.matches("<th class=\"number\">").count();
                assert_eq!(headings, 0, "{name}: a heading says of what it is one");
                for inline in [" style=", "<style", "javascript:", "onclick", "http://", "https://"] {
                    assert!(!page.contains(inline), "{name}: {inline}");
                }
            }
        }
    }
}

#[test]
fn every_form_that_changes_something_carries_its_token() {
    for (name, page) in whole(&view::sample(Language::Chinese, Role::Operator)) {
        for form in page.split("<form").skip(1) {
            let form = form.split("</form>").next().unwrap();
            let is_post = form.contains("method=\"post\"");
            assert_eq!(is_post, form.contains("name=\"csrf\" value=\"token\""), "{name}: {form}");
        }
    }
}

/// Writes every page into a folder, to be looked at: `CHAOBIAO_PAGES=DIR cargo test --lib pages_to_look_at -- --ignored`.
#[test]
#[ignore = "writes files for people to look at"]
fn pages_to_look_at() {
    let folder = std::path::PathBuf::from(std::env::var_os("CHAOBIAO_PAGES").unwrap());
    std::fs::create_dir_all(folder.join("assets")).unwrap();
    for asset in [&*super::assets::STYLE, &*super::assets::SCRIPT, &*super::assets::ICON] {
        std::fs::write(folder.join(asset.path.trim_start_matches('/')), asset.body).unwrap();
    }
    for language in [Language::Chinese, Language::English] {
        for theme in view::Theme::ALL {
            let mut view = view::sample(language, Role::Operator);
            view.look.theme = theme;
            view.stop = view::Stop::Released;
            for (name, page) in whole(&view) {
                let page = page.replace("\"/assets/", "\"assets/");
                let file = format!("{name}.{}.{}.html", language.key(), theme.key());
                std::fs::write(folder.join(file), page).unwrap();
            }
        }
    }
}
