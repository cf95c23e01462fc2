//! Orders that change one meter: who may give them, with which password, and how their end is told.
//!
//! Without a running service nobody else watches the line, so whoever gives an order says that no other master is on it,
//! and every order is written to the [audit file](super::audit) before its first byte leaves and after its outcome.
//! An order is sent once. A refused password is not tried again (F10); silence after an order is UNKNOWN (R6).

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use dlt645::address::{MeterAddress, Target};
use dlt645::exchange::Outcome;
use dlt645::explain;
use dlt645::password::{Credentials, DigitOrder, Level, OperatorCode, Password};
use dlt645::request::Request;
use serde::Serialize;

use super::CliError;
use super::asker::{Asker, served};
use super::audit::{AuditFile, Entry};
use super::trouble::Trouble;
use crate::domain::Moment;
use crate::link::{Lent, Place, hex_without, secrets};

/// What an order needs besides what is ordered.
#[derive(Debug, Args)]
pub(super) struct ChangeArgs {
    /// Nobody else asks or orders on this line: no head-end, no concentrator, no other tool
    #[arg(long)]
    i_am_the_only_master: bool,
    /// Where orders and their outcomes are written down; by default audit.jsonl in the user's state directory
    #[arg(long, value_name = "FILE")]
    audit_file: Option<PathBuf>,
}

/// The password of an order.
#[derive(Debug, Args)]
pub(super) struct PasswordArgs {
    /// File whose first line is the password of six digits; without it the password is asked for
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Level of the password, 0 to 9; 4 is that of parameters
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=9))]
    password_level: u8,
    /// How the digits of the password go out
    #[arg(long, value_enum, default_value = "low-first")]
    password_order: OrderArg,
    /// Operator code that the meter keeps in its logs, eight hexadecimal digits
    #[arg(long, default_value = "00000000")]
    operator: OperatorCode,
    /// Try a password although this meter has refused one within the last day
    #[arg(long)]
    after_a_refused_password: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OrderArg {
    /// 123456 goes out as 56 34 12
    LowFirst,
    /// 123456 goes out as 12 34 56
    AsWritten,
}

/// What became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Fate {
    Done,
    NotDone,
    Unknown,
}

impl Fate {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Done => "DONE",
            Self::NotDone => "NOT_DONE",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// As a person is told.
    pub(super) const fn told(self) -> &'static str {
        match self {
            Self::Done => "DONE  已执行",
            Self::NotDone => "NOT DONE  未执行",
            Self::Unknown => "UNKNOWN  结果未知",
        }
    }
}

/// How the meter answered an order.
pub(super) enum Said {
    /// It accepted; whether it did it is to be read back.
    Accepted,
    /// It refused, or nothing left: it is not done.
    Not(Trouble),
    /// Bytes have left and nothing acceptable came back.
    Nothing(Trouble),
}

/// One order to one meter.
pub(super) struct Order {
    pub(super) meter: MeterAddress,
    /// In words, for the audit file.
    pub(super) what: String,
    pub(super) request: Request,
    pub(super) credentials: Option<(Level, OperatorCode)>,
}

/// Gives orders and writes them down.
pub(super) struct Changer {
    audit: AuditFile,
    command: &'static str,
    orders: u32,
}

impl ChangeArgs {
    /// True when one of the flags was given.
    pub(super) const fn is_given(&self) -> bool {
        self.i_am_the_only_master || self.audit_file.is_some()
    }

    /// Who may give orders on a line: only master, one meter, an audit file that can be written. Nothing has been sent then.
    pub(super) async fn changer(&self, command: &'static str, place: &Place) -> Result<Changer, CliError> {
        if !self.i_am_the_only_master {
            // Who has the line is not told to say that nobody has.
            if !matches!(Lent::seek(place).await, Ok(None)) {
                return Err(served());
            }
            return Err(CliError::Usage(format!(
                "{command} changes a meter: a line has one master. When no head-end, concentrator or other tool uses this \
                 line, say so: --i-am-the-only-master  总线只能有一个主站"
            )));
        }
        Ok(Changer { audit: AuditFile::open(self.audit_file.clone())?, command, orders: 0 })
    }
}

