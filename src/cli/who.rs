//! Who acts on the command line: an account and its password, for what needs a right; for what needs only the machine, whoever
//! the operating system says it is.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use nix::unistd::getuid;
use zeroize::Zeroizing;

use super::CliError;
use super::database::store_error;
use crate::clock::Clock;
use crate::domain::access::{Acting, Action};
use crate::http::auth::{COMMAND_LINE, LoginError, known_by_password};
use crate::link::user_name;
use crate::store::Store;

/// The user of this machine who runs the command, by the number the operating system gives and not by what the environment says,
/// which anybody may set. (T27)
pub(super) fn at_the_machine() -> String {
    user_name(getuid().as_raw())
}

/// Who acts.
#[derive(Debug, Args)]
pub(super) struct Who {
    /// Your account
    #[arg(long = "as", value_name = "ACCOUNT")]
    account: String,
    /// File whose first line is your password; without it the first line of standard input is
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl Who {
    /// Finds out that somebody is who they say they are.
    pub(super) async fn acting(&self, store: &Store) -> Result<Acting, CliError> {
        let password = self.password()?;
        let (given, now) = ((&*self.account, password.as_str()), Clock::system().now());
        let known = known_by_password(store, given, COMMAND_LINE, now).await;
        let account = known.map_err(|error| match error {
            LoginError::Wrong => {
                CliError::Failed("the account or its password is not right  账号或密码不正确".into())
            }
            LoginError::Expired => CliError::Failed(
                "this one-time password is not good any more: an administrator gives another  \
                 一次性密码已过期，请联系管理员重置"
                    .into(),
            ),
            LoginError::Locked(left) => CliError::Failed(format!(
                "there were too many attempts: wait for {} s  尝试次数过多，请等待 {0} 秒",
                left.as_secs().max(1)
            )),
            LoginError::Store(error) => store_error(&error),
            other => CliError::Failed(super::with_causes(&other)),
        })?;
        if account.is_unfinished() && !account.role.needs_second_factor() {
            return Err(CliError::Failed(
                "the one-time password was not changed yet: sign in at the console once and set a password of your own  \
                 一次性密码尚未修改：请先在控制台登录并设置自己的密码"
                    .into(),
            ));
        }
        if account.role.needs_second_factor() {
            return Err(CliError::Failed(
                "this account signs in at the console only, with its second factor  该账号须在控制台登录（双因素）".into(),
            ));
        }
        Ok(account.acting(COMMAND_LINE))
    }

    /// The same, of somebody who may do this.
    pub(super) async fn allowed(&self, store: &Store, action: Action) -> Result<Acting, CliError> {
        let acting = self.acting(store).await?;
        if acting.role.may(action) {
            return Ok(acting);
        }
        let name = action.name();
        Err(CliError::Failed(format!("your role may not do this ({name})  您的角色无权执行（{name}）")))
    }

    fn password(&self) -> Result<Zeroizing<String>, CliError> {
        let text = match &self.password_file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| CliError::Usage(format!("{}: {error}", file.display())))?,
            None if std::io::stdin().is_terminal() => {
                return Err(CliError::Usage(
                    "a terminal shows what is typed: give --password-file, or the password on standard input  \
                     请用 --password-file 或标准输入提供密码"
                        .into(),
                ));
            }
            None => std::io::read_to_string(std::io::stdin())?,
        };
        let text = Zeroizing::new(text);
        Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
    }
}
