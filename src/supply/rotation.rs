//! Rotation of meter passwords (密码轮换, T25): which meters, and one after the other until each is known to have its new one.
//!
//! ```text
//!  intent, both candidates kept ──> 18H old ─> new, once ──> noted ──> 18H new ─> new, the proof ──> old one dropped
//! ```
//!
//! A frame that may be a wrong password leaves once a day for a meter: three wrong ones lock it for a day. What an earlier
//! process was sending is in doubt, and is found out of like everything in doubt: by the proof.

use std::collections::HashSet;
use std::time::Duration;

use dlt645::address::MeterAddress;
use dlt645::password::Level;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use super::service::Supply;
use crate::domain::access::{Acting, Action};
use crate::domain::proposal::MayNot;
use crate::domain::rotation::{CannotRotate, MOST_ROTATED, Rotation, RotationStep};
use crate::domain::{Id, Meter, MeterPath};
use crate::store::archive::SiteMeter;
use crate::store::rotation::{DueRotation, NewRotation};
use crate::store::{ProposalError, SecretError, SecretScope, StoreError, Verdict};
use crate::telemetry::with_causes;

/// Which meters get new passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotationOf {
    /// These.
    Meters(Vec<MeterAddress>),
    /// All on a line, or behind a terminal.
    Line(String),
    /// All that are told a factory password.
    Factory,
}

/// Why a rotation is not asked for.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// This person may not, or the database cannot.
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    /// The passwords.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No key file opens the passwords.
    #[error("no key file opens the passwords of meters")]
    NoKeyFile,
    /// No meter is meant.
    #[error("no meter is meant by it")]
    NoMeter,
    /// A meter is not there.
    #[error("there is no meter {0}")]
    NotThere(MeterAddress),
    /// More than one rotation takes.
    #[error("a rotation takes {MOST_ROTATED} meters")]
    TooMany,
}

impl From<StoreError> for RotationError {
    fn from(error: StoreError) -> Self {
        Self::Proposal(error.into())
    }
}

impl Supply {
    /// Asks for new passwords; another person approves it.
    ///
    /// # Errors
    /// [`RotationError`] when the role may not, no meter is meant, or the database cannot.
    pub async fn ask_rotation(
        &self,
        acting: &Acting,
        of: &RotationOf,
        reason: &str,
    ) -> Result<Id<Rotation>, RotationError> {
        if !acting.may(Action::RotateSecrets) {
            return Err(ProposalError::MayNot(MayNot::Role).into());
        }
        let (store, now) = (&self.0.store, self.0.clock.now());
        let vault = self.0.fields.vault().ok_or(RotationError::NoKeyFile)?;
        let sites = store.site_meters().await?;
        let (sites, selection): (Vec<SiteMeter>, String) = match of {
            RotationOf::Meters(addresses) => {
                let known: HashSet<_> = sites.iter().map(|site| site.meter.address).collect();
                if let Some(other) = addresses.iter().find(|address| !known.contains(*address)) {
                    return Err(RotationError::NotThere(*other));
                }
                let wanted: HashSet<_> = addresses.iter().copied().collect();
                let sites = sites.into_iter().filter(|site| wanted.contains(&site.meter.address)).collect();
                (sites, format!("{} meters", wanted.len()))
            }
            RotationOf::Line(line) => {
                let is_on = |site: &SiteMeter| site.meter.path.line() == line;
                (sites.into_iter().filter(is_on).collect(), format!("line {line}"))
            }
            RotationOf::Factory => {
                let (factory, _) = store.commonplace_secrets(vault).await?;
                let of_control = factory.into_iter().filter(|secret| secret.level == Level::CONTROL);
                let scopes: HashSet<SecretScope> = of_control.map(|secret| secret.scope).collect();
                (self.told_these(sites, &scopes).await?, "factory passwords".to_owned())
            }
        };
        if sites.is_empty() {
            return Err(RotationError::NoMeter);
        }
        if sites.len() > MOST_ROTATED {
            return Err(RotationError::TooMany);
        }
        let meters = sites.into_iter().map(|site| self.rotatable(site)).collect();
        let reason = reason.to_owned();
        let new = NewRotation { level: Level::CONTROL, selection, reason, meters };
        Ok(store.ask_rotation(acting, &new, now).await?)
    }

