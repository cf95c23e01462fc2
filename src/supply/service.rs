//! What people do with orders: every call names who acts, and comes back with all that stands against it.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::field::{CannotOrder, Capability, Fields, NotReachable};
use super::guard::ClockWatch;
use super::leaving::Leaving;
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::domain::access::Acting;
use crate::domain::supply::{Ceilings, HaltKind, OrderKind, OrderState, Reason, Shown, SupplyOrder, Window};
use crate::domain::{Id, Meter, MeteringPoint};
use crate::store::supply::{Lifting, Limits, NewOrder, PaymentEntry, Submitted, SupplyError};
use crate::store::{Store, StoreError};

/// What supply orders are held to and timed by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplySettings {
    /// The ceilings of the configuration.
    pub ceilings: Ceilings,
    /// As long as this file is there, nobody is cut.
    pub stop_file: Option<PathBuf>,
    /// How long a meter may obey an order.
    pub valid_for: Duration,
    /// How often what others have changed, and the file, are looked for.
    pub poll: Duration,
    /// Decides when within their windows cuts are carried out.
    pub seed: u64,
}

impl SupplySettings {
    /// Those of a configuration.
    #[must_use]
    pub fn of(config: &Config, seed: u64) -> Self {
        let config::Supply { stop_file, ceilings, valid_for } = config.supply.clone();
        Self { ceilings, stop_file, valid_for, poll: POLL, seed }
    }
}

/// What it is made of.
#[derive(Debug)]
pub struct SupplyParts {
    /// Where orders are kept.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The meters.
    pub fields: Fields,
    /// Limits and times.
    pub settings: SupplySettings,
}

/// Supply orders. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Supply(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) fields: Fields,
    pub(super) settings: SupplySettings,
    /// Whether the clock has jumped.
    pub(super) watch: Mutex<ClockWatch>,
    /// Cuts that are about to leave.
    pub(super) leaving: Leaving,
    /// Something may be due.
    pub(super) wake: Notify,
    /// What goes on when whoever asked for it has gone.
    pub(super) tasks: TaskTracker,
    /// How often something of an order has changed while it was carried out.
    pub(super) changed: watch::Sender<u64>,
}

impl Inner {
    /// Wakes whoever carries orders out, and whoever watches them.
    pub(super) fn tell(&self) {
        self.wake.notify_one();
        self.changed.send_modify(|times| *times = times.wrapping_add(1));
    }
}

/// Why a meter cannot be ordered from here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotServe {
    /// There is no way to it.
    #[error(transparent)]
    NotReachable(#[from] NotReachable),
    /// It cannot be ordered, or not now.
    #[error(transparent)]
    Cannot(#[from] CannotOrder),
    /// There is no meter at the point.
    #[error("there is no meter at the point")]
    NoMeter,
}

impl CannotServe {
    /// A short name from a closed set.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotReachable(why) => why.kind(),
            Self::Cannot(why) => why.kind(),
            Self::NoMeter => "no_meter",
        }
    }
}

impl Supply {
    /// Supply orders over these parts; nothing is carried out until [`Self::run`].
    #[must_use]
    pub fn new(parts: SupplyParts) -> Self {
        let SupplyParts { store, clock, fields, settings } = parts;
        let changed = watch::Sender::new(0);
        let watch = Mutex::new(ClockWatch::new(clock.now(), Instant::now()));
        let leaving = Leaving::default();
        let (wake, tasks) = (Notify::new(), TaskTracker::new());
        Self(Arc::new(Inner { store, clock, fields, settings, watch, leaving, wake, tasks, changed }))
    }

    /// Follows how often something of an order has changed while it was carried out.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Writes an order and hands it in.
    ///
    /// # Errors
    /// [`SupplyError`] with all that stands against it.
    pub async fn ask(&self, acting: &Acting, new: &NewOrder) -> Result<Submitted, SupplyError> {
        let incapable = self.incapable(new).await?;
        let limits = Limits { ceilings: self.0.settings.ceilings, incapable: &incapable };
        let asked = self.0.store.ask_order(acting, new, &limits, self.0.clock.now()).await;
        self.taken_back(new, asked.as_ref().ok());
        self.woken(asked)
    }

