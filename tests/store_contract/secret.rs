//! Passwords of meters: sealed, bound to their place, opened by the key file only.

use std::time::Duration;

use chaobiao::config::KeyFile;
use chaobiao::config::profile::{MeterProfile, Profiles};
use chaobiao::domain::{AuditEntry, Id, MeterProtocol, Moment};
use chaobiao::store::archive::{Saving, SiteMeter};
use chaobiao::store::{AuditFilter, NewSecret, SecretDigits, SecretError, SecretKind, SecretScope, Vault};
use dlt645::password::{DigitOrder, Level};

use crate::archive::entry;
use crate::{Fresh, midnight, on_both};

fn key(fresh: &Fresh, name: &str) -> KeyFile {
    KeyFile::make(&fresh.folder().join(name)).unwrap()
}

fn now() -> Moment {
    midnight("2026-11-21")
}

fn audit(action: &'static str) -> AuditEntry {
    AuditEntry::of_system(now(), action, "passwords")
}

fn secret(scope: SecretScope, level: Level, digits: &str) -> NewSecret {
    NewSecret { scope, level, digits: SecretDigits::new(digits.as_bytes()).unwrap() }
}

async fn sites(fresh: &Fresh) -> Vec<SiteMeter> {
    let entries = [entry(1), entry(2)];
    fresh.store.save_archive(&entries, now(), Saving::Save).await.unwrap();
    fresh.store.site_meters().await.unwrap()
}

fn profile() -> MeterProfile {
    Profiles::default().of(None, MeterProtocol::Dlt2007).unwrap().clone()
}

/// The digits of a meter's password on the wire.
async fn digits(fresh: &Fresh, vault: &Vault, site: &SiteMeter) -> Option<[u8; 4]> {
    let profile = MeterProfile { password_order: DigitOrder::AsWritten, ..profile() };
    let found = fresh.store.secret(vault, site, &profile, Level::CONTROL).await.unwrap();
    found.map(|(password, _)| password.wire())
}

#[tokio::test]
async fn t24_the_nearest_password_counts_and_is_replaced() {
    on_both(async |fresh| {
        let file = key(fresh, "key");
        let vault = fresh.store.open_vault(&file, now()).await.unwrap();
        let sites = sites(fresh).await;
        let (one, other) = (&sites[0], &sites[1]);
        assert_eq!(digits(fresh, &vault, one).await, None);
        let line = match &one.meter.path {
            chaobiao::domain::MeterPath::Line { line, .. } => line.clone(),
            chaobiao::domain::MeterPath::Terminal { .. } => panic!("no line"),
        };
        for (scope, written) in [
            (SecretScope::Profile(profile().name), "700001"),
            (SecretScope::Line(line), "700002"),
            (SecretScope::Meter(one.meter_id), "700003"),
            (SecretScope::Meter(one.meter_id), "700004"),
        ] {
            let secrets = [secret(scope, Level::CONTROL, written)];
            fresh.store.replace_secrets(&vault, &secrets, &audit("secret.replace")).await.unwrap();
            let [_, a, b, c] = digits(fresh, &vault, one).await.unwrap();
            assert_eq!(format!("{a:02X}{b:02X}{c:02X}"), written);
        }
        let [_, .., last] = digits(fresh, &vault, other).await.unwrap();
        assert_eq!(last, 0x02, "the other meter has that of the line");
        let level = Level::PARAMETERS;
        assert!(fresh.store.secret(&vault, one, &profile(), level).await.unwrap().is_none());
        assert_eq!(fresh.store.secret_since(one, &profile(), level).await.unwrap(), None);
        assert_eq!(fresh.store.secret_since(one, &profile(), Level::CONTROL).await.unwrap(), Some(now()));
        let filter = AuditFilter { action: Some("secret.replace".to_owned()), ..AuditFilter::default() };
        let audited = fresh.store.audit_before(&filter, i64::MAX, 10).await.unwrap();
        assert!(audited.len() >= 3 && audited[0].detail.contains("meter:"), "{audited:?}");
    })
    .await;
}

