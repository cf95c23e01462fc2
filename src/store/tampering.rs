//! What meters tell that nobody here has caused (T3): a relay that moved without an order, and what a meter notes when
//! somebody works at it. Told in the transaction that keeps what was read.
//!
//! A relay stands as the last order that a meter may have heard put it: open after a cut, closed after supply was given
//! back. One that moved otherwise is told, whoever moved it. What a meter says when it is asked for the first time is
//! where it begins, and nothing is told of it.

use std::collections::{HashMap, HashSet};

use super::Store;
use super::alarm;
use super::error::StoreError;
use super::session::{Notes, StatusWords};
use super::sql::Sql;
use super::supply::AttemptOutcome;
use super::transaction::Transaction;
use crate::domain::relay::StatusWord3;
use crate::domain::supply::OrderKind;
use crate::domain::{Alarm, AlarmKind, Coded, Id, Moment};

/// Raises the alarms that `notes` give reason for, compared with what is kept; to be called before they are.
pub(super) async fn tell(writing: &mut Transaction, notes: &Notes) -> Result<(), StoreError> {
    relays(writing, &notes.status_words).await?;
    events(writing, notes).await
}

impl Store {
    /// Tells of a relay that stands otherwise than it is known to, without an order, by a status word that was read outside a
    /// night. It is not kept: what a night finds is compared with the night before.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot.
    pub async fn tell_of_relay(&self, words: &StatusWords) -> Result<(), StoreError> {
        let mut writing = self.write("telling of a relay that moved").await?;
        relays(&mut writing, std::slice::from_ref(words)).await?;
        writing.commit().await
    }
}

async fn relays(writing: &mut Transaction, told: &[StatusWords]) -> Result<(), StoreError> {
    let told: Vec<(i64, bool, Moment)> = told
        .iter()
        .filter_map(|words| Some((words.meter.number(), is_open(&words.words)?, words.collected_at)))
        .collect();
    if told.is_empty() {
        return Ok(());
    }
    let keys: Vec<[i64; 1]> = told.iter().map(|(meter, ..)| [*meter]).collect();
    let keys = writing.dialect().keys(&keys);
    let kept: Vec<(i64, String)> = writing.rows(KEPT, &keys).await?;
    let kept: HashMap<i64, bool> =
        kept.into_iter().filter_map(|(meter, words)| Some((meter, is_open(&words)?))).collect();
    for (meter, is_open, at) in told {
        if kept.get(&meter).is_none_or(|before| *before == is_open) {
            continue;
        }
        if last_order(writing, meter, at).await? == Some(is_open) {
            continue;
        }
        let (zh, en) = match is_open {
            true => ("由闭合变为断开", "it is open and was closed"),
            false => ("由断开变为闭合", "it is closed and was open"),
        };
        raise(writing, (AlarmKind::RelayMoved, meter), (zh, en), at).await?;
    }
    Ok(())
}

/// Whether the last order that a meter may have heard opens its relay; `None` when it heard none.
async fn last_order(writing: &mut Transaction, meter: i64, at: Moment) -> Result<Option<bool>, StoreError> {
    let args = [
        meter.into(),
        at.into(),
        AttemptOutcome::Refused.code().into(),
        AttemptOutcome::NotSent.code().into(),
        OrderKind::Cut.code().into(),
        OrderKind::ClosePermit.code().into(),
        OrderKind::DirectClose.code().into(),
    ];
    let last: Option<(i64,)> = writing.row(LAST_ORDER, &args).await?;
    Ok(last.map(|(kind,)| kind == OrderKind::Cut.code()))
}

/// The relay by status word 3 among the words as they are kept.
fn is_open(words: &str) -> Option<bool> {
    let words: HashMap<String, String> = serde_json::from_str(words).ok()?;
    let bits = u16::from_str_radix(words.get(STATUS_WORD_3)?, 16).ok()?;
    Some(StatusWord3::from_bits(bits).is_open())
}

