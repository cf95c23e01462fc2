//! `chaobiao read --profile`: the registers of one Modbus meter, by its map.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use dlt645::address::{MeterAddress, Target};
use dlt645::explain::{Shown, ShownValue};
use serde::Serialize;

use super::super::line::PLAIN;
use super::super::registers::{How, RegisterLine};
use super::super::trouble::Trouble;
use super::super::{CliError, config, write_json};
use super::{Read, not_read};
use crate::channel::{RegisterOutcome, RegisterQuestion};
use crate::cli::decode::show;
use crate::config::profile::{MeterProfile, Profiles, Span};
use crate::config::{Framing, Pace};
use crate::domain::modbus::{NoNumber, unit_of};
use crate::domain::{Item, MeterProtocol};
use crate::link::Rate;

/// What one question for registers brought, as it is printed.
#[derive(Debug, Serialize)]
struct Record {
    meter: String,
    unit: u8,
    /// Function, first register and how many.
    registers: String,
    ok: bool,
    #[serde(flatten)]
    shown: Shown,
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_zh: Option<String>,
    attempts: u32,
    duration_ms: u64,
}

impl Read {
    /// Reads the registers of the map in this file.
    pub(super) async fn registers(&self, out: &mut impl Write, file: &Path) -> Result<(), CliError> {
        let profile = register_map(file)?;
        let address = self.modbus_address()?;
        let wanted = self.wanted(&profile)?;
        let spans = profile.map.spans(|item| wanted.is_empty() || wanted.contains(&item));
        let usual =
            Rate { baud: profile.baud.unwrap_or(PLAIN.baud), parity: profile.parity.unwrap_or(PLAIN.parity) };
        let rate = self.ask.rate(usual);
        let pace = Pace {
            baud: rate.baud,
            parity: rate.parity,
            quiet_after_answer: Duration::ZERO,
            path_delay: Duration::ZERO,
        };
        let mut timing = profile.timing(pace, Some(rate.baud));
        timing.answer_limit += self.ask.timeout.saturating_sub(timing.first_byte);
        timing.first_byte = self.ask.timeout;
        timing.td_max = timing.td_max.min(self.ask.timeout);
        let framing = self.framing.map_or(Framing::Bus, Framing::from);
        let line = RegisterLine::open(self.ask.path().place(rate), framing, self.ask.trace).await?;
        let how = How { rate: None, timing, retries: self.ask.retries };
        let read = self.ask_all(out, (&line, how), address, &spans, &wanted).await;
        line.close().await;
        not_read(read?, spans.len())
    }

    /// Asks span by span; says how many were not read.
    async fn ask_all(
        &self,
        out: &mut impl Write,
        (line, how): (&RegisterLine, How),
        address: MeterAddress,
        spans: &[Span],
        wanted: &[Item],
    ) -> Result<usize, CliError> {
        let mut unanswered = 0;
        for span in spans {
            let question = RegisterQuestion::new(address, span.table, span.start, span.count);
            let question = question.ok_or_else(no_unit)?;
            let (outcome, attempts) = line.ask(question, how).await?;
            let record = record(question, address, span, wanted, &outcome, attempts);
            unanswered += usize::from(!record.ok);
            if self.ask.json {
                write_json(out, &record)?;
            } else {
                print(out, &record)?;
            }
            out.flush()?;
        }
        Ok(unanswered)
    }

    fn modbus_address(&self) -> Result<MeterAddress, CliError> {
        match self.meter {
            Target::Meter(address) if unit_of(address).is_some() => Ok(address),
            _ => Err(no_unit()),
        }
    }

    /// The items that were named.
    fn wanted(&self, profile: &MeterProfile) -> Result<Vec<Item>, CliError> {
        let item = |text: &String| {
            Item::parse(text).filter(|item| profile.map.row(*item).is_some()).ok_or_else(|| {
                let has: Vec<String> = profile.map.rows().map(|row| row.item.code().to_string()).collect();
                CliError::Usage(format!(
                    "{text} is not in the register map {0}, which has {1}  寄存器表 {0} 中没有 {text}",
                    profile.name,
                    has.join(", ")
                ))
            })
        };
        self.items.iter().map(item).collect()
    }
}

fn no_unit() -> CliError {
    CliError::Usage(
        "--meter: the last three digits of a Modbus meter are its unit number, 001 to 247  \
         Modbus 表地址的末三位为单元号，001 至 247"
            .into(),
    )
}

