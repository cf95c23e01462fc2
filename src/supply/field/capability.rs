//! Whether a meter can be ordered from here, said before anyone plans on it.

use dlt645::password::Level;

use super::Field;
use crate::config::profile::{OrderForm, RelaySwitch};
use crate::domain::{Day, MeterProtocol, Moment};
use crate::store::SecretKind;

/// Whether a meter can be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// By what, or why not.
    pub means: Result<Means, CannotOrder>,
    /// The same for what takes supply away, which waits for tomorrow when the meter refused any password today: of three it
    /// takes none any more, and supply may have to be given back (I18).
    pub cut: Result<Means, CannotOrder>,
    /// Its switch is outside: a cut is proven only by a current that ceases, and closing may happen at once.
    pub is_outside: bool,
    /// It refused what it was told last, and nothing has been replaced since: it may refuse again.
    pub refused_at: Option<Moment>,
}

/// By what an order is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Means {
    /// Its password.
    Password,
    /// A security module (加密机).
    SecurityModule,
}

/// Why a meter cannot be ordered from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.words_en())]
pub enum CannotOrder {
    /// It speaks Modbus, which has no such order.
    Modbus,
    /// It speaks the edition of 1997, which has no such order.
    Edition1997,
    /// It has no switch.
    NoSwitch,
    /// It takes enciphered orders only, and there is no security module.
    NoSecurityModule,
    /// There is no key file, or another one than the passwords are kept under.
    NoKeyFile,
    /// No password is kept for it.
    NoPassword,
    /// It refused what it was told today: once is enough.
    RefusedToday,
    /// The database does not say.
    NotKnown,
}

impl CannotOrder {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Modbus,
        Self::Edition1997,
        Self::NoSwitch,
        Self::NoSecurityModule,
        Self::NoKeyFile,
        Self::NoPassword,
        Self::RefusedToday,
        Self::NotKnown,
    ];

    /// True for what trying again does not change: a person has to see to it.
    #[must_use]
    pub const fn is_certain(self) -> bool {
        !matches!(self, Self::NotKnown)
    }

    /// The reason in words.
    #[must_use]
    pub const fn words_en(self) -> &'static str {
        match self {
            Self::Modbus => "meters that speak Modbus cannot be cut from here",
            Self::Edition1997 => "meters of the 1997 edition cannot be cut from here",
            Self::NoSwitch => "the profile says that the meter has no switch",
            Self::NoSecurityModule => "the meter takes orders from a security module only, and there is none",
            Self::NoKeyFile => "no key file opens the passwords of meters",
            Self::NoPassword => "no password is kept for the meter",
            Self::RefusedToday => {
                "the meter refused password or key today; no other is tried before tomorrow"
            }
            Self::NotKnown => "the database does not say whether there is a password",
        }
    }

    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Modbus => "modbus",
            Self::Edition1997 => "edition_1997",
            Self::NoSwitch => "no_switch",
            Self::NoSecurityModule => "no_security_module",
            Self::NoKeyFile => "no_key_file",
            Self::NoPassword => "no_password",
            Self::RefusedToday => "refused_today",
            Self::NotKnown => "not_known",
        }
    }

    /// The same in Chinese.
    #[must_use]
    pub const fn words_zh(self) -> &'static str {
        match self {
            Self::Modbus => "Modbus 表不能远程停复电",
            Self::Edition1997 => "1997 版表没有停复电命令",
            Self::NoSwitch => "表型注明无负荷开关",
            Self::NoSecurityModule => "该表只接受密文命令，而未配置加密机",
            Self::NoKeyFile => "没有可用的密钥文件，无法取出电能表密码",
            Self::NoPassword => "未保存该表密码",
            Self::RefusedToday => "该表今天已拒绝密码或密钥，明天之前不再尝试",
            Self::NotKnown => "数据库未应答，无法确认密码",
        }
    }
}

