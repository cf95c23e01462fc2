//! A site is copied while it is there and put back where nothing is, by the commands that an operator runs.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a step that fails must end its test")]

#[expect(clippy::unwrap_used, reason = "a step that fails must end its test")]
#[expect(dead_code, reason = "others need more of it")]
#[path = "support/disk.rs"]
mod disk;

#[expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails must end its test")]
#[path = "support/postgres.rs"]
mod postgres;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use sqlx::Connection;
use tempfile::TempDir;

/// The account that serves; roles are for all databases of a server, and other tests make it, too.
const SERVICE: &str = "DO $$ BEGIN CREATE ROLE chaobiao_service LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$";

/// A password of a meter, which must be in no backup.
const PASSWORD: &str = "830462";

fn chaobiao(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.current_dir(folder).args(arguments);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    chaobiao(folder, arguments).output().unwrap()
}

fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", talk(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn talk(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A site with two hundred meters, a password of one of them, and an account.
fn site(database: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let config = format!(
        "[database]\n{database}\n[http]\nlisten = \"127.0.0.1:0\"\n[secrets]\nkey_file = \"secrets.key\"\n\
         [profiles]\ndirectory = \"profiles\"\n[[line]]\nname = \"bus-1\"\ntcp = \"127.0.0.1:1\"\n"
    );
    std::fs::write(at.join("chaobiao.toml"), config).unwrap();
    std::fs::create_dir(at.join("profiles")).unwrap();
    let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/profiles");
    let profile =
        files(Path::new(profile)).into_iter().find(|file| file.extension().is_some_and(|end| end == "toml"));
    std::fs::copy(profile.unwrap(), at.join("profiles/one.toml")).unwrap();
    succeed(at, &["secrets", "key", "secrets.key"]);
    let mut archive = "户号,户名,计量点编号,通信地址,规约,线路\n".to_owned();
    for number in 0..20 {
        archive +=
            &format!("H{number},户{number},P{number},{:012},645-2007,bus-1\n", 202_411_000_000_u64 + number);
    }
    std::fs::write(at.join("archive.csv"), archive).unwrap();
    std::fs::write(at.join("passwords.csv"), format!("address,level,password\n202411000001,02,{PASSWORD}\n"))
        .unwrap();
    succeed(at, &["meters", "import", "archive.csv"]);
    succeed(at, &["secrets", "import", "passwords.csv"]);
    folder
}

/// An empty place with the key file of the site.
fn empty_place(of: &Path) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(of.join("secrets.key"), folder.path().join("secrets.key")).unwrap();
    folder
}

