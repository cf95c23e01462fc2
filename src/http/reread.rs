//! Reading again what a night has missed, by page and by API.

use std::collections::HashSet;

use axum::http::StatusCode;

use crate::collect::CannotReadAgain;
use crate::domain::{Id, Run};
use crate::http::{Caller, Problem, Services, Topic};

/// Which of the meters that a run has missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed<'a> {
    /// All of them.
    All,
    /// Those of the transformer area with this name.
    OfArea(&'a str),
    /// Those of the line, or behind the terminal, with this name.
    OfLine(&'a str),
}

/// Begins to read again what a run has missed, as far as this account may see it; says how many meters are asked.
///
/// # Errors
/// [`Problem`] when there is no such run, it or another re-read goes on, or nothing is missing.
pub(super) async fn read_again(
    services: &Services,
    caller: &Caller,
    run: Id<Run>,
    missed: Missed<'_>,
) -> Result<usize, Problem> {
    let run = services.store.run(run).await?.ok_or_else(Problem::not_there)?;
    let again = services.read_again.as_ref().ok_or_else(no_lines)?;
    let lines = services.store.missing_lines(run.id, &caller.acting.regions, MOST).await?;
    let is_wanted = |area: Option<&str>, line: Option<&str>| match missed {
        Missed::All => true,
        Missed::OfArea(name) => area == Some(name),
        Missed::OfLine(name) => line == Some(name),
    };
    let wanted = lines.iter().filter(|missing| is_wanted(missing.area.as_deref(), missing.line.as_deref()));
    let meters: HashSet<_> = wanted.map(|missing| missing.meter).collect();
    let of = match missed {
        Missed::All => "all".to_owned(),
        Missed::OfArea(name) => format!("area {name}"),
        Missed::OfLine(name) => format!("line {name}"),
    };
    let asked = again.ask(&caller.acting, &run, meters, &of).await?;
    services.changes.tell(Topic::Run);
    Ok(asked)
}

fn no_lines() -> Problem {
    let en = "this process has no lines and reads nothing";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_lines", en, "本进程未接线路，不能采集")
}

impl From<CannotReadAgain> for Problem {
    fn from(error: CannotReadAgain) -> Self {
        let code = error.kind();
        match error {
            CannotReadAgain::Running => Self::new(
                StatusCode::CONFLICT,
                code,
                "the run goes on, and comes back to what is missing by itself",
                "采集尚在进行，漏抄的电能表会自动补抄",
            ),
            CannotReadAgain::UnderWay => {
                Self::new(StatusCode::CONFLICT, code, "another re-read goes on", "另一次补抄正在进行")
            }
            CannotReadAgain::Nothing => {
                Self::new(StatusCode::CONFLICT, code, "nothing of it is missing", "没有未抄的电能表")
            }
            CannotReadAgain::Store(error) => error.into(),
        }
    }
}

/// The most meters that are asked at once.
const MOST: u32 = 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_nothing_is_read_again_is_said_with_its_own_code() {
        for (error, code) in [
            (CannotReadAgain::Running, "run_goes_on"),
            (CannotReadAgain::UnderWay, "reread_goes_on"),
            (CannotReadAgain::Nothing, "nothing_missing"),
        ] {
            let problem = Problem::from(error);
            assert_eq!((problem.status, problem.code), (StatusCode::CONFLICT, code));
            assert!(!problem.words.zh.is_ascii());
        }
    }
}
