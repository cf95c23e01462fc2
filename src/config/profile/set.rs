//! All profiles: those that are built in and those of a directory.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use dlt645::password::DigitOrder;

use super::{MeterProfile, RegisterMap, RelayProfile, RelaySwitch, TextOrder};
use crate::config::fault::{Fault, FaultKind};
use crate::config::section::{Section, Source};
use crate::config::{ConfigError, Faults};
use crate::domain::MeterProtocol;

/// All profiles, each with a name of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profiles(Vec<MeterProfile>);

impl Default for Profiles {
    /// Those that are built in.
    fn default() -> Self {
        Self(BUILT_IN.clone())
    }
}

impl Profiles {
    /// The profile with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&MeterProfile> {
        self.0.iter().find(|profile| profile.name == name)
    }

    /// The profile of a meter whose archive names one or none; `None` when there is none of that name and protocol.
    #[must_use]
    pub fn of(&self, name: Option<&str>, protocol: MeterProtocol) -> Option<&MeterProfile> {
        let mut of_protocol = self.0.iter().filter(|profile| profile.protocol == protocol);
        match name {
            Some(name) => of_protocol.find(|profile| profile.name == name),
            None => of_protocol.next(),
        }
    }

    /// All of them, those that are built in first.
    pub fn all(&self) -> impl Iterator<Item = &MeterProfile> {
        self.0.iter()
    }

    /// Reads `[profiles]` and every file of its directory; the faults of those files come beside.
    pub(in crate::config) fn read(section: &mut Section<'_>, base: &Path) -> (Self, Vec<Fault>) {
        let mut profiles = Self::default();
        let Some(directory) = section.optional::<PathBuf>("directory", ..) else {
            return (profiles, Vec::new());
        };
        let files = match files(&base.join(directory)) {
            Ok(files) => files,
            Err(error) => {
                section.fault("directory", FaultKind::File(error.kind()));
                return (profiles, Vec::new());
            }
        };
        let faults = files.iter().flat_map(|file| profiles.add(file)).collect();
        let names: Vec<&str> = profiles.all().map(|profile| profile.name.as_str()).collect();
        section.remark(names.join(", "));
        (profiles, faults)
    }

    /// The profile of one file alone, besides those that are built in.
    ///
    /// # Errors
    /// [`ConfigError`] says that it cannot be read, or every fault in it.
    pub fn of_file(file: &Path) -> Result<MeterProfile, ConfigError> {
        let mut profiles = Self::default();
        let faults = profiles.add(file);
        match profiles.0.pop() {
            Some(profile) if faults.is_empty() => Ok(profile),
            _ => Err(ConfigError::Faulty(Faults(faults))),
        }
    }

    /// Adds the profile of a file, or says what is wrong with it.
    fn add(&mut self, file: &Path) -> Vec<Fault> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) => return vec![of_file(file, FaultKind::File(error.kind()))],
        };
        let (profile, mut faults, _) = Source::new(file, &text).read(|root| {
            let profile = super::read(root, &BUILT_IN, &PLAIN_2007);
            root.check(self.named(&profile.name).is_none(), &["name"], FaultKind::Taken { line: None });
            profile
        });
        if faults.is_empty() {
            self.0.push(profile);
        }
        faults.sort_by_key(|fault| fault.line);
        faults
    }
}

/// The profile files of a directory, in the order of their names.
fn files(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn of_file(file: &Path, kind: FaultKind) -> Fault {
    Fault { file: file.to_owned(), line: None, key: String::new(), value: None, kind }
}

/// What the standard of 2007 says.
static PLAIN_2007: LazyLock<MeterProfile> = LazyLock::new(|| MeterProfile {
    name: String::new(),
    about: String::new(),
    protocol: MeterProtocol::Dlt2007,
    baud: None,
    parity: None,
    wake_up_bytes: 4,
    answer_preamble: 4,
    answer_delay: Duration::from_millis(500),
    byte_gap: Duration::from_millis(500),
    quiet_after_answer: Duration::from_millis(30),
    whole_digits: 6,
    tariffs: 4,
    most_watts: 13_200,
    daily_freezes: 62,
    load_record: true,
    relay: RelayProfile::PLAIN,
    password_order: DigitOrder::LowFirst,
    text_order: TextOrder::LastFirst,
    lacks: Vec::new(),
    differences: Vec::new(),
    map: RegisterMap::default(),
});

/// What a meter that speaks Modbus is like before its file is read.
pub(super) static PLAIN_MODBUS: LazyLock<MeterProfile> = LazyLock::new(|| MeterProfile {
    protocol: MeterProtocol::Modbus,
    wake_up_bytes: 0,
    answer_preamble: 0,
    // No standard says how long one may take; a second is what most makers ask for.
    answer_delay: Duration::from_millis(1000),
    byte_gap: Duration::from_millis(200),
    whole_digits: 8,
    tariffs: 0,
    most_watts: 66_000,
    daily_freezes: 0,
    load_record: false,
    relay: RelayProfile { switch: RelaySwitch::None, ..RelayProfile::PLAIN },
    ..PLAIN_2007.clone()
});

/// The profiles that are built in; the first of a protocol is that of meters without one.
static BUILT_IN: LazyLock<Vec<MeterProfile>> = LazyLock::new(|| {
    let plain_1997 = MeterProfile {
        protocol: MeterProtocol::Dlt1997,
        daily_freezes: 0,
        load_record: false,
        // The edition has no order to a switch. [645-1997 2]
        relay: RelayProfile { switch: RelaySwitch::None, ..RelayProfile::PLAIN },
        ..PLAIN_2007.clone()
    };
    let read = |(file, text, plain): (&str, &str, &MeterProfile)| {
        let (profile, faults, _) =
            Source::new(Path::new(file), text).read(|root| super::read(root, &[], plain));
        debug_assert!(faults.is_empty(), "{faults:?}");
        profile
    };
    vec![
        read(("645-2007-single-phase.toml", include_str!("builtin/645-2007-single-phase.toml"), &PLAIN_2007)),
        read(("645-2007-three-phase.toml", include_str!("builtin/645-2007-three-phase.toml"), &PLAIN_2007)),
        read(("645-1997.toml", include_str!("builtin/645-1997.toml"), &plain_1997)),
    ]
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_in_is_without_fault_and_the_first_is_the_default() {
        let profiles = Profiles::default();
        let name = |protocol| profiles.of(None, protocol).map(|profile| profile.name.as_str());
        assert_eq!(name(MeterProtocol::Dlt2007), Some("645-2007-single-phase"));
        assert_eq!(name(MeterProtocol::Dlt1997), Some("645-1997"));
        assert_eq!(name(MeterProtocol::Modbus), None);
        assert!(profiles.of(Some("645-1997"), MeterProtocol::Dlt2007).is_none());
    }
}
