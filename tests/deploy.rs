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
    // Grafana asks as an account that may look at this and change nothing.
    for role in ["chaobiao_service", "chaobiao_reader"] {
        // Roles are for all databases of a server, and another test makes one of them, too.
        let make = format!(
            "DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        );
        sqlx::raw_sql(AssertSqlSafe(make)).execute(&mut asking).await.unwrap();
    }
    sqlx::raw_sql(AssertSqlSafe(deployed("grants.sql"))).execute(&mut asking).await.unwrap();
    let mut reading = PgConnection::connect(&url.replace("amr@", "chaobiao_reader@")).await.unwrap();
    for query in queries {
        // The range of the page, and the newest first.
        assert!(query.contains("$__timeFrom()") && query.contains(" DESC"), "{query}");
        let query = query
            .replace("$__timeFrom()", "'2026-11-28T16:00:00Z'")
            .replace("$__timeTo()", "'2026-11-30T04:00:00Z'");
        sqlx::raw_sql(AssertSqlSafe(query)).execute(&mut reading).await.unwrap();
    }
    for view in ["register_read", "interval_read", "daily_consumption", "missing_read"] {
        sqlx::raw_sql(AssertSqlSafe(format!("SELECT * FROM {view} LIMIT 1")))
            .execute(&mut reading)
            .await
            .unwrap();
    }
    for query in [
        "SELECT * FROM account",
        "SELECT * FROM customer",
        "SELECT * FROM audit",
        "DELETE FROM billing_value",
    ] {
        let refused = sqlx::raw_sql(query).execute(&mut reading).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code()).unwrap_or_default();
        assert_eq!(code, "42501", "{query}: {refused}");
    }
}

/// One expression with `or` shows one of two metrics that have the same labels.
#[test]
fn each_target_of_the_dashboard_names_one_metric_of_its_own() {
    let dashboard: Value = serde_json::from_str(&deployed("grafana/chaobiao.json")).unwrap();
    let targets =
        dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let asked: Vec<&str> = targets.filter_map(|target| target["expr"].as_str()).collect();
    assert!(asked.iter().all(|expression| !expression.contains(" or ")), "{asked:?}");
    assert!(asked.contains(&"amr_audit_anchor_age_seconds"));
}

