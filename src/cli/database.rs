//! Which configuration and which database a command works on.

use std::path::PathBuf;

use clap::Args;

use super::{CliError, with_causes};
use crate::app::SiteLock;
use crate::config::Config;
use crate::domain::ArchiveEntry;
use crate::store::{Address, Migrations, Store, StoreError};

/// Which configuration and which database.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// The configuration, chaobiao.toml where neither this nor --database is given
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// An SQLite database instead of that of the configuration
    #[arg(long, value_name = "PATH")]
    database: Option<PathBuf>,
}

/// What was found there.
pub(super) struct Found {
    /// `None` where only a database was given.
    pub(super) config: Option<Config>,
    pub(super) address: Address,
}

impl Place {
    pub(super) fn find(&self) -> Result<Found, CliError> {
        let file = match (&self.config, &self.database) {
            (None, Some(_)) => None,
            (None, None) => Some(PathBuf::from("chaobiao.toml")),
            (Some(file), _) => Some(file.clone()),
        };
        let config = file.map(|file| Config::load(&file)).transpose();
        let config = config.map_err(|error| super::config::config_error(&error))?.map(|loaded| loaded.config);
        let address = match (&self.database, &config) {
            (Some(path), _) if path.to_string_lossy().contains("://") => {
                return Err(CliError::Usage(
                    "--database takes the path of an SQLite file; a PostgreSQL database is named in a configuration \
                     (url_file), so that its password is not seen  \
                     --database 只接受 SQLite 文件路径；PostgreSQL 请在配置的 url_file 中指定"
                        .into(),
                ));
            }
            (Some(path), _) => Address::Sqlite(path.clone()),
            (None, Some(config)) => Address::from(&config.database.place),
            // Without a database there was a configuration.
            (None, None) => return Err(CliError::Usage("no database is named".into())),
        };
        Ok(Found { config, address })
    }

    /// The same, where the database must be there.
    pub(super) fn there(&self) -> Result<Found, CliError> {
        let found = self.find()?;
        if found.is_missing() {
            return Err(CliError::Failed("there is no such database yet  数据库尚不存在".into()));
        }
        Ok(found)
    }
}

impl Found {
    /// Whether the database is a file that is not there yet.
    pub(super) fn is_missing(&self) -> bool {
        matches!(&self.address, Address::Sqlite(path) if !path.exists())
    }

    /// Opens the database. With [`Migrations::Run`] tables are made where there are none; those of an older version are for
    /// `chaobiao migrate` and `serve`.
    pub(super) async fn open(&self, migrations: Migrations) -> Result<Store, CliError> {
        let failed = |error| {
            CliError::Failed(format!("{} cannot be used: {}", self.address.place(), with_causes(&error)))
        };
        match Store::open(&self.address, Migrations::Check).await {
            Err(StoreError::OlderSchema { found: 0, .. }) if migrations == Migrations::Run => {
                let _lock = SiteLock::of(&self.address).map_err(|error| super::serve::app_error(&error))?;
                Store::open(&self.address, Migrations::Run).await.map_err(failed)
            }
            opened => opened.map_err(failed),
        }
    }

    /// All of its archive.
    pub(super) async fn archive(&self) -> Result<Vec<ArchiveEntry>, CliError> {
        let store = self.open(Migrations::Check).await?;
        let entries = store.archive_entries().await.map_err(|error| store_error(&error));
        store.close().await;
        entries
    }
}

/// An error of the store as the end of a command.
pub(super) fn store_error(error: &StoreError) -> CliError {
    CliError::Failed(with_causes(error))
}
