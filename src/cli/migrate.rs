//! `chaobiao migrate`: the tables of a database brought up to this version (F40). Besides `serve`, which does it where its account
//! may, it is the only command that changes tables that are there.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::database::store_error;
use super::owner::Owner;
use super::{CliError, with_causes};
use crate::app::SiteLock;
use crate::config::Config;
use crate::store::{Address, Migrations, Store};

/// Bring the tables of the database up to this version, or make them
#[derive(Debug, Args)]
#[command(
    after_help = "Make a backup before, with the version that served the site. Nothing is changed under a process that serves it, and a \
version that is older than the database changes nothing.\n\n\
On PostgreSQL the tables belong to an account that is not the one that serves: with --owner its address is used, and the account \
chaobiao_service gets its rights (grants.sql) behind it.\n升级前请用原版本备份；PostgreSQL 用 --owner 指定属主地址文件，同时授予服务账号权限。\n\n\
Exit code: 0 done or nothing to do, 1 not done, 2 wrong usage or configuration.\n\nExample: chaobiao migrate --owner /root/owner-url"
)]
pub(super) struct Migrate {
    /// The configuration
    #[arg(short, long, value_name = "FILE", default_value = "chaobiao.toml")]
    config: PathBuf,
    #[command(flatten)]
    owner: Owner,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Migrated {
    /// 0 where there were no tables.
    schema_before: i64,
    schema: i64,
    /// Whether the account that serves was given its rights.
    rights_given: bool,
}

impl Migrate {
    pub(super) async fn run(self, out: &mut impl Write) -> Result<(), CliError> {
        let loaded = Config::load(&self.config).map_err(|error| super::config::config_error(&error))?;
        let mut config = loaded.config;
        self.owner.stand_in(&mut config)?;
        let address = Address::from(&config.database.place);
        let failed =
            |error| CliError::Failed(format!("{} cannot be used: {}", address.place(), with_causes(&error)));
        let is_missing = matches!(&address, Address::Sqlite(file) if !file.exists());
        let _lock = SiteLock::of(&address).map_err(|error| super::serve::app_error(&error))?;
        let before = if is_missing { None } else { Store::examine(&address).await.map_err(failed)?.schema };
        let store = Store::open(&address, Migrations::Run).await.map_err(failed)?;
        let given = if self.owner.is_named() { store.give_rights().await } else { Ok(false) };
        store.close().await;
        let rights_given = given.map_err(|error| store_error(&error))?;
        let migrated = Migrated { schema_before: before.unwrap_or(0), schema: Store::schema(), rights_given };
        if self.json {
            super::write_json(out, &migrated)?;
        } else {
            let Migrated { schema_before, schema, .. } = migrated;
            let words =
                if schema_before == schema { "nothing to do  无需升级" } else { "done  已完成" };
            writeln!(out, "schema {schema_before} -> {schema}: {words}")?;
        }
        if self.owner.is_named() {
            Owner::tell_of_rights(rights_given);
        }
        Ok(())
    }
}