    /// Hands in an order that was written or changed before.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub async fn submit(
        &self,
        acting: &Acting,
        id: Id<SupplyOrder>,
        written: &NewOrder,
    ) -> Result<Submitted, SupplyError> {
        let incapable = self.incapable(written).await?;
        let limits = Limits { ceilings: self.0.settings.ceilings, incapable: &incapable };
        let submitted = self.0.store.submit_order(acting, id, &limits, self.0.clock.now()).await;
        self.taken_back(written, submitted.as_ref().ok());
        self.woken(submitted)
    }

    /// Approves an order as it was shown, ceilings that it is above among it.
    ///
    /// # Errors
    /// [`SupplyError`] with all that stands against it, or against this person approving it.
    pub async fn approve(
        &self,
        acting: &Acting,
        id: Id<SupplyOrder>,
        shown: &Shown,
    ) -> Result<OrderState, SupplyError> {
        let approved =
            self.0.store.approve_order(acting, id, shown, &self.limits(), self.0.clock.now()).await;
        self.woken(approved)
    }

    /// Withdraws what this person has approved.
    ///
    /// # Errors
    /// [`SupplyError`] when they have not, or something was sent.
    pub async fn withdraw(&self, acting: &Acting, id: Id<SupplyOrder>) -> Result<OrderState, SupplyError> {
        let withdrawn = self.0.store.withdraw_approval(acting, id, self.0.clock.now()).await;
        if withdrawn.is_ok() {
            self.0.leaving.take_back_order(id);
        }
        self.woken(withdrawn)
    }

    /// Takes back all of an order that was not sent, and sends no more of what was.
    ///
    /// # Errors
    /// [`SupplyError`] when nothing can be taken back.
    pub async fn cancel(&self, acting: &Acting, id: Id<SupplyOrder>) -> Result<OrderState, SupplyError> {
        let cancelled = self.0.store.cancel_order(acting, id, self.0.clock.now()).await;
        if cancelled.is_ok() {
            self.0.leaving.take_back_order(id);
        }
        self.woken(cancelled)
    }

    /// Gives supply back: the customer may close by the key, or, with a safety note, the relay closes directly (F48, F49).
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, or there is no meter. Nothing else stands against it (I12).
    pub async fn restore(
        &self,
        acting: &Acting,
        points: &[Id<MeteringPoint>],
        reason: Reason,
        safety_note: Option<&str>,
    ) -> Result<Submitted, SupplyError> {
        let kind = if safety_note.is_some() { OrderKind::DirectClose } else { OrderKind::ClosePermit };
        self.at_once(acting, kind, points, (reason, safety_note.unwrap_or_default())).await
    }

    /// Holds supply: the meters keep it whatever they are told (F50).
    ///
    /// # Errors
    /// As [`Self::restore`].
    pub async fn hold(
        &self,
        acting: &Acting,
        points: &[Id<MeteringPoint>],
        reason: (Reason, &str),
    ) -> Result<Submitted, SupplyError> {
        self.at_once(acting, OrderKind::HoldOn, points, reason).await
    }

    /// Stops all cuts.
    ///
    /// # Errors
    /// [`SupplyError`] when the role may not, or the database cannot.
    pub async fn press_stop(&self, acting: &Acting, reason: &str) -> Result<(), SupplyError> {
        let pressed = self.0.store.press_stop(acting, reason, self.0.clock.now()).await;
        if pressed.is_ok() {
            self.judge_again();
        }
        self.woken(pressed)
    }

    /// Lets cuts go on, when as many approvers want it as it takes.
    ///
    /// # Errors
    /// As [`Self::press_stop`].
    pub async fn lift(&self, acting: &Acting, kind: HaltKind) -> Result<Lifting, SupplyError> {
        let lifted = self.0.store.lift_halt(acting, kind, self.0.clock.now()).await;
        self.woken(lifted)
    }

    /// Enters payments; says how many points of open orders were taken back by them.
    ///
    /// # Errors
    /// As [`Self::press_stop`].
    pub async fn enter_payments(
        &self,
        acting: &Acting,
        payments: &[PaymentEntry],
    ) -> Result<usize, SupplyError> {
        let entered = self.0.store.enter_payments(acting, payments, self.0.clock.now()).await;
        for point in entered.iter().flat_map(|paid| &paid.under_way) {
            self.0.leaving.take_back(*point);
        }
        self.woken(entered.map(|paid| paid.taken_back))
    }

    /// Holds back every cut that waits on its line, to be judged once more: something that stands against cuts has been
    /// entered (F45).
    pub fn judge_again(&self) {
        self.0.leaving.take_back_all();
        self.0.tell();
    }

    /// Whether the meter at a point can be given orders of a kind from here, before anyone plans on it.
    ///
    /// # Errors
    /// [`StoreError`] when the database does not answer.
    pub async fn can_order(
        &self,
        point: Id<MeteringPoint>,
        kind: OrderKind,
    ) -> Result<Result<(), CannotServe>, StoreError> {
        let addresses = self.0.store.addresses_at(&[point]).await?;
        let Some((_, address)) = addresses.first() else { return Ok(Err(CannotServe::NoMeter)) };
        let Some(site) = self.0.store.site_meter(*address).await? else {
            return Ok(Err(CannotServe::NoMeter));
        };
        Ok(match self.0.fields.of(site) {
            Err(why) => Err(why.into()),
            Ok(field) => {
                let Capability { means, cut, .. } = field.capability().await;
                let can = if kind.is_cut_class() { cut } else { means };
                can.map(|_| ()).map_err(CannotServe::from)
            }
        })
    }

    /// The ceilings of the configuration.
    #[must_use]
    pub fn ceilings(&self) -> Ceilings {
        self.0.settings.ceilings
    }

    /// Limits without a word on what meters can do, which is asked when an order is handed in.
    pub(super) fn limits(&self) -> Limits<'static> {
        Limits { ceilings: self.0.settings.ceilings, incapable: &[] }
    }

    async fn at_once(
        &self,
        acting: &Acting,
        kind: OrderKind,
        points: &[Id<MeteringPoint>],
        (reason, text): (Reason, &str),
    ) -> Result<Submitted, SupplyError> {
        let now = self.0.clock.now();
        let window = Window { from: now, until: now };
        let new = NewOrder { kind, reason, text: text.to_owned(), window, points: points.to_vec() };
        let asked = self.0.store.ask_order(acting, &new, &self.limits(), now).await;
        self.taken_back(&new, asked.as_ref().ok());
        self.woken(asked)
    }

    /// Meters of a cut that cannot be cut. Whoever is to have supply is not asked what their meter can do: trying tells.
    async fn incapable(&self, new: &NewOrder) -> Result<Vec<Id<Meter>>, StoreError> {
        let mut found = Vec::new();
        if !new.kind.is_cut_class() || new.points.len() > new.kind.most_points() {
            return Ok(found);
        }
        for (_, address) in self.0.store.addresses_at(&new.points).await? {
            let Some(site) = self.0.store.site_meter(address).await? else { continue };
            let meter = site.meter_id;
            let can = match self.0.fields.of(site) {
                Err(_) => false,
                Ok(field) => field.capability().await.cut.is_ok(),
            };
            if !can {
                found.push(meter);
            }
        }
        Ok(found)
    }

    /// Takes back the cuts that wait on their lines for the points of a restore that was handed in (F48).
    fn taken_back(&self, new: &NewOrder, submitted: Option<&Submitted>) {
        let Some(Submitted { refused, .. }) = submitted.filter(|_| new.kind.is_restore()) else { return };
        let left_out = |point: &Id<MeteringPoint>| refused.iter().any(|refused| refused.point == *point);
        for point in new.points.iter().filter(|point| !left_out(point)) {
            self.0.leaving.take_back(*point);
        }
    }

    fn woken<T>(&self, done: Result<T, SupplyError>) -> Result<T, SupplyError> {
        self.0.wake.notify_one();
        done
    }
}

/// How often what others have changed is looked for: STOP has to hold within two seconds (F52).
const POLL: Duration = Duration::from_secs(1);
