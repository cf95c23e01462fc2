//! What can go wrong with the store, and what to do then.

use super::tenure::Holder;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database does not answer, is full, read-only or restarting. What was asked may or may not have been done;
    /// doing it again is harmless.
    #[error("the database is not available for {doing}")]
    Unavailable {
        /// What was to be done.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// Something else stands where this wants to be.
    #[error("{doing} meets what is there already")]
    Conflict {
        /// What was to be done.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// The database, or what it was asked, is not as this version knows it.
    #[error("the database cannot be right: {doing}")]
    Inconsistent {
        /// What was to be done.
        doing: &'static str,
        /// What the database said.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// The audit log does not take an entry, and without it nothing is done (T26).
    #[error("the audit log does not take an entry, so nothing was done")]
    AuditRefused(#[source] Box<Self>),
    /// A number that stands for a member of a closed list, and is none.
    #[error("{list} holds {found}, which this version does not know")]
    Unknown {
        /// The list.
        list: &'static str,
        /// The number or text.
        found: String,
    },
    /// A newer version has changed the tables.
    #[error("the database has schema {found}, this version knows up to {known}: run the newer version")]
    NewerSchema {
        /// What the database has.
        found: i64,
        /// What this version has.
        known: i64,
    },
    /// The tables are older than this version, which was told not to change them.
    #[error("{}", told_older(*.found, *.needed))]
    OlderSchema {
        /// What the database has.
        found: i64,
        /// What this version needs.
        needed: i64,
    },
    /// The account of the database has no right to it.
    #[error(
        "the account of the database may not do this: {doing}: {said}; rights of the service come from \
         `chaobiao migrate --owner FILE`, and a restore wants --owner FILE, the address of the account that owns the tables  \
         数据库账号权限不足：服务账号的权限由 chaobiao migrate --owner 文件 授予；恢复须用 --owner 指定属主地址文件"
    )]
    NotAllowed {
        /// What was to be done.
        doing: &'static str,
        /// What the database said.
        said: String,
    },
    /// Another instance serves the site: the tables are not changed under it.
    #[error(
        "the site is served by {}, version {}: stop it before this version changes the database  \
         站点正由其他实例提供服务，请先停止再升级数据库", .0.name, .0.version
    )]
    Served(Box<Holder>),
    /// A migration that was applied is not the one of this version.
    #[error("schema {version} was made by another text than that of this version")]
    OtherSchema {
        /// Which.
        version: i64,
    },
    /// With this setting the database may lose what it said it had kept.
    #[error("the database runs with {setting} = {found}, but must run with {wanted}")]
    UnsafeSetting {
        /// The setting.
        setting: &'static str,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A restore into it broke off.
    #[error(
        "a restore into this database broke off: make the database anew and restore again  \
         恢复到该数据库的操作中断，请重建数据库后重新恢复"
    )]
    UnfinishedRestore,
    /// Another instance serves the site: what this one wanted to write is not written.
    #[error("another instance has taken the site over")]
    Overtaken,
    /// The address of the database is none.
    #[error("a database is named as sqlite:PATH or postgres://USER@HOST/NAME")]
    Address,
    /// What was asked breaks a rule of the store.
    #[error("{0}")]
    Refused(Refusal),
}

fn told_older(found: i64, needed: i64) -> String {
    if found == 0 {
        return "there are no tables yet: run `chaobiao migrate`, on PostgreSQL with --owner and the address of the account that owns \
                them  尚未建表：请执行 chaobiao migrate（PostgreSQL 加 --owner 属主地址文件）"
            .to_owned();
    }
    format!(
        "the database has schema {found}, this version needs {needed}: make a backup with the version that served it, then run \
         `chaobiao migrate`, on PostgreSQL with --owner and the address of the account that owns the tables  \
         数据库结构为 {found}，本版本需要 {needed}：请先用原版本备份，再执行 chaobiao migrate（PostgreSQL 加 --owner 属主地址文件）"
    )
}

/// A rule of the store that was broken by the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A number of another exchange was used again.
    #[error("the number of this fetch belongs to another one")]
    FetchNumber,
    /// A fetch spans more than a day.
    #[error("a fetch may span one day at most")]
    FetchSpan,
    /// There is no such meter, point, run or row.
    #[error("it is not there")]
    NotThere,
    /// There is an account of this name.
    #[error("there is an account of this name already")]
    NameTaken,
    /// The person has another of the roles of which a person may hold one only.
    #[error("the person holds another role that excludes this one")]
    RoleHeld,
    /// Somebody else has changed it since it was read.
    #[error("it was changed since it was read")]
    Stale,
    /// The same person may not do both.
    #[error("another person has to do this")]
    SamePerson,
    /// The row is not as it was written. (F42)
    #[error("what is kept of it is damaged")]
    Damaged,
    /// An entry of what was handed in, by its place from 1 on, tells of a time that has not come. (F44)
    #[error("entry {0} lies in the future  第 {0} 条的时间在将来")]
    Ahead(usize),
    /// A text is longer than anybody reads, or holds what is no text.
    #[error(
        "a text has at most 500 characters and no control characters  文字不得超过 500 个字符，且不含控制字符"
    )]
    Text,
    /// Other writers were faster again and again.
    #[error("other writers were faster")]
    Raced,
    /// A request with the same key was done before. (T18)
    #[error("a request with this key was done before")]
    DoneBefore,
}