    /// Approves a rotation, refuses it, or breaks it off.
    ///
    /// # Errors
    /// [`ProposalError`] says why this person may not, or not now.
    pub async fn decide_rotation(
        &self,
        acting: &Acting,
        id: Id<Rotation>,
        verdict: Verdict,
    ) -> Result<(), ProposalError> {
        self.0.store.decide_rotation(id, verdict, acting, self.0.clock.now()).await
    }

    /// Carries rotations out until `stop`: begins with what an earlier process was sending.
    pub async fn rotate(&self, stop: &CancellationToken) {
        let mut is_in_doubt = true;
        while !stop.is_cancelled() {
            let done = self.rotate_due(is_in_doubt).await;
            is_in_doubt = done.is_err();
            let begun = done.unwrap_or_else(|error| {
                tracing::error!(kind = error.kind(), "rotating passwords: {}", with_causes(&error));
                0
            });
            let pause = if begun == 0 { LOOKS_EVERY } else { Duration::ZERO };
            if stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// Does the next step of all that is due, and says with how many meters something was due. `is_in_doubt` at the first
    /// time and after an error: what was being written then is found out of.
    ///
    /// # Errors
    /// [`SecretError`] when the database cannot; what was begun is in doubt then.
    pub async fn rotate_due(&self, is_in_doubt: bool) -> Result<usize, SecretError> {
        let Some(vault) = self.0.fields.vault() else { return Ok(0) };
        if is_in_doubt {
            self.0.store.recover_rotations(self.0.clock.now()).await?;
        }
        let due = self.0.store.due_rotations(self.0.clock.now(), AT_ONCE).await?;
        let count = due.len();
        for done in join_all(due.iter().map(|due| self.rotate_one(vault, due))).await {
            done?;
        }
        Ok(count)
    }

    async fn rotate_one(&self, vault: &crate::store::Vault, due: &DueRotation) -> Result<(), SecretError> {
        let (store, clock) = (&self.0.store, &self.0.clock);
        let site = match due.address.parse() {
            Ok(address) => store.site_meter(address).await?,
            Err(_) => None,
        };
        let field = site.and_then(|site| self.0.fields.of(site).ok());
        let Some(field) = field.filter(|field| field.can_rotate().is_ok()) else {
            return Ok(store.skip_rotation(due, CannotRotate::NotReachable, clock.now()).await?);
        };
        let _turn = field.turn().await;
        let answer = if due.step == RotationStep::Waiting {
            let both = store.begin_password_write(vault, due, field.kept(), clock.now()).await?;
            let Some([old, new]) = both else { return Ok(()) };
            field.write_password(old, new).await
        } else {
            let (_, profile) = field.kept();
            let new = store.begin_password_proof(vault, due, profile, clock.now()).await?;
            let Some(new) = new else { return Ok(()) };
            field.write_password(new.clone(), new).await
        };
        let step = store.note_password_answer(vault, due, answer, clock.now()).await?;
        if step == RotationStep::Stuck {
            tracing::error!(meter.address = %due.address, "which of two passwords meter {} has is not known", due.address);
        }
        Ok(())
    }

    fn rotatable(&self, site: SiteMeter) -> (Id<Meter>, Option<CannotRotate>) {
        let meter = site.meter_id;
        let why = match self.0.fields.of(site) {
            Err(_) => Some(CannotRotate::NotReachable),
            Ok(field) => field.can_rotate().err(),
        };
        (meter, why)
    }

    /// The meters to which one of these passwords is the nearest.
    async fn told_these(
        &self,
        sites: Vec<SiteMeter>,
        scopes: &HashSet<SecretScope>,
    ) -> Result<Vec<SiteMeter>, StoreError> {
        let kept: HashSet<SecretScope> =
            self.0.store.secret_scopes(Level::CONTROL).await?.into_iter().collect();
        let nearest = |site: &SiteMeter| {
            let own = SecretScope::Meter(site.meter_id);
            let line = match &site.meter.path {
                MeterPath::Line { line, .. } => Some(SecretScope::Line(line.clone())),
                MeterPath::Terminal { .. } => None,
            };
            let profile = self.0.fields.profile_of(site).map(SecretScope::Profile);
            [Some(own), line, profile].into_iter().flatten().find(|scope| kept.contains(scope))
        };
        let is_told = |site: &SiteMeter| nearest(site).is_some_and(|scope| scopes.contains(&scope));
        Ok(sites.into_iter().filter(is_told).collect())
    }
}

/// How often it is looked whether something is due.
const LOOKS_EVERY: Duration = Duration::from_secs(5);
/// With how many meters something is done at once.
const AT_ONCE: u32 = 16;
