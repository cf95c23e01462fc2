//! What follows the data units, where that is other than the head announces: some terminals set ACD and send no counters, some
//! masters send no PW. A data unit carries no length, so that the parts are told by whether the units come out to the last
//! byte. Only for showing: who reads takes what the head announces. [1376 1.7]

use super::Note;
use crate::afn::Afn;
use crate::auxiliary::{Auxiliary, AuxiliaryError, Parts, Password};
use crate::frame::{Frame, LengthCode};
use crate::message::Message;
use crate::seq::Seq;
use crate::unit;

/// The message of a frame as its head announces it; where its units do not come out so, as they do without some of the parts,
/// with a remark. Where they come out in two ways, none of them is taken.
pub(super) fn message<'a>(frame: &Frame<'a>) -> (Result<Message<'a>, AuxiliaryError>, Option<Note>) {
    let announced = Message::of(frame);
    if announced.is_ok_and(|message| comes_out(&message)) {
        return (announced, None);
    }
    let head = Parts::announced(frame.code, frame.control, frame.afn, frame.seq);
    for deviations in 1..=3 {
        let mut fitting = others(head)
            .filter(|(_, number)| *number == deviations)
            .filter_map(|(parts, _)| Some((parts, message_by(parts, frame)?)));
        match (fitting.next(), fitting.next()) {
            (Some((parts, message)), None) => return (Ok(message), Some(told(head, parts))),
            (Some(_), Some(_)) => break,
            (None, _) => {}
        }
    }
    (announced, None)
}

/// The parts there may be instead, and in how many of them they differ.
fn others(head: Parts) -> impl Iterator<Item = (Parts, usize)> {
    let tags = [Some(head.tag), head.tag.then_some(false)].into_iter().flatten();
    tags.flat_map(move |tag| {
        let events = [Some(head.events), head.events.then_some(false)].into_iter().flatten();
        events.map(move |events| (tag, events))
    })
    .flat_map(move |(tag, events)| {
        passwords(head.password).map(move |password| Parts { tag, events, password })
    })
    .map(move |parts| {
        let differs = [parts.tag != head.tag, parts.events != head.events, parts.password != head.password];
        (parts, differs.into_iter().filter(|differs| *differs).count())
    })
}

/// What may be there for PW: what should be, nothing, or what another edition has.
fn passwords(announced: Option<usize>) -> impl Iterator<Item = Option<usize>> {
    let others = [None, Some(OLD_PASSWORD), Some(Password::WIDTH)].into_iter();
    let others = others.filter(move |other| announced.is_some() && *other != announced);
    core::iter::once(announced).chain(others)
}

fn message_by<'a>(parts: Parts, frame: &Frame<'a>) -> Option<Message<'a>> {
    let Frame { code, control, address, afn, seq, body } = *frame;
    let (units, auxiliary) = Auxiliary::split_by(parts, body).ok()?;
    Some(Message { code, control, address, afn, seq, units, auxiliary }).filter(comes_out)
}

/// The units are cut off to the last byte.
fn comes_out(message: &Message<'_>) -> bool {
    let cut = unit::cut(message);
    cut.rest.is_none() && !cut.units.is_empty()
}

fn told(head: Parts, parts: Parts) -> Note {
    let mut en = Vec::new();
    let mut zh = Vec::new();
    let mut say = |differs: bool, text: (String, String)| {
        if differs {
            en.push(text.0);
            zh.push(text.1);
        }
    };
    let password = match (head.password, parts.password) {
        (_, None) => (
            "no message authentication code (PW) where one belongs".to_owned(),
            "缺少消息认证码PW".to_owned(),
        ),
        (belongs, Some(width)) => {
            let belongs = belongs.unwrap_or_default();
            (
                format!("a message authentication code (PW) of {width} bytes instead of {belongs}"),
                format!("消息认证码PW为{width}字节,应为{belongs}字节"),
            )
        }
    };
    say(head.password != parts.password, password);
    let events = ("no event counters (EC), though ACD is set", "ACD置位但没有事件计数器EC");
    say(head.events != parts.events, (events.0.to_owned(), events.1.to_owned()));
    let tag = ("no time tag (Tp), though TpV is set", "TpV置位但没有时间标签Tp");
    say(head.tag != parts.tag, (tag.0.to_owned(), tag.1.to_owned()));
    Note::new(
        format!("{}: only so do the data units come out", en.join("; ")),
        format!("{}:只有这样数据单元才能完整解析", zh.join("；")),
    )
}

/// Some provinces have an address of two bytes more: where the function is none that there is, and the bytes two further on are a
/// whole message. [1376 1.4]
pub(super) fn wide_address_note(frame: &Frame<'_>) -> Option<Note> {
    let ([afn, seq], body) = frame.body.split_first_chunk()?;
    let (afn, seq) = (Afn(*afn), Seq(*seq));
    let name = afn.names().filter(|_| frame.afn.names().is_none())?;
    let message = message_by(
        Parts::announced(frame.code, frame.control, afn, seq),
        &Frame { afn, seq, body, ..*frame },
    )?;
    let identifier = unit::cut(&message).units.first()?.identifier;
    Some(Note::new(
        format!(
            "if the address has two bytes more, as in some provinces, this is AFN {afn} ({}), {identifier}",
            name.0
        ),
        format!("若终端地址A2为4字节(部分省份),则为AFN {afn}({}),{identifier}", name.1),
    ))
}

/// PW in the edition of 2005.
const OLD_PASSWORD: usize = 2;

/// What a frame of the edition of 2005 is laid out by.
pub(super) fn edition_note(code: LengthCode) -> Option<Note> {
    (code == LengthCode::GDW_130).then(|| {
        Note::new(
            "laid out by Q/GDW 376.1: items of Q/GDW 130-2005 may be shorter or mean something else",
            "按Q/GDW 376.1解析:Q/GDW 130-2005的数据项可能更短或含义不同",
        )
    })
}
