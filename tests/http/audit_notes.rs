//! What console and API tell of the audit log knows the notes of its end outside the database. (T26)

use std::path::Path;

use chaobiao::config::Config;
use chaobiao::domain::AuditEntry;
use chaobiao::domain::access::Role;
use chaobiao::http;
use chaobiao::store::Address;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

use crate::rig::{Rig, Somebody, morning};

/// A process that has just been started on the database, with this configuration.
async fn started(folder: &Path, configured: &str) -> (Rig, Somebody) {
    let mut rig = Rig::on(&Address::Sqlite(folder.join("store.db"))).await;
    let config = Config::parse(&folder.join("amr.toml"), configured).unwrap().config;
    rig.services = rig.services.clone().of_site(&config);
    rig.router = http::router(rig.services.clone());
    let auditor = match rig.services.store.account_named("sun").await.unwrap() {
        Some(account) => {
            let totp = http::auth::Totp::draw().unwrap();
            rig.sign_in(Somebody { account, totp, cookie: String::new(), csrf: String::new() }).await
        }
        None => rig.signed_in("sun", Role::Auditor).await,
    };
    (rig, auditor)
}

#[tokio::test]
async fn t26_console_and_api_tell_a_log_that_was_cut_off_by_the_notes_of_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let database = format!("[database]\npath = \"{}\"\n", at.join("store.db").display());
    let with_notes = format!("{database}[audit]\nanchor_file = \"{}\"\n", at.join("anchor").display());
    let (rig, auditor) = started(at, &database).await;
    let store = &rig.services.store;
    let before = store.audit_head().await.unwrap().number;
    for number in 0..5 {
        let entry = AuditEntry::of_system(morning(), "test", format!("thing {number}"));
        store.audit(&entry).await.unwrap();
    }
    let head = store.audit_head().await.unwrap();
    std::fs::write(at.join("anchor"), format!("{} {} {}\n", morning(), head.number, head.hash)).unwrap();

    // Nothing is noted elsewhere: that is said.
    let found = rig.get("/api/v1/audit/verify", Some(&auditor)).await.json()["audit"].clone();
    assert_eq!((&found["is_sound"], &found["notes"]), (&true.into(), &serde_json::Value::Null));
    assert!(found["remark"].as_str().unwrap().contains("cannot be told"), "{found}");
    assert!(found["remark_zh"].as_str().unwrap().contains("无法判断"), "{found}");
    let page = rig.get("/audit/verify", Some(&auditor)).await.body;
    assert!(page.contains("无法判断末端是否被截断"), "{page}");
    let (noting, noting_auditor) = started(at, &with_notes).await;
    let found = noting.get("/api/v1/audit/verify", Some(&noting_auditor)).await.json()["audit"].clone();
    assert_eq!((&found["is_sound"], &found["notes"]), (&true.into(), &1.into()), "{found}");
    assert_eq!(found["remark"], serde_json::Value::Null);
    let page = noting.get("/audit/verify", Some(&noting_auditor)).await.body;
    assert!(page.contains("与库外 1 条末端摘要一致"), "{page}");

    // Somebody who has the file cuts the end off.
    let options = SqliteConnectOptions::new().filename(at.join("store.db"));
    let mut file = SqliteConnection::connect_with(&options).await.unwrap();
    let cut = format!("DROP TRIGGER audit_is_kept; DELETE FROM audit WHERE number > {before}");
    sqlx::raw_sql(sqlx::AssertSqlSafe(cut)).execute(&mut file).await.unwrap();
    // Whoever was there knows of it without notes; whoever comes later, by the notes.
    let is_sound = async |rig: &Rig, auditor: &Somebody| {
        let found = rig.get("/api/v1/audit/verify", Some(auditor)).await.json()["audit"].clone();
        found["is_sound"].as_bool().unwrap()
    };
    assert!(!is_sound(&rig, &auditor).await, "it has seen them kept");
    let (later, auditor) = started(at, &with_notes).await;
    assert!(!is_sound(&later, &auditor).await);
    let page = later.get("/audit/verify", Some(&auditor)).await.body;
    assert!(page.contains("日志不完整") && !page.contains("完整无误"), "{page}");
    let (blind, auditor) = started(at, &database).await;
    assert!(is_sound(&blind, &auditor).await, "what nobody noted nobody can tell");
    // Notes that cannot be read are no notes that fit.
    std::fs::write(at.join("anchor"), "what is this\n").unwrap();
    let (noting, auditor) = started(at, &with_notes).await;
    assert!(!is_sound(&noting, &auditor).await);
}
