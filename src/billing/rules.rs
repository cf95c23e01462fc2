//! What is billed, and by which rules: taken from the configuration.

use std::collections::HashMap;
use std::time::Duration;

use super::compute;
use crate::config::profile::{MeterProfile, Profiles};
use crate::config::{Config, LEDGER};
use crate::domain::register::RegisterLimits;
use crate::domain::{BillingKind, Coded, Day, Id, Item, Meter, Moment};
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

    /// What values are computed by, besides what happened: where it is another text, what is open may be computed now.
    pub(super) fn text(&self) -> String {
        let Self { items, window, profiles, .. } = self;
        let items: Vec<String> = items.iter().map(|item| item.code().to_string()).collect();
        let profile = |profile: &MeterProfile| {
            let MeterProfile { name, protocol, whole_digits, most_watts, .. } = profile;
            format!("{name} {}: {whole_digits} digits, {most_watts} W", protocol.name())
        };
        // The first one of a protocol is that of meters which name none.
        let profiles: Vec<String> = profiles.all().map(profile).collect();
        format!("{}; {} s; {}", items.join(" "), window.as_secs(), profiles.join("; "))
    }

    /// The items that are used up, and so have consumptions.
    pub(super) fn used(&self) -> Vec<Item> {
        self.items.iter().copied().filter(|item| compute::has(*item, BillingKind::Consumption)).collect()
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

    #[test]
    fn other_limits_another_window_and_other_items_are_other_rules() {
        let rules = |text: &str| {
            let text = format!("[database]\npath = \"a.db\"\n{text}");
            Rules::of(&Config::parse(Path::new("chaobiao.toml"), &text).unwrap().config).text()
        };
        let one = rules("");
        assert_eq!(rules("[[billing.receivers]]\nname = \"a\"\nkind = \"csv\"\ndirectory = \"d\"\n"), one);
        assert_ne!(rules("[collection]\ndeadline = \"05:31\"\n"), one);
        assert_ne!(rules("[collection]\nregisters = [\"1.8.0\"]\n"), one);
        assert!(one.contains(" digits, ") && one.contains(" W"), "{one}");
    }
}
