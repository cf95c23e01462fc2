//! A site is copied while it is there and put back where nothing is, by the commands that an operator runs.
#![expect(clippy::unwrap_used, reason = "a step that fails must end its test")]

#[expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails must end its test")]
#[path = "support/postgres.rs"]
mod postgres;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use sqlx::Connection;
use tempfile::TempDir;

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
    as_owner("CREATE ROLE chaobiao_service LOGIN").await;
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
