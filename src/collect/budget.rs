//! How long a night takes on each line, told before it is promised.

use std::time::Duration;

use super::collector::Settings;
use super::visit::{EVENT_READS, records_in_one_answer};
use crate::channel::{Asked, Forecast, LineBudget};
use crate::config::profile::{MeterProfile, Span};
use crate::config::{IntervalMode, Line};
use crate::domain::{Item, MeterPath, MeterProtocol};
use crate::plan::night_of;
use crate::store::archive::SiteMeter;
use dlt645::exchange::Timing;

/// How long the nights of all lines take that meters hang on: registers, curves and events, gaps of earlier days left out.
/// Where slots are polled, how long that takes is told instead when it is the tighter of both.
#[must_use]
pub fn forecasts(settings: &Settings, sites: &[SiteMeter]) -> Vec<(String, Forecast)> {
    let told = |line: &Line| {
        let meters: Vec<(&MeterProfile, Timing)> =
            sites.iter().filter_map(|site| of_line(settings, line, site)).collect();
        let window = window(settings);
        let night = forecast(line, &meters, window, |profile| of_night(settings, profile));
        let polled = settings.intervals.mode == IntervalMode::Poll;
        let slot = settings.intervals.slots.period() / 3;
        let poll = polled.then(|| forecast(line, &meters, slot, |profile| of_slot(settings, profile)));
        let tightest = [Some(night), poll].into_iter().flatten().max_by_key(Forecast::percent)?;
        (!meters.is_empty()).then(|| (line.name.clone(), tightest))
    };
    settings.lines.iter().filter_map(told).collect()
}

/// From the start of a night to its deadline.
fn window(settings: &Settings) -> Duration {
    let collection = &settings.collection;
    let any_day = crate::domain::Day::of(crate::domain::Moment::from_micros(0));
    let night = night_of(any_day, collection.start, collection.deadline);
    night.deadline.since(night.start)
}

fn of_line<'a>(settings: &'a Settings, line: &Line, site: &SiteMeter) -> Option<(&'a MeterProfile, Timing)> {
    let MeterPath::Line { line: name, baud, .. } = &site.meter.path else { return None };
    let profile = settings.profiles.of(site.meter.profile.as_deref(), site.meter.protocol)?;
    (*name == line.name).then(|| (profile, profile.timing(line.pace(), *baud)))
}

/// Meters with the same times are asked alike; what all of them take is added up.
fn forecast(
    line: &Line,
    meters: &[(&MeterProfile, Timing)],
    window: Duration,
    work: impl Fn(&MeterProfile) -> Vec<Asked>,
) -> Forecast {
    let mut groups: Vec<(Timing, Vec<Asked>)> = Vec::new();
    for (profile, timing) in meters {
        let asked = work(profile);
        match groups.iter_mut().find(|(known, _)| known == timing) {
            Some((_, all)) => all.extend(asked),
            None => groups.push((*timing, asked)),
        }
    }
    let budget = |timing| LineBudget { budget_percent: line.budget_percent.into(), ..LineBudget::of(timing) };
    let mut sum = budget(Timing::serial(line.baud)).forecast(&[], window);
    for (timing, asked) in groups {
        let own = budget(timing).forecast(&asked, window);
        sum.exchanges += own.exchanges;
        sum.takes += own.takes;
        sum.enough_at = sum.enough_at.max(own.enough_at);
    }
    sum
}

/// What a meter is asked in a night: its clock, the freeze with its time before and behind, or what it shows now, each
/// twice; curves of a day; events.
fn of_night(settings: &Settings, profile: &MeterProfile) -> Vec<Asked> {
    if profile.protocol == MeterProtocol::Modbus {
        let totals = &settings.collection.registers;
        return of_map(profile, |item| item.with_tariff(0).is_some_and(|total| totals.contains(&total)));
    }
    let registers = u64::try_from(settings.collection.registers.len()).unwrap_or(u64::MAX);
    let block = 4 * (usize::from(profile.tariffs) + 1);
    let mut asked = vec![Asked::reads(2, 4), Asked::reads(2 * registers, block)];
    if profile.daily_freezes > 0 {
        asked.push(Asked::reads(4, 5));
    }
    if settings.intervals.mode == IntervalMode::LoadRecord && profile.load_record {
        for (records, bytes) in records_in_one_answer(&settings.intervals.items) {
            let slots = u64::from(settings.intervals.slots.count());
            let records = u64::try_from(records).unwrap_or(1).max(1);
            asked.push(Asked { exchanges: slots.div_ceil(records), request: 22, answer: 16 + bytes });
        }
    }
    if settings.collection.events {
        asked.push(Asked::reads(EVENT_READS, 3));
    }
    asked
}

