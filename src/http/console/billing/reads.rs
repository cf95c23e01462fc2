//! The reads that a value of billing comes from, each with a way to its very frames.

use maud::{Markup, html};

use super::Handed;
use crate::billing::{End, Origin};
use crate::domain::Day;
use crate::domain::access::Action;
use crate::http::console::table::{Column, escaped};
use crate::http::console::view::View;
use crate::http::console::words::{Language, Phrase, inert};

/// The column of them.
pub(super) fn column() -> Column<Handed> {
    Column::new("reads", "依据", "Comes from", |handed: &Handed, language| {
        let reads = handed.reads.iter().map(|read| text(read, language));
        reads.collect::<Vec<_>>().join("; ")
    })
    .shown(|handed, view| {
        html! {
            @for read in &handed.reads { div.short { (markup(read, view)) } }
        }
    })
    .unsorted()
}

fn text(read: &Origin, language: Language) -> String {
    let mut text = format!("{} {}", end(read).of(language), at(read));
    if let Some(fetch) = read.fetch() {
        text.push_str(&format!("{}{fetch}", language.of("，报文 ", ", frames ")));
    }
    if let Some(run) = read.run() {
        text.push_str(&format!("{}{run}", language.of("，任务 ", ", run ")));
    }
    text
}

/// With a link to the page of the frames, for whoever may see it; what a person read is among the registers of the meter.
fn markup(read: &Origin, view: &View) -> Markup {
    let text = html! { (view.look.language.of(end(read).zh, end(read).en)) " " (at(read)) };
    if !view.may(Action::SeeCustomers) {
        return text;
    }
    let day = read.read_at.map(Day::of);
    html! { @match (read.frames(), day) {
        (Some(frames), _) => a href=(frames) { (text) },
        (None, Some(day)) => a href={ "/meters/" (escaped(&read.meter)) "?part=registers&from=" (day) "&until=" (day) } { (text) },
        (None, None) => (text),
    }
    @if let Some((_, day)) = read.brought.and_then(|brought| brought.run) {
        " " a href={ "/?day=" (day) } { (view.say("任务", "run")) }
    } }
}

const fn end(read: &Origin) -> Phrase {
    match read.end {
        End::Register => Phrase::new("示值", "register"),
        End::Opening => Phrase::new("起", "from"),
        End::Closing => Phrase::new("止", "to"),
    }
}

fn at(read: &Origin) -> String {
    read.read_at.map(|at| inert(&at.in_china().to_string())).unwrap_or_default()
}
