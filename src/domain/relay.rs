//! What the status word and the currents of a meter prove about its relay (F46, I13).
//!
//! An order that was accepted is not one that was carried out. [`judge`] says what looks taken after an order show: it is
//! [`Proof::Proven`], or it may still come about, or it did not, or nobody can tell, always with the reason. It never says
//! more than the looks do: what the meter told before the order counts for nothing but the currents that flowed then.
//! Taking the looks is left to `supply`, and so is what follows from them.

use std::time::Duration;

use super::moment::Moment;

/// Status word 3 of a meter (电表运行状态字3), `04000503`. [645-2007 7]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StatusWord3(u16);

/// What a meter runs on (供电方式).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PowerSource {
    /// The mains (主电源).
    Mains,
    /// An auxiliary supply (辅助电源).
    Auxiliary,
    /// Its battery (电池).
    Battery,
    /// A pattern of bits that means nothing.
    Reserved,
}

/// How a meter is paid for (预付费类型).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Prepaid {
    /// Afterwards (非预付费表).
    No,
    /// By energy (电量型预付费表).
    Energy,
    /// By money (电费型预付费表).
    Money,
    /// A pattern of bits that means nothing.
    Reserved,
}

impl StatusWord3 {
    /// The word with these bits.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The word of an answer, low byte first.
    #[must_use]
    pub const fn from_wire(wire: [u8; 2]) -> Self {
        Self(u16::from_le_bytes(wire))
    }

    /// All its bits.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// b2 b1: what the meter runs on.
    #[must_use]
    pub const fn power_source(self) -> PowerSource {
        match self.0 >> 1 & 3 {
            0 => PowerSource::Mains,
            1 => PowerSource::Auxiliary,
            2 => PowerSource::Battery,
            _ => PowerSource::Reserved,
        }
    }

    /// b3: parameters may be written (编程允许).
    #[must_use]
    pub const fn allows_programming(self) -> bool {
        self.has(3)
    }

    /// b4: the relay is open (继电器状态).
    #[must_use]
    pub const fn is_open(self) -> bool {
        self.has(4)
    }

    /// b6: it was told to be open (继电器命令状态).
    #[must_use]
    pub const fn is_ordered_open(self) -> bool {
        self.has(6)
    }

    /// b7: it is about to trip (预跳闸报警状态).
    #[must_use]
    pub const fn is_about_to_trip(self) -> bool {
        self.has(7)
    }

    /// b9 b8: how the meter is paid for (电能表类型).
    #[must_use]
    pub const fn prepaid(self) -> Prepaid {
        match self.0 >> 8 & 3 {
            0 => Prepaid::No,
            1 => Prepaid::Energy,
            2 => Prepaid::Money,
            _ => Prepaid::Reserved,
        }
    }

    /// b12: supply is held (保电状态).
    #[must_use]
    pub const fn is_held(self) -> bool {
        self.has(12)
    }

    /// b13: an identity authentication is valid (身份认证状态).
    #[must_use]
    pub const fn is_authenticated(self) -> bool {
        self.has(13)
    }

    const fn has(self, bit: u8) -> bool {
        self.0 >> bit & 1 == 1
    }
}

/// The currents of the phases as the meter measures them, behind its transformers if it has any, in 0.001 A; `None` for a
/// phase that the meter says nothing of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Currents(pub [Option<i64>; 3]);

impl Currents {
    /// The largest, whichever way it flows; `None` when the meter says nothing of any phase.
    #[must_use]
    pub fn largest(self) -> Option<u64> {
        self.0.iter().flatten().map(|current| current.unsigned_abs()).max()
    }
}

/// Status word 3 and the currents of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// When the meter was asked: what it said held then or later.
    pub at: Moment,
    /// The word.
    pub status: StatusWord3,
    /// The currents.
    pub currents: Currents,
}

/// What an order is to bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expectation {
    /// Supply is cut.
    Open,
    /// Supply is back.
    Closed,
    /// The customer may close by pressing the key (合闸允许).
    Permitted,
    /// Supply is held (保电).
    Held,
    /// Supply is not held.
    NotHeld,
    /// The alarm sounds.
    AlarmOn,
    /// It does not.
    AlarmOff,
}

impl Expectation {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Open, Self::Closed, Self::Permitted, Self::Held, Self::NotHeld, Self::AlarmOn, Self::AlarmOff];
}

/// Where the switch is that the meter moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Switch {
    /// In the meter (内置): its status bit is that of the contact.
    Inside,
    /// Outside (外置): its status bit is that of the drive, and only currents tell of the contact.
    Outside,
}