#[tokio::test]
async fn t24_a_row_that_is_moved_or_changed_does_not_open() {
    on_both(async |fresh| {
        let vault = fresh.store.open_vault(&key(fresh, "key"), now()).await.unwrap();
        let sites = sites(fresh).await;
        let secrets = [
            secret(SecretScope::Meter(sites[0].meter_id), Level::CONTROL, "739154"),
            secret(SecretScope::Meter(sites[1].meter_id), Level::CONTROL, "862043"),
        ];
        fresh.store.replace_secrets(&vault, &secrets, &audit("secret.replace")).await.unwrap();
        let rows = fresh.content(&["meter_secret", "data_key", "audit"]).await.concat();
        assert!(!rows.contains("739154") && !rows.contains("373339313534"), "{rows}");
        let (one, two) = (sites[0].meter_id.number(), sites[1].meter_id.number());
        let swap = format!(
            "UPDATE meter_secret SET scope = 'meter:x' WHERE scope = 'meter:{one}'; \
             UPDATE meter_secret SET scope = 'meter:{one}' WHERE scope = 'meter:{two}'; \
             UPDATE meter_secret SET scope = 'meter:{two}' WHERE scope = 'meter:x'"
        );
        fresh.run(&swap).await.unwrap();
        for site in &sites {
            let opened = fresh.store.secret(&vault, site, &profile(), Level::CONTROL).await;
            assert!(matches!(opened, Err(SecretError::NotOurs { .. })), "{opened:?}");
        }
        assert!(fresh.store.commonplace_secrets(&vault).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn t24_a_new_key_file_takes_over_and_the_old_one_is_shut_out() {
    on_both(async |fresh| {
        let (old, new) = (key(fresh, "old"), key(fresh, "new"));
        let vault = fresh.store.open_vault(&old, now()).await.unwrap();
        let sites = sites(fresh).await;
        let secrets = [secret(SecretScope::Meter(sites[0].meter_id), Level::CONTROL, "739154")];
        fresh.store.replace_secrets(&vault, &secrets, &audit("secret.replace")).await.unwrap();
        let other = fresh.store.open_vault(&new, now()).await.unwrap_err();
        assert_eq!(other.kind(), "other_key_file");
        assert!(fresh.store.forget_other_key_files(&new, &audit("secret.forget")).await.is_err());
        fresh.store.rewrap_secrets(&old, &new, &audit("secret.rewrap")).await.unwrap();
        for file in [&old, &new] {
            let vault = fresh.store.open_vault(file, now()).await.unwrap();
            assert!(digits(fresh, &vault, &sites[0]).await.is_some(), "both open it for a while");
        }
        assert_eq!(fresh.store.forget_other_key_files(&new, &audit("secret.forget")).await.unwrap(), 1);
        assert!(fresh.store.open_vault(&old, now()).await.is_err());
        let vault = fresh.store.open_vault(&new, now()).await.unwrap();
        assert_eq!(digits(fresh, &vault, &sites[0]).await, Some([2, 0x73, 0x91, 0x54]));
    })
    .await;
}

#[tokio::test]
async fn t24_those_that_start_at_once_make_one_data_key() {
    on_both(async |fresh| {
        let files: Vec<KeyFile> = (0..6).map(|number| key(fresh, &format!("key {number}"))).collect();
        let all = files.iter().map(|file| fresh.store.open_vault(file, now()));
        let opened = futures_util::future::join_all(all).await;
        assert_eq!(opened.iter().filter(|vault| vault.is_ok()).count(), 1, "{opened:?}");
        let same = opened.iter().position(Result::is_ok).unwrap();
        let again = (0..6).map(|_| fresh.store.open_vault(&files[same], now()));
        assert!(futures_util::future::join_all(again).await.iter().all(Result::is_ok));
        assert_eq!(fresh.content(&["data_key"]).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn t25_factory_passwords_are_found_and_not_told() {
    on_both(async |fresh| {
        let vault = fresh.store.open_vault(&key(fresh, "key"), now()).await.unwrap();
        let sites = sites(fresh).await;
        let secrets = [
            secret(SecretScope::Meter(sites[0].meter_id), Level::CONTROL, "111111"),
            secret(SecretScope::Meter(sites[1].meter_id), Level::CONTROL, "739154"),
            secret(SecretScope::Line("西".to_owned()), Level::PARAMETERS, "123456"),
        ];
        fresh.store.replace_secrets(&vault, &secrets, &audit("secret.replace")).await.unwrap();
        let (found, count) = fresh.store.commonplace_secrets(&vault).await.unwrap();
        assert_eq!(count, 3);
        let scopes: Vec<_> = found.iter().map(|kept| kept.scope.clone()).collect();
        assert_eq!(scopes, [SecretScope::Line("西".to_owned()), SecretScope::Meter(sites[0].meter_id)]);
        let shown = format!("{found:?}");
        assert!(!shown.contains("111111") && !shown.contains("123456"), "{shown}");
    })
    .await;
}

#[tokio::test]
async fn i18_what_a_meter_refused_is_remembered_by_kind() {
    on_both(async |fresh| {
        let meter = Id::new(7);
        let last = async |kind| fresh.store.last_refused_secret(meter, kind).await.unwrap();
        assert_eq!(last(SecretKind::Password).await, None);
        for hours in [1, 2, 30] {
            let at = now().plus(Duration::from_secs(hours * 3600));
            let entry = AuditEntry::of_system(at, "secret.refused", "meter 7");
            fresh.store.note_refused_secret(meter, SecretKind::Password, &entry).await.unwrap();
            assert_eq!(last(SecretKind::Password).await, Some(at));
        }
        assert_eq!(last(SecretKind::Mac).await, None);
    })
    .await;
}