/// The profile in a file, which has to be a register map.
fn register_map(file: &Path) -> Result<MeterProfile, CliError> {
    let profile = Profiles::of_file(file).map_err(|error| config::config_error(&error))?;
    if profile.protocol == MeterProtocol::Modbus {
        return Ok(profile);
    }
    Err(CliError::Usage(format!(
        "{0}: expected a register map, protocol = \"modbus\"; meters of DL/T 645 are read without --profile  \
         {0} 不是 Modbus 寄存器表",
        file.display()
    )))
}

fn record(
    question: RegisterQuestion,
    address: MeterAddress,
    span: &Span,
    wanted: &[Item],
    outcome: &RegisterOutcome,
    attempts: u32,
) -> Record {
    let trouble = trouble(outcome, attempts);
    let shown = match outcome {
        RegisterOutcome::Answered(registers) => values(span, wanted, &registers.words),
        _ => Shown::default(),
    };
    Record {
        meter: address.to_string(),
        unit: question.unit(),
        registers: question.to_string(),
        ok: trouble.is_none() && shown.values.iter().all(|value| value.value.is_some()),
        shown,
        error: trouble.as_ref().map(|trouble| trouble.en.clone()),
        error_zh: trouble.map(|trouble| trouble.zh),
        attempts,
        duration_ms: u64::try_from(outcome.report().duration().as_millis()).unwrap_or(u64::MAX),
    }
}

fn trouble(outcome: &RegisterOutcome, attempts: u32) -> Option<Trouble> {
    Some(match outcome {
        RegisterOutcome::Answered(_) => return None,
        RegisterOutcome::Refused { refusal, .. } => {
            Trouble::new(format!("refused: {refusal}"), format!("拒绝: {}", refusal.words_zh()))
        }
        RegisterOutcome::Silent(_) => Trouble::new(
            format!("no answer in {attempts} attempts: look at unit number, rate and parity"),
            "无应答，请检查单元号、速率和校验",
        ),
        RegisterOutcome::NotAsked(_, wait) => Trouble::new(
            format!(
                "no answer in {attempts} attempts: look at unit number, rate and parity; one that has neither function 01 nor 02 \
                 may be asked again in {} s",
                wait.as_secs() + 1
            ),
            "无应答，请检查单元号、速率和校验；不支持功能码 01、02 的表请一分钟后再试",
        ),
        RegisterOutcome::NotSent(_) => Trouble::new("nothing was sent: the line failed", "未发送：线路故障"),
    })
}

/// The items of a span with their values.
fn values(span: &Span, wanted: &[Item], words: &[u16]) -> Shown {
    let rows = span.rows.iter().filter(|row| wanted.is_empty() || wanted.contains(&row.item));
    let value = |item: Item, words: &[u16], decoded: Result<i64, NoNumber>| {
        let absent = decoded.err().map(why);
        let raw: String = words.iter().map(|word| format!("{word:04x}")).collect();
        ShownValue {
            name: item.name_en(),
            name_zh: item.name_zh(),
            value: decoded.ok().map(|value| item.quantity(value).to_string()),
            unit: Some(item.unit()).filter(|unit| !unit.is_empty()),
            item: Some(item.code().to_string()),
            raw: absent.map(|_| raw),
            absent: absent.map(|(en, _)| en),
            absent_zh: absent.map(|(_, zh)| zh),
            ..ShownValue::default()
        }
    };
    let values = rows.map(|row| {
        let words = span.words(row, words);
        value(row.item, words, row.form.decode(words, row.item))
    });
    Shown { values: values.collect(), ..Shown::default() }
}

/// Why registers give no value.
const fn why(why: NoNumber) -> (&'static str, &'static str) {
    match why {
        NoNumber::Absent => ("the meter has no value", "电表无数据"),
        NoNumber::NoDigits => ("a digit above nine", "含大于 9 的数字"),
        NoNumber::Negative => ("a register below zero", "示值小于零"),
        NoNumber::TooFine => ("more decimals than the item keeps", "小数位数超出该量所保留的位数"),
        NoNumber::TooLarge => ("too large", "数值过大"),
        NoNumber::Cut => ("not the registers that it takes", "寄存器数量不符"),
    }
}

fn print(out: &mut impl Write, record: &Record) -> Result<(), CliError> {
    if let Some(error) = &record.error {
        let zh = record.error_zh.as_deref().unwrap_or_default();
        writeln!(out, "{}  {}  {error}  {zh}", record.meter, record.registers)?;
        return Ok(());
    }
    writeln!(out, "{}  {}", record.meter, record.registers)?;
    show::shown(out, &record.shown, "  ")?;
    Ok(())
}