/// A copy of a server is made by programs that are at least as new as it.
#[test]
fn the_containers_have_a_server_that_their_client_copies_and_a_configuration_that_is_whole() {
    let (compose, image) = (deployed("compose.yaml"), deployed("Containerfile"));
    let after = |text: &str, words: &str| -> u32 {
        let rest = text.split_once(words).unwrap().1;
        rest.split(|sign: char| !sign.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    assert!(after(&image, "postgresql-client-") >= after(&compose, "library/postgres:"));
    let folder = tempfile::tempdir().unwrap();
    let made = folder.path().join("secrets");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/container/secrets.sh");
    let (done, said) = run(Command::new(script).arg(&made));
    assert!(done, "{said}");
    let named = compose.split("secrets/").skip(1).map(|rest| rest.split('}').next().unwrap());
    let named: Vec<&str> = named.filter(|name| made.join(name).exists()).collect();
    assert_eq!(named.len(), compose.matches("{file: secrets/").count(), "every secret is made: {named:?}");
    let owner = std::fs::read_to_string(made.join("owner_url")).unwrap();
    assert!(run(Command::new(script).arg(&made)).0);
    assert_eq!(std::fs::read_to_string(made.join("owner_url")).unwrap(), owner, "what is there stays");
    // The configuration, with places of this machine in place of those of the container.
    let key = folder.path().join("secrets.key");
    assert!(run(Command::new(env!("CARGO_BIN_EXE_chaobiao")).args(["secrets", "key"]).arg(&key)).0);
    let text = deployed("container/chaobiao.toml");
    let text = text
        .replace("/run/secrets", made.to_str().unwrap())
        .replace("/var/lib/chaobiao", folder.path().to_str().unwrap());
    let file = folder.path().join("chaobiao.toml");
    std::fs::write(&file, text).unwrap();
    let (done, listed) =
        run(Command::new(env!("CARGO_BIN_EXE_chaobiao")).args(["config", "check", "-c"]).arg(&file));
    assert!(done, "{listed}");
    for (port, listens) in
        [("8645", "8645:8645"), ("9645", "9645:9645"), ("9001", "9001:9001"), ("9002", "9002:9002")]
    {
        assert!(listed.contains(&format!("0.0.0.0:{port}")) && compose.contains(listens), "{port}");
    }
}

/// The script that the image of PostgreSQL runs makes an owner and an account that serves, neither of which may do everything.
#[tokio::test]
async fn t28_the_database_of_the_containers_has_an_owner_and_a_service() {
    let Some(cluster) = postgres::Cluster::shared() else { return };
    let url = cluster.new_database().await;
    let (host, _) = url.split_once('@').unwrap().1.rsplit_once('/').unwrap();
    let folder = tempfile::tempdir().unwrap();
    for name in ["owner_password", "service_password"] {
        std::fs::write(folder.path().join(name), "it's one\n").unwrap();
    }
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("DROP ROLE IF EXISTS chaobiao_owner").execute(&mut connection).await.unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/container/roles.sh");
    // Another test of this process may have made the account that serves: the script stops there, which is what it should do.
    let (done, said) = run(Command::new("sh")
        .arg(script)
        .env("PGHOST", host.replace("%2F", "/"))
        .env("POSTGRES_USER", "amr")
        .env("SECRETS", folder.path()));
    assert!(done || said.contains("chaobiao_service\" already exists"), "{said}");
    let asked = "SELECT rolsuper, rolcanlogin FROM pg_roles WHERE rolname = 'chaobiao_owner'";
    let (is_super, may_sign_in): (bool, bool) =
        sqlx::query_as(asked).fetch_one(&mut connection).await.unwrap();
    assert!(!is_super && may_sign_in);
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
        let lines = blocks.map(|line| line.strip_prefix("sudo -u chaobiao ").unwrap_or(line));
        for line in lines.filter_map(|line| line.strip_prefix("chaobiao ")) {
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
fn the_units_are_ones_that_systemd_takes() {
    for unit in ["chaobiao.service", "chaobiao-backup.service", "chaobiao-backup.timer"] {
        let file = format!("{}/deploy/systemd/{unit}", env!("CARGO_MANIFEST_DIR"));
        let Ok(verified) = Command::new("systemd-analyze").args(["verify", &file]).output() else { return };
        let said = String::from_utf8_lossy(&verified.stderr).into_owned();
        // The program is not installed where tests run.
        let wrong: Vec<&str> = said.lines().filter(|line| !line.contains("is not executable")).collect();
        assert!(wrong.is_empty(), "{unit}: {wrong:?}");
    }
}

/// What the unit runs behind a backup keeps the newest, and nothing but backups goes.
#[test]
fn old_backups_go_and_the_newest_stay() {
    let unit = deployed("systemd/chaobiao-backup.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStartPost=/bin/sh -c '")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let there = || {
        let mut names: Vec<_> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    for name in ["20261128T063000Z", "20261129T063000Z", "20261130T063000Z", "20261130T070000Z.partial"] {
        std::fs::create_dir(folder.path().join(format!("chaobiao-{name}"))).unwrap();
    }
    std::fs::create_dir(folder.path().join("other")).unwrap();
    let thin = |keep: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", line.trim_end_matches('\'')]).env("TO", folder.path()).env("KEEP", keep);
        assert!(run(&mut command).0);
    };
    thin("3");
    assert_eq!(there().len(), 5);
    thin("2");
    let kept = [
        "chaobiao-20261129T063000Z",
        "chaobiao-20261130T063000Z",
        "chaobiao-20261130T070000Z.partial",
        "other",
    ];
    assert_eq!(there(), kept);
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

    // What the README and the example refer to is in it.
    for name in ["receivers.md", "alarms.md", "handbook/en.md", "handbook/zh.md", "pictures/tonight.png"] {
        assert!(unpacked.join("manual").join(name).exists(), "{name}");
    }
    let readme = std::fs::read_to_string(unpacked.join("README.md")).unwrap();
    assert!(readme.contains("(manual/handbook/en.md)") && !readme.contains("src/manual"));

    let root = folder.path().join("root");
    // As careful as administrators' machines are.
    let install = || {
        let script = format!("umask 077; exec {}", unpacked.join("install.sh").display());
        run(Command::new("sh").args(["-c", &script]).env("DESTDIR", &root))
    };
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
    for unit in ["chaobiao.service", "chaobiao-backup.service", "chaobiao-backup.timer"] {
        assert!(root.join("etc/systemd/system").join(unit).exists(), "{unit}");
    }
    assert!(!installed.with_extension("before").exists(), "the same again is no update");
    for (file, mode) in [
        ("chaobiao/grants.sql", 0o644),
        ("doc/chaobiao/manual/handbook/zh.md", 0o644),
        ("doc/chaobiao", 0o755),
    ] {
        let is = root.join("usr/share").join(file).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(is, mode, "{file}");
    }
    std::fs::write(&installed, "#!/bin/sh\necho chaobiao 9.8.6\n").unwrap();
    let (done, said) = install();
    assert!(done && said.contains("systemctl enable --now chaobiao"), "{said}");
    assert!(std::fs::read_to_string(installed.with_extension("before")).unwrap().contains("9.8.6"));
}
