//! `chaobiao doctor`: looks whether a site can do its work here, and says what to do where it cannot. Changes nothing.

mod ask;
mod finding;
mod lines;
mod machine;
mod rows;
mod secrecy;
mod store;

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::config::{Config, Looser};
use finding::Finding;
pub(super) use finding::Level;
pub(super) use rows::look_in as look_at_rows;
use store::Standing;

/// Look whether a site can do its work here, and say what to do where it cannot
#[derive(Debug, Args)]
#[command(
    after_help = "Looks at the lines and ports of the configuration, the database, directories, disks, the machine's time and its \
limits. Changes nothing, and opens no line that `chaobiao serve` may have. With --ask up to three meters of each line are asked for \
their energy, while nothing serves the site: that shows how soon they answer, and whether the adapter returns what is sent. \
With --rows every register, curve and billing value that is kept is held against its check sum.\n\n\
Exit code: 0 nothing is wrong, 1 something is (marked `fail`), 2 wrong usage or configuration."
)]
pub(super) struct Doctor {
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "chaobiao.toml")]
    config: PathBuf,
    /// Open the lines and ask some meters of each
    #[arg(long)]
    ask: bool,
    /// Look at every kept row, whether it is as it was written; may take long
    #[arg(long)]
    rows: bool,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let loaded = Config::load(&self.config).map_err(|error| super::config::config_error(&error))?;
        let config = &loaded.config;
        let (mut found, standing) = store::look(config).await;
        let is_served = standing != Standing::Free;
        // The lines of a drill are those of the site itself.
        if standing != Standing::Drill {
            found.extend(lines::look(config, is_served).await);
        }
        if self.ask && !is_served {
            found.extend(ask::look(config).await);
        }
        found.extend(machine::look(config, standing));
        found.extend(config.looser().iter().map(looser));
        found.extend(secrecy::look(&self.config, &loaded.effective));
        if self.rows {
            found.extend(rows::look(config).await);
        }
        for finding in &found {
            if self.json {
                super::write_json(out, finding)?;
            } else {
                finding.write(out)?;
            }
        }
        let failed = found.iter().filter(|finding| finding.level == Level::Fail).count();
        if failed > 0 {
            return Err(CliError::Failed(format!("{failed} things are wrong  共 {failed} 项不合格")));
        }
        Ok(())
    }
}

/// What the file has loosened, which is an alarm and an entry of the audit log as well.
fn looser(looser: &Looser) -> Finding {
    let Looser { key, value, built_in } = looser;
    let text = format!("{key} = {value} protects less than {built_in}, which is built in");
    Finding::warn("config", text, format!("{key} = {value}，比内置值 {built_in} 宽松")).doing(
        "agree on it with a second person, or take it out of the file  请经第二人确认，否则从配置中删除",
    )
}
