//! `chaobiao billing status` and `retry`: how each receiver is, and what it refused offered again.

use std::io::Write;

use clap::Args;
use serde::Serialize;

use super::show;
use crate::cli::database::{Found, Place, store_error};
use crate::cli::who::Who;
use crate::cli::{CliError, talk, write_json};
use crate::clock::Clock;
use crate::config::{Config, ReceiverWay};
use crate::domain::access::Action;
use crate::store::Migrations;
use crate::store::billing::{ReceiverStatus, RetryKeys};

#[derive(Debug, Args)]
#[command(
    after_help = "A receiver that waits is offered its values again by `serve`, by itself, after a wait that doubles \
up to billing.retry_most. What it refused waits for a person: see why with `billing list`, put it right there or here, then \
`billing retry`.\n\n\
Exit code: 0 told, 1 not, 2 wrong usage or configuration.\n\n\
Examples: chaobiao billing status -c chaobiao.toml        chaobiao billing status --json"
)]
pub(super) struct Status {
    #[command(flatten)]
    place: Place,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "What is offered again has the same key and the same content as before; what was taken is never \
offered again. It is entered in the audit log. Operators may do it here, approvers in the console.\n\n\
Exit code: 0 done, also where nothing was refused, 1 not done, 2 wrong usage or configuration.\n\n\
Examples: chaobiao billing retry marketing --as li --password-file password.txt -c chaobiao.toml\n          \
chaobiao billing retry marketing --key register/P1/1-0:1.8.0/2026-11-21T00:00:00+08:00/1 --as li"
)]
pub(super) struct Retry {
    /// The receiver, as `billing status` names it
    receiver: String,
    /// Only this key, as `billing list --json` shows it
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct Piece<'a> {
    receiver: &'a str,
    kind: &'a str,
    is_configured: bool,
    waiting: u64,
    delivered: u64,
    superseded: u64,
    refused: u64,
    oldest_waiting: Option<String>,
    last_success: Option<String>,
    last_error_at: Option<String>,
    last_error: Option<&'a str>,
}

impl Status {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let found = self.place.there()?;
        let store = Found::open(&found, Migrations::Check).await?;
        let known = store.receiver_statuses().await;
        store.close().await;
        let mut known = known.map_err(|error| store_error(&error))?;
        if let Some(config) = &found.config {
            add_unused(&mut known, config);
        }
        if self.json {
            known.iter().try_for_each(|status| write_json(out, &Piece::of(status)))?;
        } else {
            let head = [
                [
                    "receiver",
                    "kind",
                    "waiting",
                    "delivered",
                    "refused",
                    "oldest",
                    "last taken",
                    "last trouble",
                ],
                ["接收方", "方式", "等待", "已送达", "被拒收", "最早等待日", "最近送达", "最近问题"],
            ];
            show::write_rows(out, &head, known.iter().map(cells))?;
        }
        let refused: u64 = known.iter().map(|status| status.parked).sum();
        if refused > 0 {
            talk(&format!("{refused} refused values wait for a person  有 {refused} 条被拒收，等待处理"));
        }
        Ok(())
    }
}

/// Those that a configuration names and `serve` has not met yet.
fn add_unused(known: &mut Vec<ReceiverStatus>, config: &Config) {
    for receiver in &config.receivers {
        if known.iter().all(|status| status.name != receiver.name) {
            let kind = match receiver.way {
                ReceiverWay::Http(_) => "http",
                ReceiverWay::Csv { .. } => "csv",
            };
            known.push(ReceiverStatus::unused(&receiver.name, kind));
        }
    }
}

impl<'a> Piece<'a> {
    fn of(status: &'a ReceiverStatus) -> Self {
        Self {
            receiver: &status.name,
            kind: &status.kind,
            is_configured: status.is_configured,
            waiting: status.waiting,
            delivered: status.delivered,
            superseded: status.superseded,
            refused: status.parked,
            oldest_waiting: status.oldest_waiting.map(|day| day.to_string()),
            last_success: status.last_success.map(|at| at.to_string()),
            last_error_at: status.last_error.as_ref().map(|(at, _)| at.to_string()),
            last_error: status.last_error.as_ref().map(|(_, error)| error.as_str()),
        }
    }
}

fn cells(status: &ReceiverStatus) -> [String; 8] {
    let none = || "-".to_owned();
    let left_out = if status.is_configured { "" } else { " (not configured 未配置)" };
    [
        status.name.clone(),
        format!("{}{left_out}", status.kind),
        status.waiting.to_string(),
        status.delivered.to_string(),
        status.parked.to_string(),
        status.oldest_waiting.map_or_else(none, |day| day.to_string()),
        status.last_success.map_or_else(none, |at| at.in_china().to_string()),
        status.last_error.as_ref().map_or_else(none, |(at, error)| format!("{} {error}", at.in_china())),
    ]
}

impl Retry {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let store = self.place.there()?.open(Migrations::Check).await?;
        let done = async {
            let acting = self.who.allowed(&store, Action::RetryPushes).await?;
            let failed = |error| store_error(&error);
            let receiver = &self.receiver;
            if store.receiver_statuses().await.map_err(failed)?.iter().all(|known| known.name != *receiver) {
                return Err(CliError::Unknown(format!(
                    "there is no receiver {receiver}; see `billing status`  没有接收方 {receiver}"
                )));
            }
            let keys = self.key.as_deref().map_or(RetryKeys::All, RetryKeys::One);
            store.retry_parked(receiver, keys, &acting, Clock::system().now()).await.map_err(failed)
        };
        let done = done.await;
        store.close().await;
        let count = done?;
        writeln!(out, "{count} refused values will be offered again  {count} 条被拒收的数据将重新推送")?;
        Ok(())
    }
}
