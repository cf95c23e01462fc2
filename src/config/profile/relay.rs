//! `[relay]` of a profile: the load switch, how it takes orders, and by what it is judged.

use std::time::Duration;

use crate::config::section::Section;
use crate::config::setting::Choice;

/// The load switch of a make of meter (负荷开关).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayProfile {
    /// Where it is.
    pub switch: RelaySwitch,
    /// How it takes orders.
    pub orders: OrderForm,
    /// Whether the answer to an enciphered order tells in a word what the meter set about (补遗四).
    pub execution_word: bool,
    /// Below so many 0.001 A, as the meter measures them, nothing flows.
    pub open_below_milliamps: u32,
    /// From so many amperes on it waits before it opens.
    pub large_current_amps: u32,
    /// How long switch and status bits may take.
    pub settles_within: Duration,
    /// How long it warns before it trips, where the meter does not say.
    pub trip_delay: Duration,
}

/// Where the switch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelaySwitch {
    /// There is none.
    None,
    /// In the meter (内置).
    Inside,
    /// Outside, driven by the meter (外置): its status bit is that of the drive.
    Outside,
}

/// How a meter takes orders to its switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderForm {
    /// With a password.
    Plain,
    /// From a security module only.
    Enciphered,
}

impl RelayProfile {
    /// What a meter of 2007 with a switch of its own is like.
    pub(super) const PLAIN: Self = Self {
        switch: RelaySwitch::Inside,
        orders: OrderForm::Plain,
        execution_word: false,
        open_below_milliamps: 20,
        large_current_amps: 30,
        settles_within: Duration::from_secs(30),
        trip_delay: Duration::ZERO,
    };

    pub(super) fn read(&mut self, section: &mut Section<'_>) {
        let seconds = Duration::from_secs;
        self.switch = section.value("switch", .., self.switch);
        self.orders = section.value("orders", .., self.orders);
        self.execution_word = section.value("execution_word", .., self.execution_word);
        self.open_below_milliamps =
            section.value("open_below_milliamps", 1..=1000, self.open_below_milliamps);
        self.large_current_amps = section.value("large_current_amps", 1..=1000, self.large_current_amps);
        self.settles_within = section.value("settles_within", seconds(1)..=seconds(600), self.settles_within);
        self.trip_delay = section.value("trip_delay", seconds(0)..=seconds(36_000), self.trip_delay);
    }
}

impl Choice for RelaySwitch {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self::Inside, "inside"), (Self::Outside, "outside"), (Self::None, "none")]
    }
}

impl Choice for OrderForm {
    fn choices() -> Vec<(Self, &'static str)> {
        vec![(Self::Plain, "plain"), (Self::Enciphered, "enciphered")]
    }
}
