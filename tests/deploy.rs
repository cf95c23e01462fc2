//! The files of deploy/ name only what there is: metrics, tables, commands.
#![expect(clippy::unwrap_used, reason = "a step that fails must end its test")]

#[expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails must end its test")]
#[path = "support/postgres.rs"]
mod postgres;

use std::process::Command;

use chaobiao::domain::{AlarmKind, Coded};
use chaobiao::store::{Address, Migrations, Store};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

fn deployed(name: &str) -> String {
    std::fs::read_to_string(format!("{}/deploy/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The metrics a text names.
fn named(text: &str) -> Vec<&str> {
    let words = text.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'));
    words.filter(|word| word.starts_with("amr_") || word.starts_with("process_")).collect()
}

#[test]
fn rules_and_dashboard_name_only_metrics_there_are() {
    let known = chaobiao::telemetry::names();
    for file in ["prometheus/chaobiao.rules.yml", "grafana/chaobiao.json"] {
        let text = deployed(file);
        let names = named(&text);
        assert!(names.len() > 10, "{file}");
        for name in names {
            assert!(known.iter().any(|one| one == name), "{file} names {name}");
        }
    }
    assert_eq!(named("up == 0 and amr_no_such > 1"), ["amr_no_such"]);
}

#[tokio::test]
async fn every_query_of_the_dashboard_runs_on_a_migrated_database() {
    let dashboard: Value = serde_json::from_str(&deployed("grafana/chaobiao.json")).unwrap();
    let Some(cluster) = postgres::Cluster::shared() else { return };
    let url = cluster.new_database().await;
    Store::open(&Address::Postgres(url.clone()), Migrations::Run).await.unwrap().close().await;
    let mut asking = PgConnection::connect(&url).await.unwrap();
    let targets =
        dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let queries: Vec<&str> = targets.filter_map(|target| target["rawSql"].as_str()).collect();
    assert!(!queries.is_empty());
    for query in queries {
        sqlx::raw_sql(AssertSqlSafe(query.to_owned())).execute(&mut asking).await.unwrap();
    }
}

#[test]
fn the_handbooks_name_every_alarm_and_only_commands_there_are() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/handbook");
    for language in ["en", "zh"] {
        let text = std::fs::read_to_string(format!("{folder}/{language}.md")).unwrap();
        for (kind, _, name) in AlarmKind::TABLE {
            assert!(text.contains(&format!("| `{name}` |")), "{language} leaves out {kind:?}");
        }
        let mut commands = std::collections::BTreeSet::new();
        let blocks = text.split("```").skip(1).step_by(2).flat_map(str::lines);
        for line in blocks.filter_map(|line| line.strip_prefix("chaobiao ")) {
            let words = line
                .split(' ')
                .take_while(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
            commands.insert(words.map(str::to_owned).collect::<Vec<_>>());
        }
        assert!(commands.len() > 10, "{commands:?}");
        for command in commands {
            let help =
                Command::new(env!("CARGO_BIN_EXE_chaobiao")).args(&command).arg("--help").output().unwrap();
            assert!(help.status.success(), "{language}: {command:?}");
        }
    }
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let file = format!("{}/deploy/systemd/chaobiao.service", env!("CARGO_MANIFEST_DIR"));
    let Ok(verified) = Command::new("systemd-analyze").args(["verify", &file]).output() else { return };
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    // The program is not installed where tests run.
    let wrong: Vec<&str> = said.lines().filter(|line| !line.contains("is not executable")).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

fn run(command: &mut Command) -> (bool, String) {
    let ran = command.output().unwrap();
    (ran.status.success(), [ran.stdout, ran.stderr].map(|said| String::from_utf8(said).unwrap()).concat())
}

#[test]
fn a_release_is_the_same_each_time_and_installs_only_whole_and_without_a_network() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::fs::write(&program, "#!/bin/sh\necho chaobiao 9.8.7\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/release.sh");
    let pack = |out: &str| {
        let out = folder.path().join(out);
        let (done, said) = run(Command::new(script).arg("--binary").args([&program, &out]));
        assert!(done, "{said}");
        let archive = said.lines().last().unwrap().to_owned();
        (std::fs::read(&archive).unwrap(), archive)
    };
    let ((first, archive), (second, _)) = (pack("one"), pack("two"));
    assert_eq!(first, second, "two runs make the same archive");
    assert!(archive.contains("/chaobiao-9.8.7-"), "{archive}");
    let sum = format!("{}.sha256", std::path::Path::new(&archive).file_name().unwrap().display());
    let (done, said) =
        run(Command::new("sha256sum").args(["-c", &sum]).current_dir(folder.path().join("one")));
    assert!(done, "{said}");

    assert!(run(Command::new("tar").args(["-xzf", &archive]).current_dir(folder.path())).0);
    let name = archive.rsplit('/').next().unwrap().trim_end_matches(".tar.gz");
    let unpacked = folder.path().join(name);
    let software = std::fs::read_to_string(unpacked.join("SOFTWARE.tsv")).unwrap();
    let tokio = software.lines().find(|line| line.starts_with("tokio\t")).unwrap();
    let columns: Vec<&str> = tokio.split('\t').collect();
    assert_eq!((columns.len(), columns[2], columns[3].len()), (4, "MIT", 64), "{tokio}");
    assert!(!software.contains("\nproptest\t"), "what only tests use is not in it");

    let root = folder.path().join("root");
    let install = || run(Command::new(unpacked.join("install.sh")).env("DESTDIR", &root));
    let unit = unpacked.join("deploy/systemd/chaobiao.service");
    let packed = std::fs::read(&unit).unwrap();
    std::fs::write(&unit, "[Service]\nExecStart=/bin/false\n").unwrap();
    let (done, said) = install();
    assert!(!done && said.contains("nothing was installed") && !root.exists(), "{said}");
    std::fs::write(&unit, packed).unwrap();
    for _ in 0..2 {
        let (done, said) = install();
        assert!(done && said.contains("installed chaobiao 9.8.7"), "{said}");
    }
    let installed = root.join("usr/local/bin/chaobiao");
    assert_eq!(std::fs::read(&installed).unwrap(), std::fs::read(&program).unwrap());
    assert!(root.join("etc/systemd/system/chaobiao.service").exists());
}
