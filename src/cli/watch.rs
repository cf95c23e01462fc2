//! A night that somebody waits for: how far it has come, and Ctrl-C.

use std::io::IsTerminal;
use std::time::Duration;

use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use super::CliError;
use super::progress::{say, status};
use super::stop::Stops;
use crate::app::Site;
use crate::collect::{CollectError, NightReport, Progress};
use crate::domain::{Day, RunState};

/// Runs the night of a day and says how far it is. The first Ctrl-C lets what is under way come to its end, the second
/// one does not wait.
pub(super) async fn night(site: &Site, day: Day) -> Result<NightReport, CliError> {
    let progress = site.collector.progress();
    let show = async {
        let (began, is_terminal) = (Instant::now(), std::io::stderr().is_terminal());
        let mut next = interval(if is_terminal { EACH_SECOND } else { EACH_MINUTE });
        next.tick().await;
        loop {
            next.tick().await;
            let line = told(&progress.borrow(), began.elapsed());
            if is_terminal {
                status(&line);
            } else {
                super::talk(&line);
            }
        }
    };
    let report = with_ctrl_c(site, day, show, &mut Stops::listen()?).await;
    status("");
    report
}

/// Runs the night of a day beside what shows it, until it ends or is stopped.
pub(super) async fn with_ctrl_c(
    site: &Site,
    day: Day,
    show: impl Future<Output = std::convert::Infallible>,
    stops: &mut Stops,
) -> Result<NightReport, CliError> {
    let failed = |error: CollectError| {
        let zh = match &error {
            CollectError::NotYet { day } => format!("  {day} 尚未开始，零点之前不能抄该日数据"),
            CollectError::Store { day, .. } => format!("  {day} 的抄表结果无法保存"),
        };
        CliError::Failed(format!("{}{zh}", super::with_causes(&error)))
    };
    let stop = CancellationToken::new();
    let night = site.run_night(day, &stop);
    tokio::pin!(night, show);
    tokio::select! {
        report = &mut night => return report.map_err(failed),
        never = &mut show => match never {},
        () = stops.asked() => {}
    }
    stop.cancel();
    say("stopping: the meters that are being read come to their end; Ctrl-C again stops at once  \
         正在停止：读完当前电能表；再按 Ctrl-C 立即停止");
    tokio::select! {
        report = night => report.map_err(failed),
        never = show => match never {},
        () = stops.asked_again() => {
            Err(CliError::Failed("stopped at once; what was read before is kept  已立即停止，已抄数据均已保存".into()))
        }
    }
}

/// How a command ends whose night ended so.
pub(super) fn ended(report: &NightReport, missing: usize, go_on: &str) -> Result<(), CliError> {
    match (report.run.state, report.was_stopped, missing) {
        (RunState::Done, ..) => Ok(()),
        (_, true, _) => Err(CliError::Failed(format!("the night was stopped before its end{go_on}"))),
        (_, _, 1) => Err(CliError::Failed("1 meter is missing  漏抄1块".into())),
        (_, _, missing) => Err(CliError::Failed(format!("{missing} meters are missing  漏抄{missing}块"))),
    }
}

/// How far a night is, in a line.
fn told(progress: &Progress, took: Duration) -> String {
    let missing: u32 = progress.missing.values().sum();
    let (done, known) = progress.steps;
    format!(
        "{} of {} meters read, {missing} missing, {done} of {known} steps, {} min {:02} s  \
         已抄{}块，共{}块，未抄到{missing}块",
        progress.read,
        progress.planned,
        took.as_secs() / 60,
        took.as_secs() % 60,
        progress.read,
        progress.planned
    )
}

const EACH_SECOND: Duration = Duration::from_secs(1);
const EACH_MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_is_told_how_far_a_night_is() {
        let progress = Progress { planned: 20, read: 6, steps: (9, 40), ..Progress::default() };
        let line = told(&progress, Duration::from_secs(75));
        assert_eq!(
            line,
            "6 of 20 meters read, 0 missing, 9 of 40 steps, 1 min 15 s  已抄6块，共20块，未抄到0块"
        );
    }
}
