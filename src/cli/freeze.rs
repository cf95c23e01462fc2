//! `chaobiao freeze`: the registers that a meter froze, and the order to freeze them now.

use std::io::Write;

use clap::{Args, ValueEnum};
use dlt645::address::Target;
use dlt645::data_id::DataId;
use dlt645::explain::ShownValue;
use serde::Serialize;

use super::CliError;
use super::asker::Asker;
use super::change::ChangeArgs;
use super::china_time;
use super::decode::EditionArg;
use super::line::AskArgs;
use super::trouble::Trouble;
use crate::domain::Day;

mod find;
mod now;
mod read;
mod table;

/// Read what a meter froze, such as the registers of midnight; with --now, have it freeze
#[derive(Debug, Args)]
#[command(
    after_help = "The time of a freeze is read first. With --day the values are read only when that time says the day:\n\
after a power cut or a change of the clock the n-th newest freeze is not that of n days ago.\n\
The freeze of a day is that of its 00:00, so it closes the day before.\n\n\
Examples:\n  \
chaobiao freeze --tcp 192.168.1.10:7001 --meter 202411110001 --day 2026-11-21\n  \
chaobiao freeze --tcp 192.168.1.10:7001 --meter 202411110001 --back 1-7 --all\n  \
chaobiao freeze --serial /dev/ttyUSB0 --meter 202411110001 --now --i-am-the-only-master"
)]
pub(super) struct Freeze {
    #[command(flatten)]
    ask: AskArgs,
    /// Address of the meter, up to 12 digits; AAAAAAAAAAAA asks whoever is there, and only one meter may be
    #[arg(long, value_name = "ADDR")]
    meter: Target,
    /// Edition; there are no freezes in that of 1997
    #[arg(long, value_enum)]
    edition: Option<EditionArg>,
    /// Which freezes
    #[arg(long, value_enum, default_value = "daily")]
    kind: KindArg,
    /// How many freezes back, 1 the newest; 1-7 for seven of them
    #[arg(long, value_name = "N", default_value = "1", value_parser = back)]
    back: Back,
    /// The freeze of 00:00 of this day
    #[arg(long, conflicts_with_all = ["back", "kind"])]
    day: Option<Day>,
    /// Everything that was frozen, not the active energies alone
    #[arg(long)]
    all: bool,
    /// Have this one meter freeze its registers now, and prove it
    #[arg(long, conflicts_with_all = ["back", "kind", "day"])]
    now: bool,
    #[command(flatten)]
    change: ChangeArgs,
}

/// A kind of freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// Midnight of each day
    Daily,
    /// Full hours
    Hourly,
    /// The times that were set
    Timed,
    /// By order
    Instant,
    /// Changes of the season table
    Season,
    /// Changes of the day schedules
    Schedule,
    /// Changes of the prices
    Price,
    /// Changes of the steps
    Step,
}

impl KindArg {
    /// DI2. [645-2007 11]
    const fn code(self) -> u32 {
        match self {
            Self::Timed => 0,
            Self::Instant => 1,
            Self::Season => 2,
            Self::Schedule => 3,
            Self::Hourly => 4,
            Self::Price => 5,
            Self::Daily => 6,
            Self::Step => 7,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Hourly => "hourly",
            Self::Timed => "timed",
            Self::Instant => "instant",
            Self::Season => "season",
            Self::Schedule => "schedule",
            Self::Price => "price",
            Self::Step => "step",
        }
    }

    const fn name_zh(self) -> &'static str {
        match self {
            Self::Daily => "日冻结",
            Self::Hourly => "整点冻结",
            Self::Timed => "定时冻结",
            Self::Instant => "瞬时冻结",
            Self::Season => "时区表切换冻结",
            Self::Schedule => "日时段表切换冻结",
            Self::Price => "费率电价切换冻结",
            Self::Step => "阶梯切换冻结",
        }
    }

    /// The most that any meter keeps.
    const fn depth(self) -> u8 {
        match self {
            Self::Daily => 62,
            Self::Hourly => 254,
            Self::Timed => 60,
            Self::Instant => 3,
            Self::Season | Self::Schedule | Self::Price | Self::Step => 2,
        }
    }

    /// The identifier of one item of the freeze so many back.
    const fn item(self, di1: u8, back: u8) -> DataId {
        DataId::new_2007(0x0500_0000 | self.code() << 16 | u32_of(di1) << 8 | u32_of(back))
    }
}

