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
