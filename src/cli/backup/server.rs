//! A server's database, copied and put back by its own programs. The password is in no command line, which others may see.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use super::super::CliError;
use crate::config::DatabaseUrl;

/// Copies it into a file.
pub(super) fn dump(url: &DatabaseUrl, to: &Path) -> Result<(), CliError> {
    let (address, password) = url.without_password();
    let mut command = Command::new("pg_dump");
    command.args(["--format=custom", "--no-owner", "--no-privileges", "--no-password", "--dbname", &address]);
    run(command.arg("--file").arg(to), password)
}

/// Puts the copy into an empty database: all of it or nothing.
pub(crate) fn restore(url: &DatabaseUrl, from: &Path) -> Result<(), CliError> {
    let (address, password) = url.without_password();
    let mut command = Command::new("pg_restore");
    command.args([
        "--single-transaction",
        "--exit-on-error",
        "--no-owner",
        "--no-privileges",
        "--no-password",
    ]);
    run(command.args(["--dbname", &address]).arg(from), password)
}

fn run(command: &mut Command, password: Option<String>) -> Result<(), CliError> {
    let name = command.get_program().to_string_lossy().into_owned();
    if let Some(password) = password {
        command.env("PGPASSWORD", OsStr::new(&password));
    }
    let done = command.output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => CliError::Failed(format!(
            "{name} is not installed here: install the client programs of PostgreSQL (apt-get install postgresql-client), \
             at least as new as the server  未找到 {name}，请安装不低于服务器版本的 PostgreSQL 客户端"
        )),
        _ => CliError::Failed(format!("{name}: {error}")),
    })?;
    if done.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let advice = if said.contains("permission denied") { ADVICE } else { "" };
    Err(CliError::Failed(format!("{name} failed  {name} 失败: {}{advice}", said.trim())))
}

/// What is missing where an account may not do what a copy takes.
const ADVICE: &str = "\nthe account may not: to back up, let the owner of the tables run `chaobiao migrate --owner FILE` again (deploy/grants.sql), \
    which lets the service read all that is copied; to restore, name the owner's address with --owner FILE  \
    账号权限不足：备份前请由表的属主重新执行 chaobiao migrate --owner 文件（deploy/grants.sql）；恢复须用 --owner 指定属主地址文件";