const fn u32_of(byte: u8) -> u32 {
    u32::from_le_bytes([byte, 0, 0, 0])
}

/// From the newest that is wanted to the oldest.
#[derive(Clone, Copy, Debug)]
struct Back {
    first: u8,
    last: u8,
}

fn back(text: &str) -> Result<Back, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| text.trim().parse::<u8>().ok().filter(|number| (1..=254).contains(number));
    match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok(Back { first, last }),
        _ => Err("expected how many freezes back, 1 to 254, or from-to such as 1-7".to_owned()),
    }
}

/// One freeze, as it is printed.
#[derive(Debug, Serialize)]
struct Record {
    meter: String,
    kind: &'static str,
    back: Option<u8>,
    ok: bool,
    /// When it was taken, by the meter's clock.
    #[serde(serialize_with = "china_time::json_or_none")]
    at: Option<String>,
    #[serde(serialize_with = "china_time::values")]
    values: Vec<ShownValue>,
    /// What the meter does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing: Vec<Missing>,
    #[serde(flatten)]
    trouble: Option<Trouble>,
}

/// An item that was not read.
#[derive(Debug, Serialize)]
struct Missing {
    di: String,
    name: String,
    name_zh: String,
    /// It did not answer; a refusal says that it has no such item.
    #[serde(skip)]
    is_lost: bool,
    #[serde(flatten)]
    trouble: Trouble,
}

impl Freeze {
    pub(super) async fn run(mut self, out: &mut impl Write) -> Result<(), CliError> {
        if matches!(self.edition, Some(EditionArg::E1997)) {
            return Err(CliError::Usage(
                "the 1997 edition has no freezes: read 9010 now, 9410 for the end of last month  1997版无冻结功能".into(),
            ));
        }
        if self.now {
            return self.freeze_now(out).await;
        }
        if self.change.is_given() {
            return Err(CliError::Usage("--i-am-the-only-master and --audit-file go with --now".into()));
        }
        if self.back.last > self.kind.depth() {
            return Err(CliError::Usage(format!(
                "--back {}: no meter keeps more than {} {} freezes",
                self.back.last,
                self.kind.depth(),
                self.kind.name()
            )));
        }
        let mut asker = Asker::open(&self.ask).await?;
        self.meter = asker.the_one(self.meter).await?;
        let mut failed = None;
        for record in self.records(&mut asker).await? {
            self.print(out, &record)?;
            failed = failed.or(record.trouble);
        }
        match failed {
            None => Ok(()),
            Some(Trouble { en, zh }) => {
                Err(CliError::Failed(format!("a freeze was not read: {en}  冻结数据未读到: {zh}")))
            }
        }
    }

    fn print(&self, out: &mut impl Write, record: &Record) -> Result<(), CliError> {
        if self.ask.json {
            return super::write_json(out, record);
        }
        let (kind, zh) = (record.kind, self.kind.name_zh());
        let back = record.back.map(|back| format!(" {back} back")).unwrap_or_default();
        let at = record.at.as_deref().unwrap_or("no time  无时间");
        writeln!(out, "{}  {kind} freeze{back}  {zh}  {at}", record.meter)?;
        if let Some(trouble) = &record.trouble {
            writeln!(out, "  {}  {}", trouble.en, trouble.zh)?;
        }
        table::values(out, &record.values)?;
        for missing in &record.missing {
            let Missing { di, name, name_zh, trouble, .. } = missing;
            writeln!(out, "  {name}  {name_zh} ({di}): {}  {}", trouble.en, trouble.zh)?;
        }
        out.flush()?;
        Ok(())
    }
}
