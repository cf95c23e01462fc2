//! What is billed, and by which rules: taken from the configuration.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::profile::Profiles;
use crate::config::{Config, LEDGER};
use crate::domain::register::RegisterLimits;
use crate::domain::{Day, Id, Item, Meter, Moment};
use crate::store::billing::MeterType;

/// What is billed and how.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What is measured, tariffs with it.
    pub items: Vec<Item>,
    /// How long behind a midnight a live reading may stand in for it.
    pub window: Duration,
    /// What the registers of meters can show.
    pub profiles: Profiles,
    /// Who is given every version.
    pub receivers: Vec<String>,
}

impl Rules {
    /// The rules of a configuration: what the nightly run reads, with all tariffs that any profile counts, until the
    /// deadline of the run, for the built-in ledger and every receiver beside it.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let tariffs = config.profiles.all().map(|profile| profile.tariffs).max().unwrap_or(0);
        let all = |total: &Item| {
            let total = *total;
            (0..=tariffs).filter_map(move |tariff| total.with_tariff(tariff))
        };
        let others = config.receivers.iter().map(|receiver| receiver.name.clone());
        let receivers = std::iter::once(LEDGER.to_owned()).chain(others);
        let any_day = Day::of(Moment::from_micros(0));
        Self {
            items: config.collection.registers.iter().flat_map(all).collect(),
            window: config.collection.deadline.on(any_day).since(any_day.start()),
            profiles: config.profiles.clone(),
            receivers: receivers.collect(),
        }
    }

    /// The limits of a meter's register; `None` for a meter whose profile is not known and for what is no energy.
    pub(super) fn limits(
        &self,
        types: &HashMap<Id<Meter>, MeterType>,
        meter: Id<Meter>,
        item: Item,
    ) -> Option<RegisterLimits> {
        let MeterType { protocol, profile, .. } = types.get(&meter)?;
        self.profiles.of(profile.as_deref(), *protocol)?.limits(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_rules_are_those_of_the_nightly_run() {
        let text = "[database]\npath = \"a.db\"\n[collection]\nregisters = [\"1.8.0\", \"1.6.0\"]\ndeadline = \"05:30\"\n";
        let config = Config::parse(Path::new("chaobiao.toml"), text).unwrap().config;
        let rules = Rules::of(&config);
        let codes: Vec<String> = rules.items.iter().map(|item| item.code().to_string()).collect();
        assert_eq!(codes.len(), 10, "{codes:?}");
        assert_eq!((codes[0].as_str(), codes[9].as_str()), ("1-0:1.8.0", "1-0:1.6.4"));
        assert_eq!(rules.window, Duration::from_secs(19_800));
        assert_eq!(rules.receivers, ["ledger"]);
    }
}
