//! What the configuration knows of a site, and whether a line fits it.

use super::fault::FaultKind;
use crate::config::profile::Profiles;
use crate::config::{Framing, Line};
use crate::domain::{Coded, MeterProtocol, Moment};

/// What the lines must fit. What is `None` is not checked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Site<'a> {
    /// The lines of the configuration.
    pub lines: Option<&'a [Line]>,
    /// The profiles of meters.
    pub profiles: Option<&'a Profiles>,
    /// The present: nothing was installed later.
    pub now: Option<Moment>,
}

impl Site<'_> {
    /// What is wrong with the name of a line.
    pub(super) fn line(&self, name: &str) -> Option<FaultKind> {
        let known: Vec<String> = self.lines?.iter().map(|line| line.name.clone()).collect();
        (!known.iter().any(|known| known == name)).then_some(FaultKind::UnknownLine { known })
    }

    /// Whether only meters that speak Modbus may hang on a line.
    pub(super) fn is_for_modbus(&self, name: &str) -> bool {
        let mut lines = self.lines.into_iter().flatten();
        lines.any(|line| line.name == name && line.framing == Framing::ModbusTcp)
    }

    /// What is wrong with the name of a profile, or with having none.
    pub(super) fn profile(&self, name: Option<&str>, protocol: MeterProtocol) -> Option<FaultKind> {
        let profiles = self.profiles?;
        if profiles.of(name, protocol).is_some() {
            return None;
        }
        Some(match name.and_then(|name| profiles.named(name)) {
            Some(other) => FaultKind::OtherProtocol { profile: other.protocol.name() },
            None => {
                let of_protocol = profiles.all().filter(|profile| profile.protocol == protocol);
                let known = of_protocol.map(|profile| profile.name.clone()).collect();
                FaultKind::UnknownProfile { protocol: protocol.name(), known }
            }
        })
    }

    /// What is wrong with the time of an installation.
    pub(super) fn installed_at(&self, at: Moment) -> Option<FaultKind> {
        (at > self.now?).then_some(FaultKind::Future)
    }
}