/// The one meter that an order goes to.
pub(super) fn one_meter(target: Target) -> Result<MeterAddress, CliError> {
    match target {
        Target::Meter(meter) => Ok(meter),
        Target::Pattern(pattern) => Err(CliError::Usage(format!(
            "{pattern} may mean several meters: an order goes to one, by its full address  控制命令须用完整表号"
        ))),
    }
}

impl Changer {
    /// Refuses when this meter has refused a password within a day: one more and it may be locked. (F10)
    pub(super) fn refuse_after_refusal(
        &self,
        meter: MeterAddress,
        args: &PasswordArgs,
        now: Moment,
    ) -> Result<(), CliError> {
        let meter = meter.to_string();
        let yesterday = now.minus(DAY).to_string();
        let refused = self
            .audit
            .entries()?
            .into_iter()
            .rev()
            .find(|entry| entry.meter == meter && entry.not_authorised && entry.at > yesterday);
        match refused {
            Some(entry) if !args.after_a_refused_password => Err(CliError::Failed(format!(
                "nothing was sent: {meter} refused a password at {} and three wrong ones lock it for a day; find out the \
                 right one first, then add --after-a-refused-password  该表24小时内已拒绝过密码，未发送",
                entry.at
            ))),
            _ => Ok(()),
        }
    }

    /// Writes the intent down, sends the order once, and writes down how the meter answered.
    pub(super) async fn give(&mut self, asker: &mut Asker, order: &Order) -> Result<(Said, Entry), CliError> {
        self.orders += 1;
        let now = asker.clock().now();
        let intent = Entry {
            at: now.to_string(),
            event: "intent".to_owned(),
            id: format!("{:x}-{:x}-{}", now.micros(), std::process::id(), self.orders),
            command: self.command.to_owned(),
            user: Some(super::who::at_the_machine()),
            line: asker.place().to_string(),
            meter: order.meter.to_string(),
            order: order.what.clone(),
            frame: Some(covered(&order.request)),
            password: order.credentials.map(|(level, _)| format!("level {level}, ******")),
            operator: order.credentials.map(|(_, operator)| operator.to_string()),
            ..Entry::default()
        };
        self.audit.write(&intent)?;
        let (said, not_authorised) = tokio::select! {
            // Asked first, so that Ctrl-C is heard before the first byte leaves.
            biased;
            () = insisted() => {
                let why = "given up by hand: it may have been obeyed or not";
                (Said::Nothing(Trouble::new(why, "已手工中止，结果未知")), false)
            }
            told = asker.order(order.request.clone()) => match &told {
                Err(error) => (Said::Not(Trouble::new(error.to_string(), "未发送：线路故障")), false),
                Ok(told) => judged(&told.outcome),
            },
        };
        let (word, reason) = match &said {
            Said::Accepted => (None, Some("accepted".to_owned())),
            Said::Not(trouble) => (Some(Fate::NotDone), Some(trouble.en.clone())),
            Said::Nothing(trouble) => (Some(Fate::Unknown), Some(trouble.en.clone())),
        };
        let answer = Entry {
            at: asker.clock().now().to_string(),
            event: "answer".to_owned(),
            frame: None,
            outcome: word.map(|word| word.name().to_owned()),
            reason,
            not_authorised,
            ..intent.clone()
        };
        self.note(&answer);
        Ok((said, intent))
    }

    /// Writes down how an order ended.
    pub(super) fn ended(&mut self, asker: &Asker, intent: &Entry, done: Fate, reason: &str) {
        self.note(&Entry {
            at: asker.clock().now().to_string(),
            event: "outcome".to_owned(),
            frame: None,
            outcome: Some(done.name().to_owned()),
            reason: Some(reason.to_owned()),
            ..intent.clone()
        });
    }

