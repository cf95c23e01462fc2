//! What a night brought, for a person to check.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::CliError;
use crate::app::HandedOff;
use crate::collect::NightReport;
use crate::domain::{Coded, MissingCause, RunOutcome, detail_zh};
use crate::store::{Store, StoreError};

/// What a night brought.
#[derive(Debug)]
pub(super) struct Summary {
    pub(super) day: String,
    pub(super) planned: u32,
    pub(super) read: u32,
    /// Address, cause, and what more is to be said.
    pub(super) missing: Vec<(String, MissingCause, String)>,
    /// Register reads in the ledger that count, and values of curves.
    pub(super) registers: u64,
    pub(super) slots: u64,
    /// Meters whose midnight stands on a live read.
    pub(super) live: u64,
    /// Slots of the curves of the day before that are missing.
    pub(super) holes: u64,
    pub(super) handed: HandedOff,
    pub(super) took: Duration,
    /// Which share of what the wire allows was used, in tenths of a percent.
    pub(super) wire_share: Option<u64>,
}

impl Summary {
    pub(super) async fn of(store: &Store, report: &NightReport, took: Duration) -> Result<Self, StoreError> {
        let sites = store.site_meters().await?;
        let name = |meter| {
            let site = sites.iter().find(|site| site.meter_id == meter);
            site.map_or_else(|| format!("{meter}"), |site| site.meter.address.to_string())
        };
        let outcomes = store.run_meters(report.run.id).await?;
        let mut missing = Vec::new();
        let mut holes = 0;
        for meter in &outcomes {
            if let RunOutcome::Missing(cause) = meter.outcome {
                missing.push((name(meter.meter), cause, meter.detail.clone().unwrap_or_default()));
            }
            holes += meter.holes.map_or(0, |(count, _)| u64::from(count));
        }
        Ok(Self {
            day: report.run.day.to_string(),
            planned: report.run.planned,
            read: report.progress.read,
            missing,
            registers: store.count_registers(report.run.started_at).await?,
            slots: report.progress.slots,
            live: store.count_live(report.run.started_at).await?,
            holes,
            handed: HandedOff::default(),
            took,
            wire_share: None,
        })
    }

    /// `config` is the one to be named where more is to be asked.
    pub(super) fn print(
        &self,
        out: &mut impl Write,
        as_json: bool,
        config: Option<&Path>,
    ) -> Result<(), CliError> {
        if as_json {
            return super::write_json(out, &self.json());
        }
        let line = |out: &mut dyn Write, name: &str, zh: &str, value: String| {
            let gap = " ".repeat(WIDTH.saturating_sub(name.len() + 2 * zh.chars().count() + 2));
            writeln!(out, "{name}  {zh}{gap}{value}")
        };
        let seconds = format!("{}.{} s", self.took.as_secs(), self.took.subsec_millis() / 100);
        line(out, "night of", "抄表日", self.day.clone())?;
        line(out, "meters planned", "应抄", self.planned.to_string())?;
        line(out, "meters read", "实抄", self.read.to_string())?;
        line(out, "meters missing", "漏抄", self.missing.len().to_string())?;
        for (address, cause, detail) in self.missing.iter().take(MOST) {
            let (name, zh) = (cause.name(), cause.name_zh());
            writeln!(out, "    {address}  {name}  {detail}  {zh}  {}", detail_zh(detail))?;
        }
        if self.missing.len() > MOST {
            writeln!(
                out,
                "    and {} more  其余 {} 块略",
                self.missing.len() - MOST,
                self.missing.len() - MOST
            )?;
        }
        line(out, "register reads stored", "入库示值", self.registers.to_string())?;
        if self.live > 0 {
            let plural = if self.live == 1 { "" } else { "s" };
            let live = format!(
                "{} meter{plural} without a midnight freeze that counts: clock wrong or no freeze",
                self.live
            );
            line(out, "read live instead", "以实时值代替", live)?;
        }
        let slots = match self.holes {
            0 => self.slots.to_string(),
            holes => format!("{}, {holes} missing  缺 {holes} 点", self.slots),
        };
        line(out, "curve points stored", "入库曲线点", slots)?;
        let HandedOff { registers, consumptions, open, delivered } = self.handed;
        let billed = format!("{delivered} ({registers} registers, {consumptions} daily consumptions)");
        line(out, "billing rows pushed", "移交核算", billed)?;
        if open > 0 {
            let config = config.map(|config| format!(" -c {}", config.display())).unwrap_or_default();
            let open = format!("{open}, why  原因: chaobiao billing list --open{config}");
            line(out, "daily consumptions open", "电量待定", open)?;
        }
        line(out, "seconds", "用时", seconds)?;
        if let Some(share) = self.wire_share {
            line(out, "share of the wire limit", "线路利用率", format!("{}.{} %", share / 10, share % 10))?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        let missing: Vec<_> = self
            .missing
            .iter()
            .map(|(address, cause, detail)| {
                json!({"meter": address, "cause": cause.name(), "cause_zh": cause.name_zh(), "detail": detail, "detail_zh": detail_zh(detail)})
            })
            .collect();
        json!({
            "day": self.day,
            "planned": self.planned,
            "read": self.read,
            "missing": missing,
            "registers_stored": self.registers,
            "meters_read_live": self.live,
            "curve_points_stored": self.slots,
            "curve_points_missing": self.holes,
            "billing_pushed": self.handed.delivered,
            "billing_registers": self.handed.registers,
            "billing_consumptions": self.handed.consumptions,
            "billing_open": self.handed.open,
            "duration_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "wire_share": self.wire_share.map(|share| format!("{}.{:03}", share / 1000, share % 1000)),
        })
    }
}

/// Where values stand.
const WIDTH: usize = 40;
/// How many missing meters are listed.
const MOST: usize = 20;