pub(super) async fn of(field: &Field) -> Capability {
    let refused_at = refused_at(field).await;
    let means = means(field, refused_at.flatten()).await;
    let is_outside = field.profile.relay.switch == RelaySwitch::Outside;
    let cut = match means {
        Ok(Means::Password) => refused_none(field).await.map(|()| Means::Password),
        means => means,
    };
    Capability { means, cut, is_outside, refused_at: replaced_since(field, refused_at.flatten()).await }
}

async fn means(field: &Field, refused_at: Option<Moment>) -> Result<Means, CannotOrder> {
    let parts = &field.inner.parts;
    let means = statically(field)?;
    let today = Day::of(parts.clock.now());
    let kind = kind_of(means);
    let is_refused = refused_at.is_some_and(|at| Day::of(at) >= today)
        || field.inner.was_refused(field.site.meter_id, kind, today);
    if is_refused {
        return Err(CannotOrder::RefusedToday);
    }
    if means == Means::Password {
        if parts.vault.is_none() {
            return Err(CannotOrder::NoKeyFile);
        }
        let since = parts.store.secret_since(&field.site, &field.profile, Level::CONTROL).await;
        since.map_err(|_| CannotOrder::NotKnown)?.ok_or(CannotOrder::NoPassword)?;
    }
    Ok(means)
}

/// Whether the meter refused no password for parameters today.
async fn refused_none(field: &Field) -> Result<(), CannotOrder> {
    let (inner, meter, kind) = (&field.inner, field.site.meter_id, SecretKind::ParameterPassword);
    let today = Day::of(inner.parts.clock.now());
    let at = inner.parts.store.last_refused_secret(meter, kind).await.map_err(|_| CannotOrder::NotKnown)?;
    let is_refused = at.is_some_and(|at| Day::of(at) >= today) || inner.was_refused(meter, kind, today);
    if is_refused { Err(CannotOrder::RefusedToday) } else { Ok(()) }
}

/// What follows from the make of the meter alone.
pub(super) fn statically(field: &Field) -> Result<Means, CannotOrder> {
    match (field.site.meter.protocol, field.profile.relay.switch, field.profile.relay.orders) {
        (MeterProtocol::Modbus, ..) => Err(CannotOrder::Modbus),
        (MeterProtocol::Dlt1997, ..) => Err(CannotOrder::Edition1997),
        (MeterProtocol::Dlt2007, RelaySwitch::None, _) => Err(CannotOrder::NoSwitch),
        (MeterProtocol::Dlt2007, _, OrderForm::Plain) => Ok(Means::Password),
        (MeterProtocol::Dlt2007, _, OrderForm::Enciphered) if field.inner.security.is_some() => {
            Ok(Means::SecurityModule)
        }
        (MeterProtocol::Dlt2007, _, OrderForm::Enciphered) => Err(CannotOrder::NoSecurityModule),
    }
}

pub(super) const fn kind_of(means: Means) -> SecretKind {
    match means {
        Means::Password => SecretKind::Password,
        Means::SecurityModule => SecretKind::Mac,
    }
}

/// When it last refused what it is signed with; the outer `None` when the database does not say.
async fn refused_at(field: &Field) -> Option<Option<Moment>> {
    let Ok(means) = statically(field) else { return Some(None) };
    field.inner.parts.store.last_refused_secret(field.site.meter_id, kind_of(means)).await.ok()
}

/// The refusal, unless its password was replaced afterwards.
async fn replaced_since(field: &Field, refused_at: Option<Moment>) -> Option<Moment> {
    let at = refused_at?;
    if statically(field) == Ok(Means::SecurityModule) {
        return Some(at);
    }
    let since = field
        .inner
        .parts
        .store
        .secret_since(&field.site, &field.profile, Level::CONTROL)
        .await
        .ok()
        .flatten();
    since.is_none_or(|since| since <= at).then_some(at)
}
