//! What messages say to people: Chinese first, English second.

use crate::domain::{Coded, Moment, Severity, subject_zh};
use crate::store::alarm::{AlarmRecord, Message, Tells};

/// As many messages, from the first on, as fit into so many bytes, and how many they are; one at least.
pub(super) fn fitting(messages: &[Message], most_bytes: usize) -> (String, usize) {
    let mut text = String::new();
    let mut count = 0;
    for message in messages {
        let said = paragraph(message);
        if count > 0 && text.len() + said.len() + 2 > most_bytes {
            break;
        }
        if count > 0 {
            text.push_str("\n\n");
        }
        text.push_str(&said);
        count += 1;
    }
    (text, count)
}

/// That no alarm can be kept, told from memory.
pub(super) fn store_is_away(now: Moment) -> String {
    format!("【严重】{STORE_IS_AWAY}\n{}", now.in_china())
}

/// The same in one line, as the subject of a mail.
pub(super) const STORE_IS_AWAY: &str =
    "数据库不可用，采集、停复电和告警暂停 | the database is away: nothing is collected, cut or kept";

/// A message in one line, as the subject of a mail.
pub(super) fn headline(message: &Message) -> String {
    let alarm = &message.alarm;
    let (mark, _) = marks(message);
    format!("【{mark}】{} {} | {}", alarm.kind.says_zh(), subject_zh(&alarm.subject), alarm.kind.says())
}

/// Many messages of one kind in one: how many they are, the first of them, and where the others are.
pub(super) fn summed(messages: &[Message]) -> String {
    let Some((first, last)) = messages.first().zip(messages.last()) else { return String::new() };
    let (kind, count) = (first.alarm.kind, messages.len());
    let (mark_zh, mark) = marks(first);
    let named = |name: fn(&str) -> String, between: &str| {
        let named: Vec<String> =
            messages.iter().take(NAMED).map(|message| few(&inert(&name(&message.alarm.subject)))).collect();
        named.join(between)
    };
    let when = |message: &Message| {
        let ended_at = message.alarm.ended_at.filter(|_| message.tells == Tells::Ended);
        ended_at.unwrap_or(message.alarm.first_at)
    };
    let from = messages.iter().map(when).min().unwrap_or(first.alarm.first_at);
    let until = messages.iter().map(when).max().unwrap_or(first.alarm.first_at);
    format!(
        "【{mark_zh}】{} 共{count}条：{}等，全部见“告警”页面\n\
         [{mark}] {}: {count} of them, {} and more; all of them are on the page of alarms\n{} - {} #{} - #{}",
        kind.says_zh(),
        named(subject_zh, "、"),
        kind.says(),
        named(str::to_owned, ", "),
        from.in_china(),
        until.in_china(),
        first.key(),
        last.key(),
    )
}

/// The same in one line, as the subject of a mail.
pub(super) fn summed_headline(messages: &[Message]) -> String {
    let Some(first) = messages.first() else { return String::new() };
    let (mark, _) = marks(first);
    let (kind, count) = (first.alarm.kind, messages.len());
    format!("【{mark}】{} 共{count}条 | {} ({count})", kind.says_zh(), kind.says())
}

fn paragraph(message: &Message) -> String {
    let alarm = &message.alarm;
    let (mark_zh, mark) = marks(message);
    let (zh, en) = (detail(&alarm.detail_zh, "："), detail(&alarm.detail, ": "));
    let count = if alarm.count > 1 { format!(" ×{}", alarm.count) } else { String::new() };
    let when = if message.tells == Tells::Ended { alarm.ended_at } else { None };
    let when = when.unwrap_or(alarm.first_at).in_china();
    format!(
        "【{mark_zh}】{} {}{zh}\n[{mark}] {}, {}{en}\n{when} #{}{count}",
        alarm.kind.says_zh(),
        inert(&subject_zh(&alarm.subject)),
        alarm.kind.says(),
        inert(&alarm.subject),
        message.key(),
    )
}

/// How grave it is, or that it has ended, in Chinese and in English.
fn marks(message: &Message) -> (String, String) {
    let severity: Severity = message.alarm.severity;
    let (zh, en) = (severity.name_zh(), severity.name());
    match message.tells {
        Tells::Raised => (zh.to_owned(), en.to_owned()),
        Tells::Repeated => (format!("{zh}·未确认"), format!("{en}, not acknowledged")),
        Tells::Ended => ("已恢复".to_owned(), "ended".to_owned()),
    }
}

fn detail(text: &str, before: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{before}{}", inert(text)) }
}

/// What devices and people wrote: not too much of it, and nothing that a chat takes for a mention or a tag (T13).
fn inert(text: &str) -> String {
    let shown = text.chars().map(|letter| match letter {
        '<' => '‹',
        '>' => '›',
        '@' => '＠',
        other => other,
    });
    shown.filter(|letter| !letter.is_control()).take(LONGEST).collect()
}

