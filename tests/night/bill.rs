//! Billing in a town, and its judge: what was handed over is what the accepted readings make, to the last digit.

use std::collections::HashMap;
use std::time::Duration;

use chaobiao::billing::{LedgerSink, Rules, push_once, settle_due};
use chaobiao::domain::{BillingKind, Day, Item, Moment, Source};
use chaobiao::store::billing::{BillingLine, OutboxState, Which};
use dlt645::address::MeterAddress;

use crate::rig::Town;
use crate::truth::{Findings, Readings, held, marked};

impl Town {
    /// Settles what is due and pushes it to the built-in ledger, until nothing is left.
    pub(crate) async fn bill(&self) {
        let now = self.clock.now();
        settle_due(&self.store, &Rules::of(&self.config), now).await.unwrap();
        let mut sink = LedgerSink::new(self.store.clone(), self.clock.clone());
        loop {
            let pushed = push_once(&self.store, &mut sink, &self.config.billing, now).await.unwrap();
            assert_eq!(pushed.delivered, pushed.offered, "the built-in ledger takes everything");
            if pushed.offered == 0 {
                return;
            }
        }
    }

    /// Every register and consumption of a meter's point, where it is the only meter of it (I5, I6).
    pub(crate) async fn judge_bill(
        &self,
        address: MeterAddress,
        readings: &Readings,
        (from, until): (Day, Day),
        findings: &mut Findings,
    ) {
        let (entry, _) = self.meters.iter().find(|(entry, _)| entry.address == address).unwrap();
        let lines = self.store.billing_lines(Which::OfPoint(&entry.customer.point)).await.unwrap();
        if lines.is_empty() {
            return;
        }
        let newest = newest(address, &lines, findings);
        let window = self.config.collection.deadline.on(from).since(from.start());
        let factor = i64::from(entry.customer.multiplier) * 100;
        let days = std::iter::successors(Some(from), |day| Some(day.next())).take_while(|day| *day <= until);
        for day in days {
            for item in Rules::of(&self.config).items {
                let code = item.code().to_string();
                let standing = |at: Moment| standing(readings, &code, at, window);
                let (opening, closing) = (standing(day.start()), standing(day.next().start()));
                let moved = opening.zip(closing).map(|(opening, closing)| {
                    let moved = closing - opening;
                    if moved < 0 { moved + CAPACITY } else { moved }
                });
                for (kind, expected) in [
                    (BillingKind::Register, opening),
                    (BillingKind::Consumption, moved.map(|moved| moved * factor)),
                ] {
                    let told = newest.get(&(item, kind, day)).and_then(|line| line.content.value);
                    match (expected, told.map(|(value, _)| value)) {
                        (expected, told) if expected == told => {
                            findings.billed += usize::from(told.is_some());
                        }
                        (expected, told) => findings.wrong.push(format!(
                            "i5: {address} {code} {kind:?} of {day}: {told:?} is billed, not {expected:?}"
                        )),
                    }
                }
            }
        }
        self.judge_sum(address, &newest, (from, until), factor, findings);
    }

    /// The consumptions of all days from the first to the last billed one are what the meter itself moved (I6).
    fn judge_sum(
        &self,
        address: MeterAddress,
        newest: &Newest<'_>,
        (from, until): (Day, Day),
        factor: i64,
        findings: &mut Findings,
    ) {
        let meter = self.shared(address);
        let total = *self.config.collection.registers.first().unwrap();
        let of = |day: Day| {
            let line = newest.get(&(total, BillingKind::Consumption, day))?;
            line.content.value.map(|(value, _)| value)
        };
        let days = std::iter::successors(Some(from), |day| Some(day.next())).take_while(|day| *day <= until);
        let billed: Vec<(Day, i64)> = days.filter_map(|day| Some((day, of(day)?))).collect();
        let (Some((first, _)), Some((last, _))) = (billed.first(), billed.last()) else { return };
        let ends = [*first, last.next()].map(|day| marked(meter, day.start()));
        let [Some(start), Some(end)] = ends else { return };
        let is_whole = last.number() - first.number() + 1 == i64::try_from(billed.len()).unwrap();
        let is_frozen = [*first, last.next()].into_iter().all(|day| {
            let line = newest.get(&(total, BillingKind::Register, day));
            line.is_some_and(|line| line.content.read_at == Some(day.start()))
        });
        let [opening, closing] = [start, end].map(|at| held(meter, total, at).unwrap());
        let truth = (closing - opening).rem_euclid(CAPACITY) * factor;
        let sum: i64 = billed.iter().map(|(_, value)| value).sum();
        if is_whole && is_frozen && sum != truth {
            findings.wrong.push(format!("i6: {address}: {sum} is billed, {truth} was used"));
        }
    }

