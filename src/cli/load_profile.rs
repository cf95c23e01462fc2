//! `chaobiao load-profile`: the load records between two times.

use std::io::Write;

use clap::Args;
use dlt645::address::Target;
use dlt645::meter_time::Civil;

use super::CliError;
use super::asker::Asker;
use super::decode::EditionArg;
use super::line::AskArgs;
use super::trouble::Trouble;
use crate::domain::{Day, Moment};

mod collect;
mod show;
mod slots;

/// Read the load records between two times, holes shown as holes
#[derive(Debug, Args)]
#[command(
    after_help = "Times are those of the meter's clock: 2026-11-21, 2026-11-21 10:15 or 2026-11-21T10:15. A day alone is\n\
its 00:00 after --from and its 23:59 after --to.\n\n\
Examples:\n  \
chaobiao load-profile --tcp 192.168.1.10:7001 --meter 202411110001 --from 2026-11-20 --to 2026-11-20 --class 4\n  \
chaobiao load-profile --serial /dev/ttyUSB0 --meter 202411110001 --from '2026-11-21 08:00' --csv > load.csv"
)]
pub(super) struct LoadProfile {
    #[command(flatten)]
    ask: AskArgs,
    /// Address of the meter, up to 12 digits; AAAAAAAAAAAA asks whoever is there, and only one meter may be
    #[arg(long, value_name = "ADDR")]
    meter: Target,
    /// Edition; load records of the 1997 edition are each maker's own
    #[arg(long, value_enum)]
    edition: Option<EditionArg>,
    /// From when
    #[arg(long, value_name = "TIME", value_parser = from)]
    from: Civil,
    /// Up to and with when; the present by default
    #[arg(long, value_name = "TIME", value_parser = to)]
    to: Option<Civil>,
    /// Which records: 1 voltage, current, frequency; 2 power; 3 power factor; 4 energies; 5 quadrants; 6 demand; all
    /// when left out
    #[arg(long, value_name = "CLASS", value_parser = clap::value_parser!(u8).range(1..=6))]
    class: Option<u8>,
    /// How many records to ask for at once
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u8).range(1..=99))]
    blocks: u8,
    /// Minutes between records, where the meter does not say
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u16).range(1..=1440))]
    interval: Option<u16>,
    /// Print CSV for a spreadsheet
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

fn from(text: &str) -> Result<Civil, String> {
    moment(text, (0, 0))
}

fn to(text: &str) -> Result<Civil, String> {
    moment(text, (23, 59))
}

/// A time of a meter's clock; a day alone is taken at `of_day`.
fn moment(text: &str, of_day: (u8, u8)) -> Result<Civil, String> {
    let wrong =
        || format!("{text:?} is no time: expected 2026-11-21 or 2026-11-21 10:15, years 2000 to 2099");
    let (date, time) = text.split_once([' ', 'T']).map_or((text, None), |(date, time)| (date, Some(time)));
    let date = date.parse::<Day>().map_err(|_| wrong())?.start().civil().ok_or_else(wrong)?;
    let (hour, minute) = match time {
        None => of_day,
        Some(time) => {
            let two = |text: &str| text.parse::<u8>().ok().filter(|_| text.len() == 2);
            let (hour, minute) = time.split_once(':').ok_or_else(wrong)?;
            two(hour).zip(two(minute)).ok_or_else(wrong)?
        }
    };
    Civil::new(date.year(), date.month(), date.day(), hour, minute, 0).ok_or_else(wrong)
}

impl LoadProfile {
    pub(super) async fn run(mut self, out: &mut impl Write) -> Result<(), CliError> {
        if matches!(self.edition, Some(EditionArg::E1997)) {
            return Err(CliError::Usage(
                "the 1997 edition leaves load records to the makers: read the identifiers of this one, D1x0 for instance  \
                 1997版负荷记录由厂家自定"
                    .into(),
            ));
        }
        let mut asker = Asker::open(&self.ask).await?;
        let now = asker.clock().now();
        let span = self.span(now)?;
        self.meter = asker.the_one(self.meter).await?;
        let interval = match self.interval {
            Some(minutes) => Some(minutes),
            None => self.interval_of(&mut asker).await?,
        };
        let collected = self.collect(&mut asker, span).await?;
        let profile = slots::arrange(collected, span, interval, now);
        show::show(&self, out, &profile)?;
        out.flush()?;
        self.conclude(&profile)
    }

    /// From and to; what is to come is not asked for.
    fn span(&self, now: Moment) -> Result<(Civil, Civil), CliError> {
        let present = now
            .civil()
            .ok_or_else(|| CliError::Failed("this computer's clock is outside 2000 to 2099".into()))?;
        if self.from > present {
            return Err(CliError::Usage(format!("--from {} is in the future: it is {present}", self.from)));
        }
        let to = self.to.unwrap_or(present);
        if to < self.from {
            return Err(CliError::Usage(format!("--to {to} is before --from {}", self.from)));
        }
        Ok((self.from, to.min(present)))
    }

    fn conclude(&self, profile: &slots::Profile) -> Result<(), CliError> {
        let note = |count: usize, en: &str, zh: &str| {
            if count > 0 {
                super::talk(&format!("chaobiao: {count} {en}  {zh}"));
            }
        };
        note(
            profile.future,
            "records dated in the future were refused: look at the meter's clock",
            "条未来时标的记录已剔除，请检查电表时钟",
        );
        note(profile.duplicates, "records came twice and are listed once", "条重复记录已合并");
        note(
            profile.conflicts,
            "records came twice with different values: the first is listed",
            "条重复记录数值不一致，采用先到者",
        );
        note(profile.undated, "records without a possible time were left out", "条时标无效的记录已剔除");
        if profile.interval.is_none() && !profile.is_empty() {
            super::talk(
                "chaobiao: how often this meter records is not known, so holes cannot be told: --interval MINUTES  记录间隔未知，无法判断缺点",
            );
        }
        match &profile.broke {
            Some((Trouble { en, zh }, at)) => {
                Err(CliError::Failed(format!("not read from {at} on: {en}  自该时刻起未读到: {zh}")))
            }
            None if profile.is_empty() => {
                Err(CliError::Failed("the meter has no record of that time  电表无该时段的记录".into()))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_wrong_ones_told() {
        assert_eq!(from("2026-11-21").unwrap().to_string(), "2026-11-21 00:00:00");
        assert_eq!(to("2026-11-21").unwrap().to_string(), "2026-11-21 23:59:00");
        for text in ["2026-11-21 10:15", "2026-11-21T10:15"] {
            assert_eq!(from(text).unwrap().to_string(), "2026-11-21 10:15:00");
        }
        for text in [
            "",
            "2026-02-30",
            "2026-11-21 24:00",
            "2026-11-21 1:15",
            "1999-01-01",
            "21.11.2026",
            "2026-11-21 10",
        ] {
            assert!(from(text).unwrap_err().contains("expected 2026-11-21"), "{text}");
        }
    }
}