/// What a meter that speaks Modbus is asked for items: a sign of life, and each span twice.
fn of_map(profile: &MeterProfile, is_wanted: impl Fn(Item) -> bool) -> Vec<Asked> {
    let read = |span: Span| Asked { exchanges: 2, request: 8, answer: 5 + 2 * usize::from(span.count) };
    let life = Asked { exchanges: 1, request: 8, answer: 6 };
    profile.map.spans(is_wanted).into_iter().map(read).chain([life]).collect()
}

/// What a meter is asked for a slot.
fn of_slot(settings: &Settings, profile: &MeterProfile) -> Vec<Asked> {
    if profile.protocol == MeterProtocol::Modbus {
        return of_map(profile, |item| settings.intervals.items.contains(&item));
    }
    let items = u64::try_from(settings.intervals.items.len()).unwrap_or(u64::MAX);
    vec![Asked::reads(items.saturating_mul(2), 4)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::domain::{Id, Meter, MeteringPoint, Moment, PointRole};

    fn settings(baud: u32, more: &str) -> Settings {
        let text = format!(
            "[database]\npath = \"a.db\"\n{more}\n[[line]]\nname = \"L\"\ntcp = \"127.0.0.1:1\"\nbaud = {baud}\n"
        );
        Settings::of(&Config::parse("a.toml".as_ref(), &text).unwrap().config)
    }

    fn sites(count: u64) -> Vec<SiteMeter> {
        let site = |number: u64| SiteMeter {
            meter_id: Id::new(i64::try_from(number).unwrap()),
            point_id: Id::new(1),
            meter: Meter {
                address: number.to_string().parse().unwrap(),
                asset_number: None,
                protocol: MeterProtocol::Dlt2007,
                profile: None,
                path: MeterPath::Line { line: "L".to_owned(), baud: None, parity: None },
            },
            point: MeteringPoint {
                number: number.to_string(),
                customer: "C".to_owned(),
                role: PointRole::Customer,
                area: None,
                route: None,
                protection: None,
            },
            area_id: None,
            installed_at: Moment::from_micros(0),
        };
        (1..=count).map(site).collect()
    }

    #[test]
    fn a_full_bus_fits_into_a_night_and_a_slow_one_with_too_many_meters_does_not() {
        let told = forecasts(&settings(2400, ""), &sites(64));
        assert_eq!(told.len(), 1);
        let night = told[0].1;
        // 64 meters at 2400 baud take well under an hour, most of it for curves.
        assert!(night.fits() && night.takes > Duration::from_secs(1200), "{night:?}");
        let slow = forecasts(&settings(300, ""), &sites(250))[0].1;
        assert!(!slow.fits() && slow.enough_at.is_some(), "{slow:?}");
        assert_eq!(forecasts(&settings(2400, ""), &[]), []);
    }

    #[test]
    fn meters_that_speak_modbus_are_counted_by_their_registers() {
        let folder = tempfile::tempdir().unwrap();
        let map = include_str!("../../deploy/profiles/modbus-example.toml");
        std::fs::write(folder.path().join("map.toml"), map).unwrap();
        let settings = settings(9600, &format!("[profiles]\ndirectory = {:?}", folder.path()));
        let modbus = sites(10).into_iter().map(|mut site| {
            (site.meter.protocol, site.meter.profile) =
                (MeterProtocol::Modbus, Some("modbus-example".to_owned()));
            site
        });
        let night = forecasts(&settings, &modbus.collect::<Vec<_>>())[0].1;
        // The energies are twelve registers in a row: a sign of life, and twice the same question.
        assert_eq!(night.exchanges, 10 * 3);
        assert!(night.fits() && night.takes < Duration::from_secs(60), "{night:?}");
    }

    #[test]
    fn a_poll_has_to_be_over_within_a_third_of_its_period() {
        let poll = "[intervals]\nmode = \"poll\"\nperiod = \"1min\"";
        let told = forecasts(&settings(2400, poll), &sites(64))[0].1;
        assert!(!told.fits(), "{told:?}");
        assert!(forecasts(&settings(2400, poll), &sites(4))[0].1.fits());
    }
}
