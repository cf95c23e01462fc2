//! The account that owns the tables of a server's database, for what the service's own account may not do (T28).

use std::path::PathBuf;

use clap::Args;

use super::CliError;
use crate::config::{Config, DatabasePlace, DatabaseUrl};

/// As whom the tables are made.
#[derive(Debug, Args)]
pub(super) struct Owner {
    /// On PostgreSQL: a file with the address of the account that owns the tables, in place of [database] url_file
    #[arg(long = "owner", value_name = "FILE")]
    file: Option<PathBuf>,
}

impl Owner {
    /// Whether the owner is named.
    pub(super) const fn is_named(&self) -> bool {
        self.file.is_some()
    }

    /// Puts the owner's address in the place of that of the configuration, where one is given.
    pub(super) fn stand_in(&self, config: &mut Config) -> Result<(), CliError> {
        let Some(file) = &self.file else { return Ok(()) };
        if matches!(config.database.place, DatabasePlace::Sqlite(_)) {
            return Err(CliError::Usage(
                "--owner is for PostgreSQL, and the configuration names a file  --owner 仅用于 PostgreSQL，而配置使用 SQLite 文件"
                    .into(),
            ));
        }
        let url = DatabaseUrl::load(file);
        let url = url.map_err(|error| CliError::Usage(format!("{}: {error}", file.display())))?;
        config.database.place = DatabasePlace::Postgres(url);
        Ok(())
    }

    /// What is told of the rights of the service, once they were to be given.
    pub(super) fn tell_of_rights(were_given: bool) {
        super::talk(if were_given {
            "the account chaobiao_service has its rights: name its address in [database] url_file  \
             已授予服务账号 chaobiao_service 权限，请在 url_file 中使用该账号"
        } else {
            "there is no account chaobiao_service: as it is, the service would own the tables and may change what was done; \
             let the administrator of the server run CREATE ROLE chaobiao_service LOGIN PASSWORD '...', then `chaobiao migrate \
             --owner FILE`  没有服务账号 chaobiao_service，请由数据库管理员创建后执行 chaobiao migrate --owner 文件"
        });
    }
}