fn back_up(site: &Path) -> PathBuf {
    PathBuf::from(succeed(site, &["backup", site.join("backups").to_str().unwrap()]).trim())
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Whether these bytes are in any file of a folder.
fn holds(folder: &Path, canary: &[u8]) -> bool {
    let has =
        |file: &PathBuf| std::fs::read(file).unwrap().windows(canary.len()).any(|found| found == canary);
    files(folder).iter().any(has)
}

/// The drill: everything is there afterwards, and it is told how long it took.
fn drill(site: &Path, place: &Path) {
    let before = succeed(site, &["meters", "export"]);
    let backup = back_up(site);
    assert!(backup.join("manifest.json").exists());
    let key = std::fs::read_to_string(site.join("secrets.key")).unwrap();
    assert!(!holds(&backup, PASSWORD.as_bytes()), "a password of a meter is in the backup");
    assert!(!holds(&backup, key.trim().as_bytes()), "the key is in the backup");
    let report = succeed(place, &["restore", backup.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    let number = |name: &str| report.get(name).and_then(Value::as_u64).unwrap();
    assert!(number("audit_entries") > 0 && number("seconds") < 60, "{report}");
    assert_eq!(succeed(place, &["meters", "export"]), before);
    let audit = succeed(place, &["audit", "export", "--json"]);
    assert!(audit.lines().any(|line| line.contains("\"restore\"")), "{audit}");
    succeed(place, &["audit", "verify"]);
    // The key fits: another password can be kept beside the first.
    std::fs::write(place.join("more.csv"), "address,level,password\n202411000002,02,111111\n").unwrap();
    succeed(place, &["secrets", "import", "more.csv"]);
    let audit = succeed(site, &["audit", "export", "--json"]);
    assert!(
        audit.lines().any(|line| line.contains("\"backup.make\"") && line.contains("\"done\"")),
        "{audit}"
    );
    // It goes only where nothing is.
    let again = run(place, &["restore", backup.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1));
    assert!(talk(&again).contains("nothing was changed"), "{}", talk(&again));
    assert_eq!(succeed(place, &["meters", "export"]), before);
}

#[test]
fn f41_t24_t27_a_site_in_a_file_is_put_back_whole_without_its_secrets_and_the_drill_is_timed() {
    let site = site("path = \"chaobiao.db\"");
    let place = empty_place(site.path());
    drill(site.path(), place.path());
}

#[tokio::test]
async fn f41_t24_t27_a_site_on_a_server_is_put_back_whole_and_what_broke_off_is_never_served() {
    let Some(cluster) = postgres::Cluster::shared() else { return };
    let site = site_on(&cluster.new_database().await);
    let place = empty_place(site.path());
    std::fs::write(place.path().join("url"), cluster.new_database().await).unwrap();
    drill(site.path(), place.path());
    // A restore that is killed leaves a database that nothing works with.
    let backup = back_up(site.path());
    let broken = empty_place(site.path());
    std::fs::write(broken.path().join("url"), cluster.new_database().await).unwrap();
    std::fs::copy(backup.join("chaobiao.toml"), broken.path().join("chaobiao.toml")).unwrap();
    std::fs::create_dir(broken.path().join("profiles")).unwrap();
    let address = std::fs::read_to_string(broken.path().join("url")).unwrap();
    let begun =
        chaobiao::store::Store::begin_restore(&chaobiao::store::Address::Postgres(address)).await.unwrap();
    assert_eq!(begun, chaobiao::store::Room::Empty);
    for command in [["meters", "export"].as_slice(), &["serve"], &["restore", backup.to_str().unwrap()]] {
        let refused = run(broken.path(), command);
        assert_eq!(refused.status.code(), Some(1), "{command:?}");
        assert!(talk(&refused).contains("broke off"), "{command:?}: {}", talk(&refused));
    }
}

#[tokio::test]
async fn f41_t28_the_service_account_backs_up_and_where_it_may_not_it_is_told_what_is_missing() {
    let Some(cluster) = postgres::Cluster::shared() else { return };
    let owner = cluster.new_database().await;
    let site = site_on(&owner);
    let before = succeed(site.path(), &["meters", "export"]);
    let as_owner = async |sql: &str| {
        let mut connection = sqlx::PgConnection::connect(&owner).await.unwrap();
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    };
    as_owner(SERVICE).await;
    as_owner(include_str!("../deploy/grants.sql")).await;
    // A partition that the service has made for itself since, and rows of one.
    std::fs::write(site.path().join("url"), owner.replace("amr@", "chaobiao_service@")).unwrap();
    let mut service = sqlx::PgConnection::connect(&owner.replace("amr@", "chaobiao_service@")).await.unwrap();
    sqlx::raw_sql("SELECT make_partitions(22400)").execute(&mut service).await.unwrap();
    let place = empty_place(site.path());
    std::fs::write(place.path().join("url"), cluster.new_database().await).unwrap();
    let backup = back_up(site.path());
    succeed(place.path(), &["restore", backup.to_str().unwrap()]);
    assert_eq!(succeed(place.path(), &["meters", "export"]), before);
    let doctor = String::from_utf8(run(site.path(), &["doctor"]).stdout).unwrap();
    assert!(!doctor.contains("may not read"), "{doctor}");

    as_owner("REVOKE SELECT ON ALL SEQUENCES IN SCHEMA public FROM chaobiao_service").await;
    let refused = run(site.path(), &["backup", site.path().join("backups").to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        talk(&refused).contains("deploy/grants.sql") && talk(&refused).contains("属主"),
        "{}",
        talk(&refused)
    );
    let doctor = String::from_utf8(run(site.path(), &["doctor"]).stdout).unwrap();
    assert!(doctor.contains("may not read") && doctor.contains("deploy/grants.sql"), "{doctor}");
}

fn site_on(url: &str) -> TempDir {
    // The address has to be there before the first command.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    std::fs::write(&file, url).unwrap();
    let site = site(&format!("url_file = \"{}\"", file.display()));
    std::fs::write(site.path().join("url"), url).unwrap();
    let config = std::fs::read_to_string(site.path().join("chaobiao.toml")).unwrap();
    let config = config.replace(file.to_str().unwrap(), "url");
    std::fs::write(site.path().join("chaobiao.toml"), config).unwrap();
    site
}

#[test]
fn f41_a_restore_that_lacks_a_file_says_which_and_leaves_nothing_behind() {
    let site = site("path = \"chaobiao.db\"");
    let at = site.path();
    let config = std::fs::read_to_string(at.join("chaobiao.toml")).unwrap();
    let receiver = "[[billing.receivers]]\nname = \"marketing\"\nurl = \"http://127.0.0.1:9/\"\nsecret_file = \"billing.secret\"\n";
    std::fs::write(at.join("chaobiao.toml"), config + receiver).unwrap();
    std::fs::write(at.join("billing.secret"), "0123456789abcdef0123456789abcdef").unwrap();
    let made = run(at, &["backup", "backups"]);
    assert!(talk(&made).contains("billing.secret, secrets.key"), "{}", talk(&made));
    let backup = at.join(String::from_utf8(made.stdout).unwrap().trim());
    let listed = succeed(at, &["backup", "backups", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed["not_in_it"], serde_json::json!(["billing.secret", "secrets.key"]));

    let place = empty_place(at);
    let refused = run(place.path(), &["restore", backup.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(talk(&refused).contains("billing.secret"), "{}", talk(&refused));
    assert_eq!(files(place.path()), [place.path().join("secrets.key")]);
    std::fs::copy(at.join("billing.secret"), place.path().join("billing.secret")).unwrap();
    succeed(place.path(), &["restore", "--drill", backup.to_str().unwrap()]);
}

#[test]
fn f41_f42_a_backup_that_is_altered_or_was_not_finished_is_refused() {
    let site = site("path = \"chaobiao.db\"");
    let backup = back_up(site.path());
    let refused = |what: &Path, why: &str| {
        let place = empty_place(site.path());
        let output = run(place.path(), &["restore", what.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
        assert!(talk(&output).contains(why), "{}", talk(&output));
        assert_eq!(files(place.path()).len(), 1, "nothing but the key is there");
    };
    let partial = backup.with_extension("partial");
    std::fs::rename(&backup, &partial).unwrap();
    refused(&partial, "was not finished");
    std::fs::rename(&partial, &backup).unwrap();
    let file = backup.join("database.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    refused(&backup, "database.sqlite is not what was backed up");
    bytes[place] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    std::fs::write(backup.join("manifest.json"), "{}").unwrap();
    refused(&backup, "manifest.json is not there or is none");
}

/// Kills a command so many milliseconds after it was begun; true when it had not done its work then.
async fn killed(folder: &Path, arguments: &[&str], after_ms: u64) -> bool {
    let mut child = chaobiao(folder, arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // What is waited for is the moment itself.
    tokio::time::sleep(Duration::from_millis(after_ms)).await;
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[tokio::test]
async fn f41_a_backup_or_restore_that_is_killed_leaves_nothing_that_looks_whole() {
    let site = site("path = \"chaobiao.db\"");
    let backups = site.path().join("killed");
    let mut unfinished = 0;
    for wait in 0..24 {
        unfinished += u32::from(killed(site.path(), &["backup", backups.to_str().unwrap()], wait * 6).await);
    }
    assert!(unfinished > 0, "no kill came in the middle");
    for entry in std::fs::read_dir(&backups).unwrap() {
        let backup = entry.unwrap().path();
        let place = empty_place(site.path());
        let restored = run(place.path(), &["restore", backup.to_str().unwrap()]);
        let is_partial = backup.extension().is_some_and(|ending| ending == "partial");
        assert_eq!(restored.status.success(), !is_partial, "{backup:?}: {}", talk(&restored));
    }
    let backup = back_up(site.path());
    let before = succeed(site.path(), &["meters", "export"]);
    let place = empty_place(site.path());
    let mut unfinished = 0;
    for wait in 0..40 {
        if place.path().join("chaobiao.db").exists() {
            break;
        }
        unfinished += u32::from(killed(place.path(), &["restore", backup.to_str().unwrap()], wait * 6).await);
    }
    assert!(unfinished > 0, "no kill came in the middle");
    if !place.path().join("chaobiao.db").exists() {
        succeed(place.path(), &["restore", backup.to_str().unwrap()]);
    }
    assert_eq!(succeed(place.path(), &["meters", "export"]), before);
    let audit = succeed(place.path(), &["audit", "export", "--json"]);
    assert_eq!(audit.lines().filter(|line| line.contains("\"restore\"")).count(), 1, "{audit}");
}

/// A drill takes nothing from the site it is a copy of: its notes of the audit log, its receivers and its meters. (T26)
#[test]
fn f41_t26_a_drill_is_restored_looked_at_and_never_served() {
    let site = site("path = \"chaobiao.db\"");
    let elsewhere = tempfile::tempdir().unwrap();
    let notes = elsewhere.path().join("anchor.txt");
    let config = site.path().join("chaobiao.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, format!("{text}[audit]\nanchor_file = \"{}\"\n", notes.display())).unwrap();
    let backup = back_up(site.path());
    // What the site has noted since: entries that the backup does not have.
    let noted = format!("2026-11-28T08:10:00Z 900 {}\n", "ab".repeat(32));
    std::fs::write(&notes, &noted).unwrap();
    let place = empty_place(site.path());
    let report = succeed(place.path(), &["restore", "--drill", backup.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["is_drill"], &report["damaged"]), (&Value::Bool(true), &Value::Array(Vec::new())));
    for command in ["serve", "collect"] {
        let refused = run(place.path(), &[command]);
        assert_eq!(refused.status.code(), Some(1), "{}", talk(&refused));
        assert!(
            talk(&refused).contains("restored for a drill") && talk(&refused).contains("演练"),
            "{}",
            talk(&refused)
        );
    }
    succeed(place.path(), &["audit", "verify"]);
    succeed(place.path(), &["billing", "list"]);
    let doctor = String::from_utf8(run(place.path(), &["doctor", "--rows"]).stdout).unwrap();
    assert!(doctor.contains("drill: ") && !doctor.contains("line bus-1"), "{doctor}");
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), noted);
    assert_eq!(files(elsewhere.path()), std::slice::from_ref(&notes), "nothing beside it either");
    // A backup of a drill is one, however it is restored.
    let again = empty_place(site.path());
    let copy = back_up(place.path());
    succeed(again.path(), &["restore", copy.to_str().unwrap()]);
    assert!(talk(&run(again.path(), &["collect"])).contains("restored for a drill"));

    // Without the word for it nothing is taken from a site that is served.
    std::fs::write(&notes, &noted).unwrap();
    let lock = std::fs::File::create(elsewhere.path().join("anchor.txt.lock")).unwrap();
    lock.lock().unwrap();
    let other = empty_place(site.path());
    let refused = run(other.path(), &["restore", backup.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        talk(&refused).contains("--drill") && talk(&refused).contains("nothing was restored"),
        "{}",
        talk(&refused)
    );
    assert!(!other.path().join("chaobiao.db").exists());
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), noted);
    drop(lock);
    succeed(other.path(), &["restore", backup.to_str().unwrap()]);
    assert!(!notes.exists(), "they tell of entries that are lost with the site");
    let collected = run(other.path(), &["collect", "--passes", "0"]);
    assert!(!talk(&collected).contains("drill"), "{}", talk(&collected));
}

/// On a server the owner makes the tables, and the service gets no more than its rights. (T28)
#[tokio::test]
async fn f40_f41_t28_the_owner_migrates_and_restores_and_the_service_serves() {
    let Some(cluster) = postgres::Cluster::shared() else { return };
    let owner = cluster.new_database().await;
    let mut administrator = sqlx::PgConnection::connect(&owner).await.unwrap();
    sqlx::raw_sql(SERVICE).execute(&mut administrator).await.unwrap();
    let service = |url: &str| url.replace("amr@", "chaobiao_service@");
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("owner-url"), &owner).unwrap();
    std::fs::write(at.join("url"), service(&owner)).unwrap();
    let config =
        "[database]\nurl_file = \"url\"\n[http]\nenabled = false\n[secrets]\nkey_file = \"secrets.key\"\n";
    std::fs::write(at.join("chaobiao.toml"), config).unwrap();
    succeed(at, &["secrets", "key", "secrets.key"]);
    let refused = run(at, &["user", "add", "zhao", "--role", "admin"]);
    assert!(talk(&refused).contains("--owner"), "it says who makes the tables: {}", talk(&refused));
    let made = succeed(at, &["migrate", "--owner", "owner-url", "--json"]);
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!((&made["schema_before"], &made["rights_given"]), (&Value::from(0), &Value::Bool(true)));
    assert!(succeed(at, &["migrate", "--owner", "owner-url"]).contains("nothing to do"));
    succeed(at, &["user", "add", "zhao", "--role", "admin"]);
    let owns_nothing = |folder: &Path| {
        let doctor = String::from_utf8(run(folder, &["doctor"]).stdout).unwrap();
        assert!(doctor.contains("the account owns no table and cannot change the audit log"), "{doctor}");
        assert!(doctor.contains("backup: pg_dump "), "{doctor}");
    };
    owns_nothing(at);
    let backup = back_up(at);

    let place = empty_place(at);
    let target = cluster.new_database().await;
    std::fs::write(place.path().join("url"), service(&target)).unwrap();
    std::fs::write(place.path().join("owner-url"), &target).unwrap();
    let mut administrator = sqlx::PgConnection::connect(&target).await.unwrap();
    sqlx::raw_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC").execute(&mut administrator).await.unwrap();
    let refused = run(place.path(), &["restore", backup.to_str().unwrap()]);
    let told = talk(&refused);
    assert!(told.contains("--owner FILE") && told.contains("属主") && !told.contains("at line"), "{told}");
    succeed(place.path(), &["restore", "--owner", "owner-url", backup.to_str().unwrap()]);
    assert!(succeed(place.path(), &["user", "list"]).contains("zhao"));
    owns_nothing(place.path());

    // Rights that are missing are told as such.
    sqlx::raw_sql("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM chaobiao_service")
        .execute(&mut administrator)
        .await
        .unwrap();
    for command in ["serve", "doctor"] {
        let output = run(place.path(), &[command]);
        let told = talk(&output) + &String::from_utf8_lossy(&output.stdout);
        assert!(
            told.contains("chaobiao migrate --owner FILE") && !told.contains("at line"),
            "{command}: {told}"
        );
    }
}

/// Only `migrate` and `serve` change tables that are there; the others say so.
#[tokio::test]
async fn f40_tables_of_an_older_version_are_changed_by_migrate_alone() {
    let site = site("path = \"chaobiao.db\"");
    let at = site.path();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(at.join("chaobiao.db"));
    let mut file = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    // As the version before the newest left it.
    let (newest,): (i64,) =
        sqlx::query_as("SELECT max(version) FROM schema_version").fetch_one(&mut file).await.unwrap();
    let back = "ALTER TABLE terminal DROP COLUMN unread_at; DELETE FROM schema_version WHERE name = 'unread'";
    sqlx::raw_sql(back).execute(&mut file).await.unwrap();
    file.close().await.unwrap();
    for command in [["user", "list"].as_slice(), &["meters", "import", "archive.csv"], &["backup", "backups"]]
    {
        let refused = run(at, command);
        assert_eq!(refused.status.code(), Some(1), "{command:?}");
        assert!(talk(&refused).contains("run `chaobiao migrate`"), "{command:?}: {}", talk(&refused));
    }
    let doctor = String::from_utf8(run(at, &["doctor"]).stdout).unwrap();
    assert!(doctor.contains("with the version that served it"), "{doctor}");
    let lock = std::fs::File::options().write(true).open(at.join("chaobiao.db.lock")).unwrap();
    lock.lock().unwrap();
    assert!(talk(&run(at, &["migrate"])).contains("is `chaobiao serve` running?"));
    drop(lock);
    assert!(succeed(at, &["migrate"]).starts_with(&format!("schema {} -> {newest}: done", newest - 1)));
    assert!(succeed(at, &["migrate"]).contains("nothing to do"));
    succeed(at, &["user", "list"]);
}

/// What is damaged in a backup is told by the restore, and does not keep it from being done. (F42, T28)
#[tokio::test]
async fn f42_t28_a_restore_tells_what_was_damaged_before_the_backup() {
    let site = site("path = \"chaobiao.db\"");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(site.path().join("chaobiao.db"));
    let mut file = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql("DROP TRIGGER register_ledger_stays").execute(&mut file).await.unwrap();
    file.close().await.unwrap();
    let doctor = run(site.path(), &["doctor"]);
    let told = String::from_utf8(doctor.stdout).unwrap();
    assert!(told.contains("lacks, or has otherwise: trigger register_ledger_stays"), "{told}");
    assert_eq!(doctor.status.code(), Some(1));
    let backup = back_up(site.path());
    let place = empty_place(site.path());
    let report = succeed(place.path(), &["restore", backup.to_str().unwrap(), "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["damaged"], serde_json::json!(["trigger register_ledger_stays is missing"]));
}

/// What root makes in a directory of the service's account is of use to that account.
#[test]
fn f41_what_root_makes_for_the_service_belongs_to_it() {
    use std::os::unix::fs::{MetadataExt, chown};
    if !chaobiao::ownership::is_root() {
        return;
    }
    let site = site("path = \"chaobiao.db\"");
    let backup = back_up(site.path());
    let place = tempfile::tempdir().unwrap();
    chown(place.path(), Some(12_345), Some(12_345)).unwrap();
    succeed(place.path(), &["secrets", "key", "secrets.key"]);
    std::fs::copy(site.path().join("secrets.key"), place.path().join("secrets.key")).unwrap();
    succeed(place.path(), &["restore", backup.to_str().unwrap()]);
    succeed(place.path(), &["user", "add", "li.na", "--role", "viewer"]);
    let made = files(place.path());
    assert!(made.len() >= 5, "{made:?}");
    for file in made {
        assert_eq!(file.metadata().unwrap().uid(), 12_345, "{file:?}");
    }
}

#[test]
fn f30_a_backup_onto_a_full_disk_names_that_disk() {
    let Some(disk) = disk::Disk::of(1) else { return };
    let site = site("path = \"chaobiao.db\"");
    let refused = run(site.path(), &["backup", disk.path().to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(1));
    let told = talk(&refused);
    assert!(
        told.contains("the disk of the backup is full") && told.contains(disk.path().to_str().unwrap()),
        "{told}"
    );
}