    /// What happened cannot be undone by a full disk: it is told, and the command goes on to say what it knows.
    fn note(&mut self, entry: &Entry) {
        if self.audit.write(entry).is_err() {
            super::talk(&format!(
                "chaobiao: {} could not be written after the order was given: keep this  请手工记录: {}",
                self.audit.path().display(),
                serde_json::to_string(entry).unwrap_or_default()
            ));
        }
    }
}

/// Ctrl-C a second time: the first only says that an order is on its way.
async fn insisted() {
    if tokio::signal::ctrl_c().await.is_err() {
        return std::future::pending().await;
    }
    super::talk(
        "an order is on its way: wait for its outcome, or press Ctrl-C again  命令已发出，请等待结果",
    );
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// How the meter answered, and whether it did not take the password.
fn judged(outcome: &Outcome) -> (Said, bool) {
    let trouble = || Trouble::of(outcome).unwrap_or_else(|| Trouble::new("no answer", "无应答"));
    match outcome {
        Outcome::Answered(_) => (Said::Accepted, false),
        Outcome::Refused { refusal, .. } if refusal.is_not_authorised() => {
            let Trouble { en, zh } = trouble();
            let told = Trouble::new(
                format!("{en}; not tried again: three wrong passwords lock a level for a day"),
                format!("{zh}；不再重试，连续三次错误将锁定24小时"),
            );
            (Said::Not(told), true)
        }
        Outcome::Refused { .. } | Outcome::NotSent(_) => (Said::Not(trouble()), false),
        _ => (Said::Nothing(trouble()), false),
    }
}

/// The frame in hexadecimal, password and checksum covered. (T24)
fn covered(request: &Request) -> String {
    let bytes = request.to_bytes();
    hex_without(&bytes, &secrets(&bytes, &explain::pieces(&bytes, Some(request.edition()))))
}

impl PasswordArgs {
    /// The password from the file or the terminal, and the operator code.
    pub(super) fn credentials(&self) -> Result<Credentials, CliError> {
        let level = Level::new(self.password_level).map_err(|error| CliError::Usage(error.to_string()))?;
        let order = match self.password_order {
            OrderArg::LowFirst => DigitOrder::LowFirst,
            OrderArg::AsWritten => DigitOrder::AsWritten,
        };
        let text = match &self.password_file {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| CliError::Usage(format!("--password-file {}: {error}", path.display())))?,
            None => asked_for(level)?,
        };
        let password = Password::new(level, text.lines().next().unwrap_or_default().trim(), order);
        // So that it does not stay in memory longer than needed.
        let mut bytes = text.into_bytes();
        bytes.fill(0);
        std::hint::black_box(&mut bytes);
        let place = self.password_file.as_ref().map_or("the password", |_| "--password-file");
        let password = password.map_err(|error| CliError::Usage(format!("{place}: {error}")))?;
        if password.is_commonplace() {
            super::talk(
                "chaobiao: this is a password that anybody tries first: have it changed  该密码过于简单，应尽快更换",
            );
        }
        Ok(Credentials { password, operator: self.operator })
    }
}

/// Asks for the password on the terminal, unseen.
fn asked_for(level: Level) -> Result<String, CliError> {
    let no_terminal = |_: io::Error| {
        CliError::Usage("there is no terminal to ask for the password on: give --password-file FILE".into())
    };
    let mut terminal =
        std::fs::OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(no_terminal)?;
    write!(terminal, "password of level {level}, six digits  {level}级密码: ")?;
    terminal.flush()?;
    let before = nix::sys::termios::tcgetattr(&terminal).map_err(io::Error::from)?;
    let mut unseen = before.clone();
    unseen.local_flags.remove(nix::sys::termios::LocalFlags::ECHO);
    let set = |settings| {
        nix::sys::termios::tcsetattr(&terminal, nix::sys::termios::SetArg::TCSAFLUSH, settings)
            .map_err(io::Error::from)
    };
    set(&unseen)?;
    let mut line = String::new();
    let read = io::BufRead::read_line(&mut io::BufReader::new(&terminal), &mut line);
    set(&before)?;
    super::talk("");
    read?;
    Ok(line)
}

/// A meter that refused a password is left alone for so long. (F10)
const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);