fn few(text: &str) -> String {
    text.chars().take(LONGEST_NAME).collect()
}

/// An alarm as a program takes it.
pub(super) fn json(message: &Message) -> serde_json::Value {
    let AlarmRecord {
        id, kind, severity, subject, order, detail_zh, detail, count, first_at, last_at, ..
    } = &message.alarm;
    serde_json::json!({
        "key": message.key(),
        "tells": message.tells.name(),
        "alarm": id.number(),
        "kind": kind.name(),
        "severity": severity.name(),
        "subject": subject,
        "says": kind.says(),
        "says_zh": kind.says_zh(),
        "detail": detail,
        "detail_zh": detail_zh,
        "order": order.map(|order| order.to_string()),
        "count": count,
        "first_at": first_at.to_string(),
        "last_at": last_at.to_string(),
        "ended_at": message.alarm.ended_at.map(|at| at.to_string()),
    })
}

/// How many characters of a subject or a detail are told: two languages of it fit into the shortest message of a robot.
const LONGEST: usize = 80;
/// How many of a flood are named, and with how many characters each.
const NAMED: usize = 5;
const LONGEST_NAME: usize = 40;

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::{AlarmKind, Id};

    pub(in crate::alarm) fn message(kind: AlarmKind, subject: &str, tells: Tells) -> Message {
        let first_at = "2026-11-22".parse::<crate::domain::Day>().unwrap().start();
        let alarm = AlarmRecord {
            id: Id::new(17),
            kind,
            severity: kind.severity(),
            subject: subject.to_owned(),
            area: None,
            order: None,
            detail_zh: "拔线 <@all>".to_owned(),
            detail: "pulled out".to_owned(),
            count: 3,
            first_at,
            last_at: first_at,
            acknowledged: None,
            ended_at: Some(Moment::from_micros(first_at.micros() + 61_000_000)),
        };
        Message { alarm, number: 2, tells, tries: 1 }
    }

    #[test]
    fn a_message_says_it_in_both_languages() {
        let raised = message(AlarmKind::LineDown, "line east", Tells::Raised);
        let (text, count) = fitting(&[raised], 2048);
        assert_eq!(count, 1);
        assert_eq!(
            text,
            "【警告】线路中断 线路east：拔线 ‹＠all›\n[warning] a line is down, line east: pulled out\n\
             2026-11-22 00:00:00 #17.2 ×3"
        );
        let ended = message(AlarmKind::OrderUnknown, "order 17", Tells::Ended);
        assert!(fitting(&[ended], 2048).0.ends_with("2026-11-22 00:01:01 #17.2 ×3"));
        let again = message(AlarmKind::OrderUnknown, "order 17", Tells::Repeated);
        assert_eq!(
            headline(&again),
            "【严重·未确认】停复电结果不明 工单17 | the outcome of a supply order is unknown"
        );
    }

    #[test]
    fn as_many_go_together_as_fit_and_one_always_does() {
        let one = message(AlarmKind::LineDown, "line east", Tells::Raised);
        let length = fitting(std::slice::from_ref(&one), 1).0.len();
        let many = vec![one; 5];
        for (most, fit) in [(1, 1), (length, 1), (2 * length + 1, 1), (2 * length + 2, 2), (99_999, 5)] {
            let (text, count) = fitting(&many, most);
            assert_eq!(count, fit);
            assert!(count == 1 || text.len() <= most);
        }
        let mut longest = message(AlarmKind::RestorePromiseMissed, &"长".repeat(300), Tells::Repeated);
        longest.alarm.detail = "长".repeat(300);
        longest.alarm.detail_zh = "长".repeat(300);
        assert!(fitting(&[longest], 1).0.len() <= 2048, "it fits into the shortest message of a robot");
    }

    #[test]
    fn a_flood_is_told_in_one_with_the_first_of_them() {
        let mut many: Vec<Message> = Vec::new();
        for number in 1..=299 {
            let mut one = message(AlarmKind::LineDown, &format!("line {number}"), Tells::Raised);
            (one.alarm.id, one.number) = (Id::new(number), 1);
            one.alarm.first_at = Moment::from_micros(one.alarm.first_at.micros() + number * 1_000_000);
            many.push(one);
        }
        assert_eq!(
            summed(&many),
            "【警告】线路中断 共299条：线路1、线路2、线路3、线路4、线路5等，全部见“告警”页面\n\
             [warning] a line is down: 299 of them, line 1, line 2, line 3, line 4, line 5 and more; \
             all of them are on the page of alarms\n\
             2026-11-22 00:00:01 - 2026-11-22 00:04:59 #1.1 - #299.1"
        );
        assert_eq!(summed_headline(&many), "【警告】线路中断 共299条 | a line is down (299)");
        let longest = message(AlarmKind::BillingStranger, &"长".repeat(300), Tells::Ended);
        assert!(summed(&vec![longest; 5000]).len() <= 2048, "it fits into the shortest message of a robot");
    }
}
