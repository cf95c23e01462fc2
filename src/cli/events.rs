//! `chaobiao events`: how often each kind of event happened, and the last records of it.

use std::io::Write;

use clap::Args;
use dlt645::address::Target;
use dlt645::data_id::DataId;
use dlt645::exchange::Outcome;
use dlt645::explain::{self, ShownRecord};
use serde::Serialize;

use super::CliError;
use super::asker::{Asker, tolerant};
use super::decode::{EditionArg, show};
use super::line::AskArgs;
use super::progress::status;
use super::trouble::Trouble;

mod count;
mod kind;

use kind::Kind;

/// Read what happened to a meter: how often each kind of event did, and the last records
#[derive(Debug, Args)]
#[command(
    after_help = "Counts come first; records are read where a count is above zero, the newest first.\n\n\
Examples:\n  \
chaobiao events --tcp 192.168.1.10:7001 --meter 202411110001\n  \
chaobiao events --tcp 192.168.1.10:7001 --meter 202411110001 --kind 开表盖 --last 10 --full\n  \
chaobiao events --serial /dev/ttyUSB0 --meter 202411110001 --kind power-down --json"
)]
pub(super) struct Events {
    #[command(flatten)]
    ask: AskArgs,
    /// Address of the meter, up to 12 digits; AAAAAAAAAAAA asks whoever is there, and only one meter may be
    #[arg(long, value_name = "ADDR")]
    meter: Target,
    /// Edition; there are no such records in that of 1997
    #[arg(long, value_enum)]
    edition: Option<EditionArg>,
    /// Only kinds whose name has these words, in English or Chinese
    #[arg(long, value_name = "WORDS")]
    kind: Option<String>,
    /// How many records of each kind, 0 for the counts alone; meters keep ten
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(0..=10))]
    last: u8,
    /// Every value of each record, not its times alone
    #[arg(long)]
    full: bool,
}

/// One kind of event, as it is printed.
#[derive(Debug, Serialize)]
struct Record {
    meter: String,
    kind: String,
    kind_zh: String,
    di: String,
    ok: bool,
    /// How often it happened.
    count: Option<u64>,
    /// How long in all, where the meter counts that.
    #[serde(skip_serializing_if = "Option::is_none")]
    minutes: Option<u64>,
    records: Vec<Numbered>,
    #[serde(flatten)]
    trouble: Option<Trouble>,
}

/// One event.
#[derive(Debug, Serialize)]
struct Numbered {
    /// 1 the newest.
    back: u8,
    di: String,
    /// When it was over; none while it goes on, and for events without a length.
    ended_at: Option<String>,
    #[serde(flatten)]
    record: Option<ShownRecord>,
    #[serde(flatten)]
    trouble: Option<Trouble>,
}

impl Events {
    pub(super) async fn run(mut self, out: &mut impl Write) -> Result<(), CliError> {
        if matches!(self.edition, Some(EditionArg::E1997)) {
            return Err(CliError::Usage(
                "the 1997 edition has no event records: its counters are B210 to B34x  1997版无事件记录"
                    .into(),
            ));
        }
        let kinds = self.kinds()?;
        let mut asker = Asker::open(&self.ask).await?;
        self.meter = asker.the_one(self.meter).await?;
        self.is_there(&mut asker).await?;
        let (mut tally, mut last) = (Tally::default(), None);
        for kind in &kinds {
            status(&format!("{}  {}", kind.name, kind.name_zh));
            let record = self.of_kind(&mut asker, kind, &mut last).await?;
            status("");
            tally.add(&record);
            self.print(out, &record)?;
            out.flush()?;
        }
        tally.conclude(self.ask.json)
    }

    fn kinds(&self) -> Result<Vec<Kind>, CliError> {
        let words = self.kind.as_deref().unwrap_or_default();
        let kinds: Vec<Kind> = kind::all().into_iter().filter(|kind| kind.is_named(words)).collect();
        if kinds.is_empty() {
            let names: Vec<String> =
                kind::all().iter().map(|kind| format!("  {}  {}", kind.name, kind.name_zh)).collect();
            return Err(CliError::Usage(format!(
                "--kind {words}: no kind of event has this name; there are\n{}",
                names.join("\n")
            )));
        }
        Ok(kinds)
    }

    /// A meter that does not answer at all is told at once and not forty times.
    async fn is_there(&self, asker: &mut Asker) -> Result<(), CliError> {
        let told = asker.ask(tolerant(self.meter, ENERGY)).await?;
        match &told.outcome {
            Outcome::Answered(_) | Outcome::Refused { .. } => Ok(()),
            outcome => {
                let Trouble { en, zh } = Trouble::of_2007(outcome);
                Err(CliError::Failed(format!("{}: {en}  {zh}", self.meter)))
            }
        }
    }