/// By what looks are judged. The currents are in 0.001 A, as the meter measures them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Where the switch is.
    pub switch: Switch,
    /// Below this nothing flows.
    pub open_below: u64,
    /// From this on a relay waits for the current to fall before it opens.
    pub large_current: u64,
    /// How long it waits for that at most.
    pub large_current_wait: Duration,
    /// How far two looks have to be apart that show an open relay.
    pub apart: Duration,
    /// How long relay and status bits may take.
    pub settles_within: Duration,
    /// How long the meter warns before it trips (跳闸延时).
    pub trip_delay: Duration,
}

/// What is known of the frame that the order went out in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it had been sent and answered, or its answer given up.
    pub at: Moment,
    /// Until when the meter may obey it, by our clock.
    pub until: Moment,
    /// The meter has accepted it. If it has not, it may have all the same.
    pub is_accepted: bool,
}

/// What looks show of what an order was to bring about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// It is so.
    Proven(Proven),
    /// It may come about yet: look again.
    Waiting(Wait),
    /// It has not come about, and will not by this order.
    Failed(Failure),
    /// The looks do not tell. Only further looks, or people, can (R6).
    Unknown(Doubt),
}

/// What is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proven {
    /// The relay is open and nothing flows.
    Open(CurrentEvidence),
    /// The relay is closed.
    Closed,
    /// The relay is open, and the customer must press the key.
    Permitted,
    /// Supply is held.
    Held,
    /// It is not.
    NotHeld,
}

/// What the currents add to the status of an open relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CurrentEvidence {
    /// Something flowed before, and nothing now.
    Fell,
    /// Nothing flowed before either: the currents prove nothing.
    NothingFlowedBefore,
    /// What flowed before is not known: the currents prove little.
    NotKnownBefore,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wait {
    /// A look that was taken after the order.
    FirstLook,
    /// Another look, from this moment on.
    SecondLook(Moment),
    /// The relay and its status bits.
    Settling,
    /// The end of the trip delay (跳闸延时).
    TripDelay,
    /// A smaller current: the relay does not open under so large a one.
    LargeCurrent,
    /// The end of the time in which the meter may obey an order that it has not answered.
    Expiry,
}

/// What has not come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failure {
    /// The relay is closed and not told to open.
    StillClosed,
    /// The relay is open and told to be.
    StillOpen,
    /// The relay is closed, and the meter is about to trip.
    AboutToTrip,
    /// Supply is not held.
    NotHeld,
    /// Supply is held.
    StillHeld,
}

/// Why looks do not tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// The relay is not as it was told, for longer than that may take (b4 and b6): a fault of the relay.
    Disagreement,
    /// The relay says that it is open, and something flows.
    CurrentFlows,
    /// A phase that had a current shows none any more, or the meter shows no current at all.
    NoCurrents,
    /// The switch is outside the meter and no current tells of it.
    NotMeasured,
    /// The meter has no bit that shows it.
    NotShown,
}

impl Proof {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Proven(_) => "proven",
            Self::Waiting(_) => "waiting",
            Self::Failed(_) => "failed",
            Self::Unknown(_) => "unknown",
        }
    }

    /// What it says, in English and in Chinese.
    #[must_use]
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Proven(proven) => proven.words(),
            Self::Waiting(wait) => wait.words(),
            Self::Failed(failure) => failure.words(),
            Self::Unknown(doubt) => doubt.words(),
        }
    }
}

impl Proven {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Open(CurrentEvidence::Fell) => {
                ("the relay is open and the current has ceased", "已断开，电流已消失")
            }
            Self::Open(CurrentEvidence::NothingFlowedBefore) => (
                "the relay is open; nothing flowed before, so the currents prove nothing",
                "已断开；操作前无电流，电流不能佐证",
            ),
            Self::Open(CurrentEvidence::NotKnownBefore) => (
                "the relay is open and nothing flows; what flowed before is not known",
                "已断开，当前无电流；操作前电流未知",
            ),
            Self::Closed => ("the relay is closed", "已合闸"),
            Self::Permitted => ("permitted: the customer must press the key", "已允许合闸，须用户按键合闸"),
            Self::Held => ("supply is held", "已保电"),
            Self::NotHeld => ("supply is not held", "未保电"),
        }
    }
}

impl Wait {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::FirstLook => ("not looked at since the order", "下令后尚未查看"),
            Self::SecondLook(_) => ("open; a second look is due", "已断开，待二次确认"),
            Self::Settling => ("the relay has not settled", "等待继电器动作"),
            Self::TripDelay => ("the trip delay runs", "跳闸延时中"),
            Self::LargeCurrent => {
                ("the current is too large to open under, the relay waits", "电流过大，等待电流下降后跳闸")
            }
            Self::Expiry => {
                ("not answered; the meter may obey until the deadline", "未应答，截止时间前仍可能执行")
            }
        }
    }
}