async fn events(writing: &mut Transaction, notes: &Notes) -> Result<(), StoreError> {
    let touching = |kind: &str| TOUCHING.iter().find(|(known, ..)| *known == kind);
    let told: Vec<_> = notes.events.iter().filter(|event| touching(&event.kind).is_some()).collect();
    if told.is_empty() {
        return Ok(());
    }
    let keys: Vec<[i64; 1]> = told.iter().map(|event| [event.meter.number()]).collect();
    let keys = writing.dialect().keys(&keys);
    let counted: Vec<(i64, String)> = writing.rows(COUNTED, &keys).await?;
    let counted: HashSet<(i64, String)> = counted.into_iter().collect();
    for event in told {
        let key = (event.meter.number(), event.kind.clone());
        let Some((_, zh, en)) = touching(&event.kind).filter(|_| counted.contains(&key)) else { continue };
        let args = [event.meter.into(), event.kind.as_str().into(), event.began.as_str().into()];
        let known: Option<(i64,)> = writing.row(KNOWN, &args).await?;
        if known.is_none() {
            let (zh, en) = (format!("{zh}，{}", event.began), format!("{en}, {}", event.began));
            let what = (AlarmKind::MeterTouched, key.0);
            raise(writing, what, (&zh, &en), event.collected_at).await?;
        }
    }
    Ok(())
}

async fn raise(
    writing: &mut Transaction,
    (kind, meter): (AlarmKind, i64),
    (zh, en): (&str, &str),
    at: Moment,
) -> Result<(), StoreError> {
    let place: Option<(String, Option<i64>)> = writing.row(PLACE, &[meter.into()]).await?;
    let Some((address, area)) = place else { return Ok(()) };
    let alarm = Alarm::new(kind, format!("meter {address}"), at).saying(zh, en).in_area(area.map(Id::new));
    alarm::raise(writing, &alarm).await.map(|_| ())
}

/// Status word 3 as words are kept.
const STATUS_WORD_3: &str = "04000503";

/// Events that somebody caused who stood at the meter or wrote to it: the identifier of their count, and what it is.
const TOUCHING: [(&str, &str, &str); 9] = [
    ("03300000", "编程", "programmed"),
    ("03300100", "电表清零", "meter cleared"),
    ("03300200", "需量清零", "demand cleared"),
    ("03300300", "事件清零", "events cleared"),
    ("03300400", "校时", "clock set"),
    ("03300D00", "开表盖", "meter cover opened"),
    ("03300E00", "开端钮盒", "terminal cover opened"),
    ("03350000", "恒定磁场干扰", "magnetic field"),
    ("03360000", "负荷开关误动作", "load switch moved by itself"),
];

const KEPT: Sql = Sql {
    sqlite: "SELECT s.meter_id, s.words FROM json_each($1) k CROSS JOIN status_word s \
        WHERE s.meter_id = k.value ->> 0 \
        AND s.day = (SELECT max(n.day) FROM status_word n WHERE n.meter_id = s.meter_id)",
    postgres: "SELECT s.meter_id, s.words FROM unnest($1::bigint[]) AS k (meter_id) CROSS JOIN LATERAL \
        (SELECT n.meter_id, n.words FROM status_word n WHERE n.meter_id = k.meter_id ORDER BY n.day DESC LIMIT 1) AS s",
};

const LAST_ORDER: &str = "SELECT kind FROM supply_attempt WHERE meter_id = $1 AND intent_at <= $2 \
    AND (outcome IS NULL OR outcome NOT IN ($3, $4)) AND kind IN ($5, $6, $7) ORDER BY intent_at DESC, id DESC LIMIT 1";

const COUNTED: Sql = Sql {
    sqlite: "SELECT DISTINCT c.meter_id, c.kind FROM json_each($1) k CROSS JOIN event_count c \
        WHERE c.meter_id = k.value ->> 0",
    postgres: "SELECT DISTINCT c.meter_id, c.kind FROM unnest($1::bigint[]) AS k (meter_id) \
        JOIN event_count c USING (meter_id)",
};

const KNOWN: &str = "SELECT meter_id FROM meter_event WHERE meter_id = $1 AND kind = $2 AND began = $3";

const PLACE: &str = "SELECT m.address, p.area_id FROM meter m \
    LEFT JOIN installation i ON i.meter_id = m.id AND i.removed_at IS NULL \
    LEFT JOIN metering_point p ON p.id = i.point_id WHERE m.id = $1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t03_the_relay_is_found_among_the_words() {
        assert_eq!(is_open(r#"{"04000501":"FFFF","04000503":"0010"}"#), Some(true));
        assert_eq!(is_open(r#"{"04000503":"FFEF"}"#), Some(false));
        for words in [r#"{"04000501":"0010"}"#, "{}", "", r#"{"04000503":"x"}"#] {
            assert_eq!(is_open(words), None, "{words}");
        }
    }
}
