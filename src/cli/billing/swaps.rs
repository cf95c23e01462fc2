//! `chaobiao billing swaps`: exchanges of meters as they were proposed and confirmed (换表), each a dated pair.

use std::io::Write;

use clap::Args;

use super::show;
use crate::cli::database::{Found, Place, store_error};
use crate::cli::{CliError, talk, write_json};
use crate::domain::proposal::{Change, MeterExchange, Proposal, ProposalState, Shown};
use crate::domain::{Coded, Item, Moment};
use crate::http::api::proposal_shown;
use crate::store::{Migrations, Store};

#[derive(Debug, Args)]
#[command(
    after_help = "An exchange counts once another person has confirmed it: state confirmed. The register of the meter taken out \
ends there and that of the meter put in begins, so that a day with an exchange is billed of both.\n\n\
Exit code: 0 listed, 1 not, 2 wrong usage or configuration.\n\n\
Examples: chaobiao billing swaps -c chaobiao.toml        chaobiao billing swaps --point P000000001 --json"
)]
pub(super) struct Swaps {
    #[command(flatten)]
    place: Place,
    /// Only this metering point
    #[arg(long, value_name = "NUMBER")]
    point: Option<String>,
    /// How many
    #[arg(long, default_value_t = 100)]
    most: usize,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

impl Swaps {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let store = Found::open(&self.place.there()?, Migrations::Check).await?;
        let found = self.found(&store).await;
        store.close().await;
        let found = found?;
        if self.json {
            return found.into_iter().try_for_each(|swap| write_json(out, &proposal_shown(swap)));
        }
        let head = [
            ["proposal", "point", "taken out", "put in", "at", "last shown", "first shown", "state", "by"],
            ["变更", "计量点", "旧表", "新表", "换表时间", "拆除示数", "新表起度", "状态", "确认人"],
        ];
        show::write_rows(out, &head, found.iter().filter_map(cells))?;
        out.flush()?;
        let count = found.len();
        talk(&format!("{count} exchanges of meters  共 {count} 次换表"));
        Ok(())
    }

    /// The newest first.
    async fn found(&self, store: &Store) -> Result<Vec<Proposal>, CliError> {
        let (mut found, mut before) = (Vec::new(), i64::MAX);
        loop {
            let page = store.proposals(false, before, PORTION).await.map_err(|error| store_error(&error))?;
            let is_last = page.len() < usize::try_from(PORTION).unwrap_or(usize::MAX);
            before = page.iter().map(|proposal| proposal.id.number()).min().unwrap_or(before);
            let is_wanted = |proposal: &Proposal| match &proposal.change {
                Change::ExchangeMeter(swap) => self.point.as_ref().is_none_or(|point| *point == swap.point),
                _ => false,
            };
            found.extend(page.into_iter().filter(is_wanted));
            if is_last || found.len() >= self.most {
                found.truncate(self.most);
                return Ok(found);
            }
        }
    }
}

fn cells(proposal: &Proposal) -> Option<[String; 9]> {
    let Change::ExchangeMeter(swap) = &proposal.change else { return None };
    let MeterExchange { point, removed, installed, at, closing, opening, .. } = swap;
    Some([
        proposal.id.to_string(),
        point.clone(),
        removed.clone(),
        installed.clone(),
        Moment::from_micros(*at).in_china().to_string(),
        shown(closing),
        shown(opening),
        state(proposal.state),
        proposal.decided_as.clone().unwrap_or_else(|| "-".to_owned()),
    ])
}

/// The register that is billed, of those that were written down.
fn shown(registers: &[Shown]) -> String {
    let total = registers.iter().find_map(|shown| {
        let item = Item::parse(shown.item.strip_prefix("1-0:").unwrap_or(&shown.item))?;
        (item.code().to_string() == TOTAL).then(|| format!("{} {}", item.quantity(shown.value), item.unit()))
    });
    total.unwrap_or_else(|| "-".to_owned())
}

fn state(state: ProposalState) -> String {
    let zh = match state {
        ProposalState::Open => "待确认",
        ProposalState::Confirmed => "已确认",
        ProposalState::Refused => "已拒绝",
        ProposalState::Withdrawn => "已撤回",
    };
    format!("{} {zh}", state.name())
}

/// Forward active energy, all tariffs.
const TOTAL: &str = "1-0:1.8.0";

/// How many proposals are looked through at once.
const PORTION: u32 = 200;