impl Failure {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::StillClosed => ("the relay is closed and not told to open", "仍为合闸，跳闸命令未生效"),
            Self::StillOpen => ("the relay is open and not told to close", "仍为断开，合闸命令未生效"),
            Self::AboutToTrip => (
                "the relay is closed, but the meter is about to trip",
                "当前为合闸，但电能表处于预跳闸状态，即将跳闸",
            ),
            Self::NotHeld => ("supply is not held", "保电未生效"),
            Self::StillHeld => ("supply is still held", "仍处于保电状态"),
        }
    }
}

impl Doubt {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Disagreement => {
                ("relay and order disagree: perhaps a fault of the relay", "继电器状态与命令不一致，可能故障")
            }
            Self::CurrentFlows => {
                ("the relay says that it is open, but current flows", "继电器显示断开，但仍有电流")
            }
            Self::NoCurrents => ("the meter shows no currents", "表计未给出电流"),
            Self::NotMeasured => {
                ("the switch is outside the meter and no current tells of it", "外置开关，无电流可佐证")
            }
            Self::NotShown => ("the meter has no bit that shows it", "表计无状态位可查"),
        }
    }
}

/// Judges looks, in order of time, by what an order was to bring about. Only those count that were taken after the order.
#[must_use]
pub fn judge(
    before: Option<&Look>,
    looks: &[Look],
    expectation: Expectation,
    told: Told,
    rules: &Rules,
) -> Proof {
    let after = looks.partition_point(|look| look.at < told.at);
    let looks = looks.get(after..).unwrap_or_default();
    let Some(last) = looks.last() else { return Proof::Waiting(Wait::FirstLook) };
    let case = Case { before: before.map(|before| before.currents), looks, last, told, rules };
    match expectation {
        Expectation::Open => case.open(),
        Expectation::Closed => case.closed(),
        Expectation::Permitted => case.permitted(),
        Expectation::Held if last.status.is_held() => Proof::Proven(Proven::Held),
        Expectation::Held => case.not_in_force(Failure::NotHeld),
        Expectation::NotHeld if !last.status.is_held() => Proof::Proven(Proven::NotHeld),
        Expectation::NotHeld => case.not_in_force(Failure::StillHeld),
        Expectation::AlarmOn | Expectation::AlarmOff => Proof::Unknown(Doubt::NotShown),
    }
}

struct Case<'a> {
    before: Option<Currents>,
    looks: &'a [Look],
    last: &'a Look,
    told: Told,
    rules: &'a Rules,
}

/// What the currents of a look say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Nothing,
    Something,
    NotKnown,
}