    async fn of_kind(
        &self,
        asker: &mut Asker,
        kind: &Kind,
        last: &mut count::Last,
    ) -> Result<Record, CliError> {
        let mut record = Record {
            meter: self.meter.to_string(),
            kind: kind.name.clone(),
            kind_zh: kind.name_zh.clone(),
            di: kind.count.to_string(),
            ok: false,
            count: None,
            minutes: None,
            records: Vec::new(),
            trouble: None,
        };
        match self.count(asker, kind, last).await? {
            Ok(counted) => (record.count, record.minutes) = (counted.count, counted.minutes),
            Err(trouble) => {
                record.trouble = Some(trouble);
                return Ok(record);
            }
        }
        record.ok = true;
        let newest = record.count.unwrap_or(0).min(self.last.into());
        for back in (1..=10).take_while(|back| u64::from(*back) <= newest) {
            let Some(item) = kind.record(back) else { break };
            let numbered = self.numbered(asker, item, back).await?;
            record.ok &= numbered.trouble.is_none();
            record.records.push(numbered);
        }
        Ok(record)
    }

    async fn numbered(&self, asker: &mut Asker, item: DataId, back: u8) -> Result<Numbered, CliError> {
        let told = asker.ask(tolerant(self.meter, item)).await?;
        let mut numbered = Numbered {
            back,
            di: item.to_string(),
            ended_at: None,
            record: None,
            trouble: Trouble::of(&told.outcome),
        };
        if let Outcome::Answered(answer) = &told.outcome {
            numbered.ended_at = count::end(item, answer.payload());
            let shown = explain::data(item, answer.payload());
            numbered.record = shown.records.into_iter().next();
            if numbered.record.is_none() {
                // A layout that is not known, or a length that is not the standard's.
                let en =
                    shown.notes.first().map_or("the record has a form of this maker's own", |note| &note.en);
                numbered.trouble = Some(Trouble::new(en, "记录格式非标准"));
            }
        }
        Ok(numbered)
    }

    fn print(&self, out: &mut impl Write, record: &Record) -> Result<(), CliError> {
        if self.ask.json {
            return super::write_json(out, record);
        }
        let Record { kind, kind_zh, .. } = record;
        let Some(count) = record.count.filter(|count| *count > 0) else { return Ok(()) };
        let minutes = record.minutes.map(|minutes| format!(", {minutes} min in all  累计{minutes}分钟"));
        let times = if count == 1 { "once".to_owned() } else { format!("{count} times") };
        writeln!(out, "{kind}  {kind_zh}: {times}  {count}次{}", minutes.unwrap_or_default())?;
        for Numbered { back, di, ended_at, record, trouble } in &record.records {
            if let Some(Trouble { en, zh }) = trouble {
                writeln!(out, "  {back:>2}  {di}: {en}  {zh}")?;
            }
            let Some(record) = record else { continue };
            let at = record.at.as_deref().unwrap_or("without a time  无时间");
            let end = ended_at.as_ref().map(|end| format!(" to {end}")).unwrap_or_default();
            writeln!(out, "  {back:>2}  {at}{end}")?;
            if self.full {
                record.values.iter().try_for_each(|value| show::value(out, value, "        "))?;
            }
        }
        Ok(())
    }
}

/// What came of all kinds.
#[derive(Default)]
struct Tally {
    happened: usize,
    never: usize,
    /// The meter does not have them.
    absent: usize,
    failed: usize,
}

impl Tally {
    const fn add(&mut self, record: &Record) {
        match (record.count, &record.trouble) {
            (Some(1..), _) => self.happened += 1,
            (_, None) => self.never += 1,
            (_, Some(_)) => self.absent += 1,
        }
        if record.trouble.is_none() && !record.ok {
            self.failed += 1;
        }
    }

    fn conclude(&self, json: bool) -> Result<(), CliError> {
        let Self { happened, never, absent, failed } = self;
        if !json {
            super::talk(&format!(
                "{happened} kinds of events happened, {never} never did, {absent} the meter does not have or did not answer  \
                 发生{happened}类，未发生{never}类，电表不支持或未应答{absent}类"
            ));
        }
        if *failed > 0 {
            return Err(CliError::Failed(format!(
                "records of {failed} kinds were not read  {failed}类记录未读全"
            )));
        }
        if happened + never == 0 {
            return Err(CliError::Failed("the meter gave no count of any event  未读到任何事件次数".into()));
        }
        Ok(())
    }
}

/// What every meter has.
const ENERGY: DataId = DataId::new_2007(0x0001_0000);