/// What a caller can do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Remedy {
    /// Try again later.
    Retry,
    /// Ask, since something else stands there.
    Ask,
    /// Stop: trying again does not help.
    Stop,
}

impl StoreError {
    /// Its kind, for metrics and problem codes.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "store_unavailable",
            Self::Conflict { .. } => "store_conflict",
            Self::Inconsistent { .. } | Self::Unknown { .. } | Self::NotAllowed { .. } => {
                "store_inconsistent"
            }
            Self::NewerSchema { .. } | Self::OlderSchema { .. } | Self::OtherSchema { .. } => "store_schema",
            Self::AuditRefused(_) => "audit_refused",
            Self::Served(_) => "store_served",
            Self::UnsafeSetting { .. } => "store_unsafe_setting",
            Self::UnfinishedRestore => "store_unfinished_restore",
            Self::Overtaken => "store_overtaken",
            Self::Address => "store_address",
            Self::Refused(_) => "store_refused",
        }
    }

    /// Why the database is not available, for people and machines that watch: a word from a closed set.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        let Self::Unavailable { source, .. } = self else { return self.kind() };
        let database = match &**source {
            sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::TimedOut => return "database_hangs",
            sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                return "database_full";
            }
            sqlx::Error::PoolTimedOut => return "database_busy",
            sqlx::Error::Database(database) => database,
            _ => return "database_unreachable",
        };
        let code = database.code().unwrap_or_default();
        let is_file = database.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some();
        let plain = code.parse::<i64>().map_or(0, |code| code & 0xFF);
        match (is_file, plain, &*code) {
            (true, 8, _) | (false, _, "25006") => "database_read_only",
            (true, 13, _) | (false, _, "53100") => "database_full",
            (true, 5 | 6, _) | (false, _, "55P03") => "database_locked",
            (true, ..) => "database_unreachable",
            (_, _, "53300") => "database_connections",
            (_, _, "57014") => "database_slow",
            (_, _, "57P01" | "57P02" | "57P03") => "database_restarts",
            _ => "database_refuses",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        match self {
            Self::Unavailable { .. } => Remedy::Retry,
            Self::Conflict { .. } | Self::Refused(_) => Remedy::Ask,
            _ => Remedy::Stop,
        }
    }

    /// What the audit log says that does not take an entry, unless it may take it the next time.
    pub(super) fn of_audit(error: Self) -> Self {
        if matches!(error.remedy(), Remedy::Retry) { error } else { Self::AuditRefused(Box::new(error)) }
    }

    /// Sorts an error of the database.
    pub(super) fn of(doing: &'static str, source: sqlx::Error) -> Self {
        if let Some(database) = source.as_database_error()
            && database.code().is_some_and(|code| code == MAY_NOT)
        {
            return Self::NotAllowed { doing, said: database.message().to_owned() };
        }
        let remedy = remedy_for(&source);
        let source = Box::new(source);
        match remedy {
            Remedy::Retry => Self::Unavailable { doing, source },
            Remedy::Ask => Self::Conflict { doing, source },
            Remedy::Stop => Self::Inconsistent { doing, source },
        }
    }
}

fn remedy_for(error: &sqlx::Error) -> Remedy {
    let database = match error {
        sqlx::Error::Database(database) => database,
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => return Remedy::Retry,
        _ => return Remedy::Stop,
    };
    if database.is_unique_violation() {
        return Remedy::Ask;
    }
    let code = database.code().unwrap_or_default();
    if let Some(sqlite) = database.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
        // Extended codes keep the plain one in their low byte.
        let extended: i64 =
            sqlx::error::DatabaseError::code(sqlite).and_then(|code| code.parse().ok()).unwrap_or(0);
        return if SQLITE_PASSES.contains(&(extended & 0xFF)) { Remedy::Retry } else { Remedy::Stop };
    }
    if POSTGRES_PASSES.iter().any(|class| code.starts_with(class)) { Remedy::Retry } else { Remedy::Stop }
}

/// PostgreSQL: a right is missing.
const MAY_NOT: &str = "42501";

/// Busy, locked, read-only, input or output failed, full, cannot open.
const SQLITE_PASSES: [i64; 6] = [5, 6, 8, 10, 13, 14];

/// Connection, read-only transaction, serialisation and deadlock, resources, locks, shut down, system errors.
const POSTGRES_PASSES: [&str; 7] = ["08", "25006", "40", "53", "55", "57", "58"];