    /// Everything that was settled has taken effect once, in order, as it was said (I5).
    pub(crate) async fn judge_hand_over(&self, findings: &mut Findings) {
        for (what, sql) in [
            (
                "entries that nobody settled so",
                "SELECT count(*) FROM billing_ledger b LEFT JOIN billing_value v \
                    ON v.point_id = b.point_id AND v.item = b.item AND v.kind = b.kind AND v.at = b.at \
                    AND v.version = b.version AND v.value IS NOT DISTINCT FROM b.value \
                    AND v.quality IS NOT DISTINCT FROM b.quality WHERE v.point_id IS NULL",
            ),
            (
                "entries before an earlier version",
                "SELECT count(*) FROM billing_ledger b JOIN billing_ledger n \
                    ON n.point_id = b.point_id AND n.item = b.item AND n.kind = b.kind AND n.at = b.at \
                    AND n.version > b.version AND n.entered_at < b.entered_at",
            ),
            (
                "newest versions that have not taken effect",
                "SELECT count(*) FROM billing_value v WHERE NOT EXISTS (SELECT 1 FROM billing_value n \
                    WHERE n.point_id = v.point_id AND n.item = v.item AND n.kind = v.kind AND n.at = v.at \
                    AND n.version > v.version) AND NOT EXISTS (SELECT 1 FROM billing_ledger b \
                    WHERE b.point_id = v.point_id AND b.item = v.item AND b.kind = v.kind AND b.at = v.at \
                    AND b.version = v.version)",
            ),
            (
                "keys entered twice",
                "SELECT count(*) FROM (SELECT key FROM billing_ledger GROUP BY key HAVING count(*) > 1) AS twice",
            ),
            ("values of suspect readings", "SELECT count(*) FROM billing_ledger WHERE quality >= 10"),
        ] {
            let count = self.ask(sql).await;
            if count != 0 {
                findings.wrong.push(format!("i5: {count} {what}"));
            }
        }
    }
}

/// The newest version of each value.
type Newest<'a> = HashMap<(Item, BillingKind, Day), &'a BillingLine>;

fn newest<'a>(address: MeterAddress, lines: &'a [BillingLine], findings: &mut Findings) -> Newest<'a> {
    let mut newest: Newest<'a> = HashMap::new();
    for line in lines {
        let key = (line.key.item, line.key.kind, line.key.day);
        let before = newest.insert(key, line).map_or(0, |line| line.version);
        if line.version != before + 1 {
            findings.wrong.push(format!("i4: {address}: {key:?} version {} behind {before}", line.version));
        }
        let state = line.delivery.as_ref().map(|delivery| delivery.state);
        if !matches!(state, Some(OutboxState::Delivered | OutboxState::Superseded)) {
            findings.wrong.push(format!("i5: {address}: {key:?} version {} is {state:?}", line.version));
        }
    }
    newest
}

/// What stands for a midnight: the reading of that instant, or else the first live one behind it.
fn standing(readings: &Readings, code: &str, at: Moment, window: Duration) -> Option<i64> {
    let from = (code.to_owned(), at);
    let of_item = readings.range(from..).take_while(|((item, _), _)| item == code);
    let mut near = of_item.take_while(|((_, read_at), _)| *read_at < at.plus(window));
    near.find(|((_, read_at), kept)| *read_at == at || kept.source == Source::Live)
        .map(|(_, kept)| kept.value)
}

/// What registers of six digits before the point and four behind it do not show any more.
const CAPACITY: i64 = 10_000_000_000;
