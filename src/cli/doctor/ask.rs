//! Asks some meters of each line for their energy: whether they answer, how soon, and whether the adapter returns what is sent.
//! Opening a port can move its signals and a question takes the line, so this is done only when it is asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use dlt645::data_id::DataId;
use dlt645::exchange::{Timing, Unfit};

use super::super::asker::tolerant;
use super::super::trouble::Trouble;
use super::super::with_causes;
use super::finding::{Finding, Level};
use crate::channel::{Speaker, Timer, Told};
use crate::config::{Config, Line, pace_of};
use crate::domain::{MeterPath, MeterProtocol};
use crate::link::{Dialler, Gate, Link};
use crate::store::archive::SiteMeter;
use crate::store::{Address, Migrations, Store};

/// What was found on the lines that we dial.
pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let sites = match installed(config).await {
        Ok(sites) => sites,
        Err(finding) => return vec![finding],
    };
    let mut found = Vec::new();
    for line in &config.lines {
        let Some(dialler) = Dialler::of(line) else { continue };
        // It has been told who has it.
        if super::lines::lent(&line.name, line).await.is_some() {
            continue;
        }
        found.extend(on_line(config, line, dialler, &sites).await);
    }
    found
}

/// The meters of the archive.
async fn installed(config: &Config) -> Result<Vec<SiteMeter>, Finding> {
    const TO_DO: &str = "import the archive first: chaobiao meters import  请先导入档案";
    let address = Address::from(&config.database.place);
    if matches!(&address, Address::Sqlite(file) if !file.exists()) {
        let text = "without an archive nobody knows whom to ask on the lines";
        return Err(Finding::new(Level::Note, "lines", text, "尚无档案，无法询问电表").doing(TO_DO));
    }
    let failed = |error| {
        let text = format!("the archive cannot be read: {}", with_causes(&error));
        Finding::fail("lines", text, "档案无法读取")
    };
    let store = Store::open(&address, Migrations::Check).await.map_err(failed)?;
    let sites = store.site_meters().await;
    store.close().await;
    sites.map_err(failed)
}

async fn on_line(config: &Config, line: &Line, mut dialler: Dialler, sites: &[SiteMeter]) -> Vec<Finding> {
    let of = format!("line {}", line.name);
    let is_here = |site: &&SiteMeter| match &site.meter.path {
        MeterPath::Line { line: own, .. } => {
            *own == line.name && site.meter.protocol != MeterProtocol::Modbus
        }
        MeterPath::Terminal { .. } => false,
    };
    let asked: Vec<&SiteMeter> = sites.iter().filter(is_here).take(MOST).collect();
    if asked.is_empty() {
        let text = "the archive has no meter on it that could be asked";
        return vec![Finding::new(Level::Note, &of, text, "档案中该线路无可询问的电表")];
    }
    let mut link = match dialler.dial().await {
        Ok(link) => link,
        Err(error) => return vec![Finding::fail(&of, error.with_causes(), "线路无法打开")],
    };
    let mut heard = Heard::default();
    for site in asked {
        let Some(timing) = timing(config, site) else { continue };
        let id = if site.meter.protocol == MeterProtocol::Dlt1997 { ENERGY_1997 } else { ENERGY };
        let speaker =
            Speaker { link: &mut link, gate: Gate::READS, tap: &mut (), timer: &mut Timer::default() };
        let told = speaker.converse(&tolerant(site.meter.address, id), timing, &|| true).await;
        let is_lost = told.failure.is_some();
        heard.take(site, &told);
        if is_lost {
            match dialler.dial().await {
                Ok(opened) => link = opened,
                Err(_) => break,
            }
        }
    }
    heard.findings(&of, &link)
}

fn timing(config: &Config, site: &SiteMeter) -> Option<Timing> {
    let MeterPath::Line { baud, .. } = &site.meter.path else { return None };
    let profile = config.profiles.of(site.meter.profile.as_deref(), site.meter.protocol)?;
    Some(profile.timing(pace_of(&config.lines, &site.meter.path)?, *baud))
}

/// What the meters of a line said.
#[derive(Debug, Default)]
struct Heard {
    /// From the end of each question to the first byte of its answer.
    delays: Vec<Duration>,
    /// Who did not answer, and what was heard instead.
    silent: BTreeMap<String, Trouble>,
    echoes: u32,
    /// Broken frames and bytes that belong to no frame.
    broken: u64,
    noise: u64,
}

impl Heard {
    fn take(&mut self, site: &SiteMeter, told: &Told) {
        match Trouble::of(&told.outcome) {
            None => self.delays.extend(told.answer_delay),
            Some(trouble) => drop(self.silent.insert(site.meter.address.to_string(), trouble)),
        }
        let dropped = told.counters.dropped;
        self.echoes += told.counters.of(Unfit::Echo);
        self.broken += dropped.bad_checksums + dropped.bad_ends + dropped.cut_short;
        self.noise += dropped.noise_bytes;
    }

    fn findings(mut self, of: &str, link: &Link) -> Vec<Finding> {
        let mut found = Vec::new();
        self.delays.sort_unstable();
        let asked = self.delays.len() + self.silent.len();
        let answered = self.delays.len();
        if let (Some(least), Some(most)) = (self.delays.first(), self.delays.last()) {
            let (least, most) = (least.as_millis(), most.as_millis());
            let (to, to_zh) = if least == most {
                (String::new(), String::new())
            } else {
                (format!(" to {most}"), format!(" 至 {most}"))
            };
            let text =
                format!("{answered} of {asked} meters asked answered, the first byte after {least}{to} ms");
            let zh = format!("询问 {asked} 块表，{answered} 块应答，首字节延时 {least}{to_zh} 毫秒");
            found.push(Finding::ok(of, text, zh));
        }
        let is_all = answered == 0;
        for (address, trouble) in self.silent {
            let (text, zh) =
                (format!("meter {address}: {}", trouble.en), format!("表 {address}：{}", trouble.zh));
            found.push(if is_all {
                Finding::fail(of, text, zh)
                    .doing("look at wires A and B, speed and parity, and the address  检查 A/B 接线、波特率、校验与表地址")
            } else {
                Finding::warn(of, text, zh).doing("look at its wires and its address  检查该表接线与地址")
            });
        }
        if self.echoes > 0 {
            let text = "the adapter returns what is sent (echo); that is told apart from answers and dropped";
            found.push(Finding::new(Level::Note, of, text, "转换器有回显，已识别并丢弃"));
        }
        if self.broken + self.noise > 0 && !link.numbers_answers() {
            let text =
                format!("{} broken frames and {} stray bytes in {asked} questions", self.broken, self.noise);
            found.push(
                Finding::warn(of, text, format!("{asked} 次询问中有残帧 {}、杂散字节 {}", self.broken, self.noise))
                    .doing("look at terminating resistors, shield and joints of the bus  检查总线终端电阻、屏蔽与接头"),
            );
        }
        found
    }
}

/// So many meters of a line are asked.
const MOST: usize = 3;
const ENERGY: DataId = DataId::new_2007(0x0001_0000);
const ENERGY_1997: DataId = DataId::new_1997(0x9010);
