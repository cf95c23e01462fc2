//! `chaobiao time`: what a meter's clock shows, what should be done about it, and setting it.

use std::io::Write;
use std::time::Duration;

use clap::Args;
use dlt645::address::Target;
use dlt645::edition::Edition;
use serde::Serialize;

use super::CliError;
use super::asker::Asker;
use super::change::{ChangeArgs, Fate, PasswordArgs};
use super::china_time;
use super::clock_reading::{self, ClockReading};
use super::decode::EditionArg;
use super::line::AskArgs;
use super::trouble::Trouble;
use crate::config;
use crate::domain::meter_clock::{Correction, correction};

mod set;

/// Read a meter's clock and say how far it is off; with --set, set it
#[derive(Debug, Args)]
#[command(after_help = "This computer's clock is taken to be right: see to that first (NTP).\n\
--set writes to one meter with its password, once, and reads back; not within ten minutes of midnight.\n\n\
Examples:\n  \
chaobiao time --tcp 192.168.1.10:7001 --meter 202411110001\n  \
chaobiao time --serial /dev/ttyUSB0 --meter 202411110001 --set --i-am-the-only-master")]
pub(super) struct Time {
    #[command(flatten)]
    ask: AskArgs,
    /// Address of the meter, up to 12 digits; AAAAAAAAAAAA asks whoever is there, and only one meter may be
    #[arg(long, value_name = "ADDR")]
    meter: Target,
    /// Edition; by default whichever the meter answers
    #[arg(long, value_enum)]
    edition: Option<EditionArg>,
    /// How far off is near enough
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = config::duration)]
    tolerance: Duration,
    /// Set the clock of this one meter to the time of this computer
    #[arg(long)]
    set: bool,
    #[command(flatten)]
    change: ChangeArgs,
    #[command(flatten)]
    password: PasswordArgs,
}

/// What was read, as it is printed.
#[derive(Debug, Default, Serialize)]
struct Record {
    meter: String,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edition: Option<&'static str>,
    #[serde(flatten)]
    clock: Option<Shown>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
    /// UTC+8, as the clocks are.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "china_time::json_or_none")]
    not_before: Option<String>,
    /// What became of the order to set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Fate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was: Option<Shown>,
    #[serde(flatten)]
    trouble: Option<Trouble>,
}

/// Two clocks beside each other.
#[derive(Debug, Serialize)]
struct Shown {
    #[serde(serialize_with = "china_time::json")]
    clock: String,
    #[serde(serialize_with = "china_time::json")]
    our_clock: String,
    fast_seconds: String,
    uncertainty_seconds: String,
}

impl Shown {
    fn of(reading: &ClockReading) -> Self {
        let uncertainty = i64::try_from(reading.offset.uncertainty.as_micros()).unwrap_or(i64::MAX);
        Self {
            clock: reading.shown.to_string(),
            our_clock: reading.ours.in_china().to_string(),
            fast_seconds: tenths(reading.offset.fast_us),
            uncertainty_seconds: tenths(uncertainty),
        }
    }
}

impl Time {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        if self.set {
            return self.set_clock(out).await;
        }
        if self.change.is_given() {
            return Err(CliError::Usage("--i-am-the-only-master and --audit-file go with --set".into()));
        }
        let mut asker = Asker::open(&self.ask).await?;
        let read = clock_reading::read(&mut asker, self.meter, self.edition()).await?;
        let mut record = Record { meter: self.meter.to_string(), ..Record::default() };
        let failed = match &read {
            Ok(reading) => {
                record.ok = true;
                self.fill(&mut record, reading, &asker);
                None
            }
            Err(trouble) => {
                record.trouble = Some(trouble.clone());
                Some(CliError::Failed("the clock was not read  未读到电表时钟".into()))
            }
        };
        self.print(out, &record)?;
        failed.map_or(Ok(()), Err)
    }

    fn edition(&self) -> Option<Edition> {
        self.edition.map(Edition::from)
    }

    fn fill(&self, record: &mut Record, reading: &ClockReading, asker: &Asker) {
        record.address = Some(reading.address.to_string());
        record.edition = Some(year(reading.edition));
        record.clock = Some(Shown::of(reading));
        let advice = correction(reading.offset, asker.clock().now(), self.tolerance);
        record.advice = Some(match advice {
            Correction::NotNeeded => "not_needed",
            Correction::NotBefore(_) => "not_before",
            Correction::ByBroadcast => "by_broadcast",
            Correction::ByWrite => "by_write",
        });
        if let Correction::NotBefore(at) = advice {
            record.not_before = Some(at.in_china().to_string());
        }
    }

    fn print(&self, out: &mut impl Write, record: &Record) -> Result<(), CliError> {
        if self.ask.json {
            return super::write_json(out, record);
        }
        let name = record.address.as_ref().unwrap_or(&record.meter);
        if let Some(trouble) = &record.trouble {
            writeln!(out, "{name}  {}  {}", trouble.en, trouble.zh)?;
        } else {
            writeln!(out, "{name}  {}", record.edition.unwrap_or_default())?;
        }
        if let Some(was) = &record.was {
            writeln!(out, "  before       之前       {}", beside(was))?;
        }
        if let Some(shown) = &record.clock {
            writeln!(out, "  meter clock  电表时钟   {}", shown.clock)?;
            writeln!(out, "  our clock    本机时钟   {}", shown.our_clock)?;
            writeln!(out, "  offset       偏差       {}", off(shown))?;
        }
        if let Some(done) = record.outcome {
            writeln!(out, "  outcome      结果       {}", done.told())?;
        } else if let Some(advice) = self.advice(record) {
            writeln!(out, "  advice       建议       {advice}")?;
        }
        Ok(())
    }

    fn advice(&self, record: &Record) -> Option<String> {
        let tolerance = tenths(i64::try_from(self.tolerance.as_micros()).unwrap_or(i64::MAX));
        Some(match (record.advice?, &record.not_before) {
            ("not_needed", _) => format!("near enough (within {tolerance} s): nothing to do  无需校时"),
            ("not_before", Some(at)) => {
                format!("too near midnight, when meters freeze: set it after {at}  临近零点，请在此后校时")
            }
            ("by_broadcast", _) => {
                "set it: a broadcast would do, once a day, or time --set  需校时，可广播校时".into()
            }
            _ => "set it by time --set: too far off for a broadcast  偏差过大，须单表校时".into(),
        })
    }
}

fn beside(shown: &Shown) -> String {
    format!("{}, {}", shown.clock, off(shown))
}

fn off(shown: &Shown) -> String {
    let (seconds, uncertainty) = (&shown.fast_seconds, &shown.uncertainty_seconds);
    match seconds.strip_prefix('-') {
        Some(slow) => format!("{slow} s slow, ±{uncertainty} s  慢{slow}秒"),
        None => format!("{seconds} s fast, ±{uncertainty} s  快{seconds}秒"),
    }
}

const fn year(edition: Edition) -> &'static str {
    match edition {
        Edition::E2007 => "2007",
        Edition::E1997 => "1997",
    }
}

/// Microseconds as seconds with one decimal.
pub(super) fn tenths(micros: i64) -> String {
    let tenths = (micros.unsigned_abs() + 50_000) / 100_000;
    let sign = if micros < 0 && tenths > 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_shown_to_a_tenth_without_minus_zero() {
        for (micros, shown) in [
            (0, "0.0"),
            (-40_000, "0.0"),
            (-60_000, "-0.1"),
            (12_345_678, "12.3"),
            (-3_600_000_000, "-3600.0"),
        ] {
            assert_eq!(tenths(micros), shown);
        }
    }
}