impl Case<'_> {
    fn open(&self) -> Proof {
        let is_inside = self.rules.switch == Switch::Inside;
        match (self.last.status.is_ordered_open(), self.last.status.is_open()) {
            (true, true) => self.open_by_current(),
            (true, false) if is_inside => self.not_open_yet(),
            (true, false) => self.open_by_current(),
            (false, true) if is_inside => self.disagreement(),
            (false, false) if self.last.status.is_about_to_trip() => self.not_open_yet(),
            (false, _) => self.not_in_force(Failure::StillClosed),
        }
    }

    /// It is told to open and has not.
    fn not_open_yet(&self) -> Proof {
        let is_large = self.last.currents.largest().is_some_and(|most| most >= self.rules.large_current);
        let says_so = self.last.status.is_about_to_trip() && self.is_within(LONGEST_DELAY);
        if self.is_within(self.rules.trip_delay + self.rules.settles_within) {
            Proof::Waiting(Wait::TripDelay)
        } else if is_large && self.is_within(self.rules.large_current_wait) {
            Proof::Waiting(Wait::LargeCurrent)
        } else if says_so {
            Proof::Waiting(Wait::TripDelay)
        } else {
            Proof::Unknown(Doubt::Disagreement)
        }
    }

    /// The status says that it is open, as far as it tells.
    fn open_by_current(&self) -> Proof {
        match self.flow(self.last) {
            Flow::NotKnown => return Proof::Unknown(Doubt::NoCurrents),
            Flow::Something if self.is_within(self.rules.settles_within) => {
                return Proof::Waiting(Wait::Settling);
            }
            Flow::Something if self.rules.switch == Switch::Outside => return self.not_open_yet(),
            Flow::Something => return Proof::Unknown(Doubt::CurrentFlows),
            Flow::Nothing => {}
        }
        let evidence = match self.before.map(Currents::largest) {
            Some(Some(most)) if most >= self.rules.open_below => CurrentEvidence::Fell,
            Some(Some(_)) => CurrentEvidence::NothingFlowedBefore,
            Some(None) | None => CurrentEvidence::NotKnownBefore,
        };
        if self.rules.switch == Switch::Outside && evidence != CurrentEvidence::Fell {
            return Proof::Unknown(Doubt::NotMeasured);
        }
        let is_so = |look: &&Look| self.is_open_and_dead(look);
        let first = self.looks.iter().rev().take_while(is_so).last().unwrap_or(self.last);
        if self.last.at.since(first.at) >= self.rules.apart {
            Proof::Proven(Proven::Open(evidence))
        } else {
            Proof::Waiting(Wait::SecondLook(first.at.plus(self.rules.apart)))
        }
    }

    fn closed(&self) -> Proof {
        let Look { status, .. } = self.last;
        if self.is_about_to_trip() {
            return self.not_in_force(Failure::AboutToTrip);
        }
        match (self.rules.switch, status.is_ordered_open(), status.is_open()) {
            (Switch::Inside, false, false) => Proof::Proven(Proven::Closed),
            (Switch::Inside, false, true) | (Switch::Inside, true, false) => self.disagreement(),
            (Switch::Outside, false, _) if self.flow(self.last) == Flow::Something => {
                Proof::Proven(Proven::Closed)
            }
            (Switch::Outside, false, _) if self.is_within(self.rules.settles_within) => {
                Proof::Waiting(Wait::Settling)
            }
            (Switch::Outside, false, _) => Proof::Unknown(Doubt::NotMeasured),
            (_, true, _) => self.not_in_force(Failure::StillOpen),
        }
    }

    fn permitted(&self) -> Proof {
        let Look { status, .. } = self.last;
        if self.is_about_to_trip() {
            return self.not_in_force(Failure::AboutToTrip);
        }
        match (self.rules.switch, status.is_ordered_open(), status.is_open()) {
            (Switch::Inside, false, false) => Proof::Proven(Proven::Closed),
            (Switch::Outside, false, _) if self.flow(self.last) == Flow::Something => {
                Proof::Proven(Proven::Closed)
            }
            (_, false, _) => Proof::Proven(Proven::Permitted),
            (Switch::Inside, true, false) => self.disagreement(),
            (_, true, _) => self.not_in_force(Failure::StillOpen),
        }
    }

    /// It is closed and not told to be open, and yet its trip delay runs: supply is not back for long.
    fn is_about_to_trip(&self) -> bool {
        let status = self.last.status;
        let is_closed = self.rules.switch == Switch::Outside || !status.is_open();
        is_closed && !status.is_ordered_open() && status.is_about_to_trip()
    }

    fn disagreement(&self) -> Proof {
        if self.is_within(self.rules.settles_within) {
            Proof::Waiting(Wait::Settling)
        } else {
            Proof::Unknown(Doubt::Disagreement)
        }
    }

    /// The meter does not act as if it had the order. It may have it yet until the deadline, if it has not answered.
    fn not_in_force(&self, failure: Failure) -> Proof {
        if !self.told.is_accepted && self.last.at <= self.told.until {
            Proof::Waiting(Wait::Expiry)
        } else if self.is_within(self.rules.settles_within) {
            Proof::Waiting(Wait::Settling)
        } else {
            Proof::Failed(failure)
        }
    }

    fn is_open_and_dead(&self, look: &Look) -> bool {
        let is_open = look.status.is_open() || self.rules.switch == Switch::Outside;
        is_open && look.status.is_ordered_open() && self.flow(look) == Flow::Nothing
    }

    /// Nothing flows when every phase that the meter tells of is dead, and it tells of all those it told of before.
    fn flow(&self, look: &Look) -> Flow {
        let Currents(before) = self.before.unwrap_or_default();
        let Currents(now) = look.currents;
        let is_lost = before.iter().zip(&now).any(|(before, now)| before.is_some() && now.is_none());
        match look.currents.largest() {
            Some(most) if most >= self.rules.open_below => Flow::Something,
            Some(_) if !is_lost => Flow::Nothing,
            _ => Flow::NotKnown,
        }
    }

    fn is_within(&self, time: Duration) -> bool {
        self.last.at.since(self.told.at) <= time
    }
}

/// Longer than this no meter is believed that says that its trip delay runs.
const LONGEST_DELAY: Duration = Duration::from_secs(36_000);

#[cfg(test)]
mod tests;
