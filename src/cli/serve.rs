//! `chaobiao serve`: the head-end at work.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::CliError;
use super::backup::folder_of;
use super::stop::Stops;
use crate::app::{AppError, Console, Site, Standby};
use crate::clock::Clock;
use crate::config::{Config, Loaded, in_force};
use crate::http::auth::OneTimeLogin;
use crate::store::Holder;
use crate::telemetry;

/// Serve a site: nights, curves and the hand-off to billing, until it is stopped
#[derive(Debug, Args)]
#[command(
    after_help = "Stops on Ctrl-C and SIGTERM: the exchange on each line comes to its end and what was read is kept. A \
second one stops at once, which loses nothing either."
)]
pub(super) struct Serve {
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "chaobiao.toml")]
    config: PathBuf,
}

impl Serve {
    pub(super) async fn run(self, _out: &mut impl Write) -> Result<(), CliError> {
        let loaded = Config::load(&self.config).map_err(|error| super::config::config_error(&error))?;
        let Loaded { config, effective } = loaded;
        let in_force = in_force(&effective, folder_of(&self.config));
        telemetry::log::start(config.log);
        let recorder = config.metrics.listen.map(|_| telemetry::Recorder::start()).transpose();
        let recorder = recorder.map_err(|error| CliError::Failed(super::with_causes(&error)))?;
        let clock = Clock::system();
        let mut stops = Stops::listen()?;
        let Some(site) = started(&config, &clock, &mut stops).await? else { return Ok(()) };
        site.note_configuration(&in_force).await;
        let site = site.showing(effective);
        let meters =
            site.store.site_meters().await.map_err(|error| super::database::store_error(&error))?.len();
        let console = site.open_console().await.map_err(|error| app_error(&error))?;
        tell(site.lines.len(), meters, &config);
        if let Some(console) = &console {
            tell_console(console, &self.config, std::io::stderr().is_terminal());
        }
        let stop = CancellationToken::new();
        if let Some(recorder) = recorder {
            site.answer_watchers(recorder, &stop).await;
        }
        let is_idle = {
            let serving = site.serve(console, &stop);
            tokio::pin!(serving);
            super::service::ready();
            tokio::select! {
                () = &mut serving => {}
                () = super::service::feed(&site) => {}
                () = stops.asked() => {}
                // Whatever is being done is dropped where it stands, as by a kill.
                () = site.overtaken() => {
                    return Err(CliError::Failed("another instance has taken the site over  站点已由另一实例接管".to_owned()));
                }
            }
            super::service::stopping();
            tracing::info!("stopping: the exchange on each line comes to its end");
            stop.cancel();
            tokio::select! {
                () = serving => true,
                () = stops.asked_again() => false,
            }
        };
        let closed = async {
            if is_idle {
                site.close().await;
            }
            is_idle
        };
        let is_closed = tokio::select! {
            is_closed = closed => is_closed,
            () = stops.asked_again() => false,
        };
        if is_closed {
            tracing::info!("stopped");
        } else {
            tracing::warn!("stopped at once");
        }
        Ok(())
    }
}

/// The site, once no other instance serves it; `None` when it is told to stop before.
async fn started(config: &Config, clock: &Clock, stops: &mut Stops) -> Result<Option<Site>, CliError> {
    let mut standby: Option<Standby> = None;
    loop {
        let site = tokio::select! {
            site = Site::start(config.clone(), clock.clone(), seed(clock)) => site,
            // Dropped where it stands, as by a kill.
            () = stops.asked() => return Ok(None),
        };
        let holder = match site {
            Err(AppError::Held(holder)) => Some(*holder),
            // Whoever stands by waits for the database as well.
            Err(error) if standby.is_some() && error.may_pass() => {
                tracing::warn!("standby: {}", super::with_causes(&error));
                None
            }
            site => {
                if let Some(standby) = standby.take() {
                    standby.end().await;
                }
                return site.map(Some).map_err(|error| app_error(&error));
            }
        };
        match (&standby, holder) {
            (_, None) => {}
            (Some(standby), Some(holder)) => standby.see(holder),
            (None, Some(holder)) => {
                let Holder { name, version, .. } = &holder;
                tracing::info!("standby: {name}, version {version}, serves the site");
                super::service::ready();
                standby = Some(Standby::begin(holder, config, clock).await);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            () = stops.asked() => return Ok(None),
        }
    }
}

/// How often a standby looks whether the site is free.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

fn tell(lines: usize, meters: usize, config: &Config) {
    let (start, deadline) = (config.collection.start, config.collection.deadline);
    tracing::info!(
        lines,
        meters,
        "serving; a night begins at {start} and ends at {deadline}, time of China (UTC+8)"
    );
    if meters == 0 {
        tracing::warn!("there is no meter yet: bring an archive in with `chaobiao meters import`");
    }
}

/// Says where the console is, and how to sign in first. The password itself is no matter for a log (T24).
pub(super) fn tell_console(console: &Console, config: &Path, shows_password: bool) {
    super::talk(&format!("the console  控制台: http://{}", console.at));
    if let Some(login) = &console.login {
        super::talk(&first_login(login, config, shows_password));
    }
}

/// How to sign in where there is no account yet.
fn first_login(login: &OneTimeLogin, config: &Path, shows_password: bool) -> String {
    let OneTimeLogin { name, password, until } = login;
    let (until, config) = (until.in_china(), config.display());
    let password = match shows_password {
        true => format!(
            "there is no account yet: sign in once as  尚无账号，请用一次性账号登录: {name} / {password}\n\
             it is good until {until}  有效期至 {until}\n"
        ),
        false => format!("there is no account yet but {name}  仅有初始账号 {name}\n"),
    };
    format!(
        "{password}`chaobiao user reset {name} -c {config}` on this machine prints a one-time password  \
         在本机执行 chaobiao user reset {name} -c {config} 可取得一次性密码"
    )
}

/// Draws differ from one start to the next.
pub(super) fn seed(clock: &Clock) -> u64 {
    clock.now().micros().unsigned_abs()
}

/// An error of the site as the end of a command.
pub(super) fn app_error(error: &AppError) -> CliError {
    let text = super::with_causes(error);
    match error {
        AppError::InUse { .. } => CliError::Failed(format!(
            "{text}; is `chaobiao serve` running?  该站点正由另一进程使用，是否已在运行 chaobiao serve？"
        )),
        AppError::Held(_) => CliError::Failed(format!("{text}  该站点正由另一实例提供服务")),
        AppError::Http(_) => CliError::Failed(format!(
            "{text}; give another address under [http] listen  控制台端口无法使用，请修改 [http] listen"
        )),
        AppError::Overfull(_) => CliError::Usage(text),
        _ => CliError::Failed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Moment;

    #[test]
    fn t24_the_way_to_a_first_login_is_told_everywhere_and_the_password_only_where_it_may_be() {
        let until = Moment::from_micros(0);
        let login = OneTimeLogin { name: "admin".into(), password: "once-upon".into(), until };
        let config = Path::new("/etc/chaobiao/site.toml");
        for shows_password in [true, false] {
            let told = first_login(&login, config, shows_password);
            assert_eq!(told.contains("once-upon"), shows_password, "{told}");
            let hint = "chaobiao user reset admin -c /etc/chaobiao/site.toml";
            assert_eq!(told.matches(hint).count(), 2, "in both languages: {told}");
        }
    }
}
