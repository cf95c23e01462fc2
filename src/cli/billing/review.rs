//! `chaobiao billing review`: suspect values that wait for a person (复核), and what somebody proposes to become of them.

use std::io::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::show;
use crate::cli::database::{Found, Place, store_error};
use crate::cli::who::Who;
use crate::cli::{CliError, talk, write_json};
use crate::clock::Clock;
use crate::domain::access::{Action, Regions};
use crate::domain::proposal::{Change, ReviewDecision};
use crate::domain::{Coded, Item};
use crate::http::api::review_shown;
use crate::store::view::ReviewLine;
use crate::store::{Migrations, ProposalError};

#[derive(Debug, Args)]
pub(super) struct ReviewCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List suspect values that wait, the oldest first
    List(List),
    /// Propose what becomes of a suspect value; another person confirms it in the console
    Decide(Decide),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    place: Place,
    /// How many
    #[arg(long, default_value_t = 100)]
    most: u32,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Both values are kept, whatever is decided. A value that is accepted is billed; one that is rejected is not.\n\n\
Exit code: 0 proposed, 1 not, 2 wrong usage or configuration.\n\n\
Example: chaobiao billing review decide 17 --accept --reason \"meter checked on site\" --as li.na --password-file pw"
)]
struct Decide {
    /// The number of the review, as `billing review list` shows it
    review: i64,
    /// The value counts
    #[arg(long, conflicts_with = "reject", required_unless_present = "reject")]
    accept: bool,
    /// The value does not count
    #[arg(long)]
    reject: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    place: Place,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// What was proposed, as JSON.
#[derive(Serialize)]
struct Proposed {
    proposal: String,
    review: String,
    accept: bool,
}

impl ReviewCommand {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        match self.what {
            What::List(list) => list.run(out).await,
            What::Decide(decide) => decide.run(out).await,
        }
    }
}

impl List {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let store = Found::open(&self.place.there()?, Migrations::Check).await?;
        let lines = store.review_lines(&Regions::All, self.most).await;
        store.close().await;
        let lines = lines.map_err(|error| store_error(&error))?;
        if self.json {
            return lines.into_iter().try_for_each(|line| write_json(out, &review_shown(line)));
        }
        let head = [
            ["review", "point", "meter", "item", "holds for", "value", "counts now", "why", "since"],
            ["复核", "计量点", "电能表", "项目", "时点", "可疑值", "现用值", "原因", "起始"],
        ];
        show::write_rows(out, &head, lines.iter().map(cells))?;
        out.flush()?;
        let count = lines.len();
        talk(&format!("{count} suspect values wait for a person  有 {count} 个可疑值待复核"));
        Ok(())
    }
}

fn cells(line: &ReviewLine) -> [String; 9] {
    let item: Item = line.item;
    [
        line.review.to_string(),
        line.point.clone().unwrap_or_else(|| "-".to_owned()),
        line.address.clone(),
        format!("{} {}", item.code(), item.name_zh()),
        line.as_of.in_china().to_string(),
        format!("{} {}", item.quantity(line.value), item.unit()),
        line.current.map_or_else(|| "-".to_owned(), |value| item.quantity(value).to_string()),
        line.quality.name().to_owned(),
        line.since.in_china().to_string(),
    ]
}

impl Decide {
    async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let store = Found::open(&self.place.there()?, Migrations::Check).await?;
        let proposed = async {
            let acting = self.who.allowed(&store, Action::ProposeReview).await?;
            let change = Change::DecideReview(ReviewDecision { review: self.review, accept: self.accept });
            let proposed = store.propose(&change, &self.reason, &acting, Clock::system().now()).await;
            proposed.map_err(|error| self.refused(&error))
        };
        let proposed = proposed.await;
        store.close().await;
        let id = proposed?;
        talk(&format!(
            "proposal {id} waits for another person at /proposals/{id}  变更 {id} 待另一人在控制台确认"
        ));
        if self.json {
            let (review, accept) = (self.review.to_string(), self.accept);
            return write_json(out, &Proposed { proposal: id.to_string(), review, accept });
        }
        writeln!(out, "{id}")?;
        Ok(())
    }

    fn refused(&self, error: &ProposalError) -> CliError {
        match error {
            ProposalError::Store(error) => store_error(error),
            ProposalError::NotThere => {
                CliError::Unknown(format!("there is no review {0}  没有复核 {0}", self.review))
            }
            other => CliError::Failed(other.to_string()),
        }
    }
}
