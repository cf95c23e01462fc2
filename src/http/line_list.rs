//! The lines and terminals that somebody sees, as they stand: for the page of lines and for the API.

use gdw1376::address::TerminalAddress;

use super::Services;
use super::figures::LinesSeen;
use crate::channel::{ChannelHandle, Lane, LinePhase, Tally};
use crate::collect::forecasts;
use crate::domain::Moment;
use crate::domain::access::Regions;
use crate::store::StoreError;
use crate::terminal::{TerminalStatus, Terminals};

/// How a line stands.
#[derive(Clone, Debug)]
pub struct LineLine {
    /// Its name.
    pub name: String,
    /// Whether it is a terminal and no line of the configuration.
    pub is_terminal: bool,
    /// Meters on it.
    pub meters: u64,
    /// What it is about, and for how many seconds; `None` for a line that is archived and not configured, and for a terminal
    /// that is not on line.
    pub phase: Option<(LinePhase, u64)>,
    /// When a terminal was last heard.
    pub heard_at: Option<Moment>,
    /// How many jobs wait in each lane.
    pub depths: [usize; Lane::ALL.len()],
    /// The lane that is being asked.
    pub asking: Option<Lane>,
    /// What it has seen.
    pub tally: Tally,
    /// The share of its night that its schedule fills, in percent.
    pub budget: Option<u64>,
}

/// Lines and terminals that somebody sees.
#[derive(Clone, Debug)]
pub(super) struct LineList {
    /// In no order.
    pub(super) lines: Vec<LineLine>,
    /// How many terminals are known.
    pub(super) terminals: usize,
}

impl LineList {
    /// Those that these regions see, with the meters that they see.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub(super) async fn of(services: &Services, regions: &Regions) -> Result<Self, StoreError> {
        let counted = services.store.meters_by_line(regions).await?;
        let seen = LinesSeen::of(services, regions).await?;
        let mut budgets = Vec::new();
        if let Some(rules) = &services.rules {
            budgets = forecasts(&rules.collection, &services.store.site_meters().await?);
        }
        let budget = |name: &str| {
            let forecast = budgets.iter().find(|(line, _)| line == name);
            forecast.map(|(_, forecast)| forecast.percent())
        };
        let meters = |name: &str| {
            let of_line = counted.iter().find(|(line, ..)| line == name);
            of_line.map_or(0, |(.., meters)| *meters)
        };
        let served = services.lines.iter().filter(|line| seen.hold(line.name()));
        let mut lines: Vec<LineLine> =
            served.map(|line| line_of(&line, meters(line.name()), budget(line.name()))).collect();
        let mut known = services.store.known_terminals().await?;
        known.retain(|address| seen.hold(&address.to_string()));
        add_terminals(services, &mut lines, &known, meters);
        let is_configured = |name: &str| services.lines.get(name).is_some();
        let others = counted.iter().filter(|(name, is_terminal, _)| !is_terminal && !is_configured(name));
        lines.extend(others.map(|(name, _, meters)| LineLine::without_way(name, *meters)));
        Ok(Self { lines, terminals: known.len() })
    }
}

/// Terminals that are known, and what is known of those that were on line.
fn add_terminals(
    services: &Services,
    lines: &mut Vec<LineLine>,
    known: &[TerminalAddress],
    meters: impl Fn(&str) -> u64,
) {
    for address in known {
        // One that has no session has no line.
        let name = address.to_string();
        if lines.iter().all(|line| line.name != name) {
            let meters = meters(&name);
            lines.push(LineLine { is_terminal: true, ..LineLine::without_way(&name, meters) });
        }
    }
    let terminals = services.terminals.as_ref().map(Terminals::all).unwrap_or_default();
    for line in lines {
        let is_it = |status: &&TerminalStatus| status.address.to_string() == line.name;
        let Some(status) = terminals.iter().find(is_it) else { continue };
        line.is_terminal = true;
        line.heard_at = status.last_heard_at;
        let (exchanges, answered, silent) = (status.requests, status.answers, status.silent);
        line.tally = Tally { exchanges, answered, silent, ..line.tally };
    }
}

impl LineLine {
    /// What has meters and nothing that leads there now.
    fn without_way(name: &str, meters: u64) -> Self {
        Self {
            name: name.to_owned(),
            is_terminal: false,
            meters,
            phase: None,
            heard_at: None,
            depths: Default::default(),
            asking: None,
            tally: Tally::default(),
            budget: None,
        }
    }
}

fn line_of(line: &ChannelHandle, meters: u64, budget: Option<u64>) -> LineLine {
    let status = line.status();
    LineLine {
        name: line.name().to_owned(),
        is_terminal: false,
        meters,
        phase: Some((status.phase, status.since.elapsed().as_secs())),
        heard_at: None,
        depths: status.depths,
        asking: status.asking,
        tally: status.tally,
        budget,
    }
}
