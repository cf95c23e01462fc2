//! `chaobiao doctor`: what is wrong is said with what to do, and nothing is changed by looking.
#![expect(clippy::unwrap_used, reason = "a step that fails must end its test")]

#[expect(clippy::panic, clippy::unwrap_used, reason = "a step that fails must end its test")]
#[path = "support/postgres.rs"]
mod postgres;
#[expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a step that fails must end its test")]
#[expect(dead_code, reason = "others need more of it")]
#[path = "support/simulator.rs"]
mod simulator;

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use chaobiao::domain::{Day, Id, Item, Quality, RegisterReading, Source};
use chaobiao::store::{Address, Batch, Migrations, Store};
use serde_json::Value;
use sqlx::{Connection, PgConnection};

fn chaobiao(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.current_dir(folder);
    command
}

/// Exit code and what was found.
fn doctor(folder: &Path) -> (Option<i32>, Vec<Value>) {
    let output = chaobiao(folder).args(["doctor", "--json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// The levels of what was found of something.
fn levels<'a>(found: &'a [Value], of: &str) -> Vec<&'a str> {
    found
        .iter()
        .filter(|finding| finding["of"] == of)
        .map(|finding| finding["level"].as_str().unwrap())
        .collect()
}

fn configure(folder: &Path, database: &str, more: &str) {
    let text = format!("[database]\n{database}\n{more}");
    std::fs::write(folder.join("chaobiao.toml"), text).unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_wrong_with_lines_and_ports_is_said_and_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    std::fs::write(folder.path().join("no-port"), "").unwrap();
    configure(
        folder.path(),
        "path = \"chaobiao.db\"",
        &format!(
            "[http]\nlisten = \"{taken}\"\n[[line]]\nname = \"there\"\ntcp = \"{taken}\"\n[[line]]\nname = \"away\"\n\
             tcp = \"127.0.0.1:1\"\n[[line]]\nname = \"gone\"\nserial = \"/dev/no-such-port\"\n[[line]]\nname = \"none\"\n\
             serial = \"no-port\"\n"
        ),
    );
    let (code, found) = doctor(folder.path());
    assert_eq!(code, Some(1), "{found:?}");
    assert_eq!(levels(&found, "line there"), ["ok"]);
    for of in ["line away", "line gone", "line none", "[http] listen"] {
        assert_eq!(levels(&found, of), ["fail"], "{of}");
    }
    let to_do = |finding: &&Value| finding["level"] == "fail" && finding["of"] != "line none";
    assert!(found.iter().filter(to_do).all(|finding| finding["do"].is_string()), "{found:?}");
    // What a file cannot give is listed, and looking has made none.
    assert!(
        found.iter().filter(|finding| finding["message"].as_str().unwrap().starts_with("SQLite ")).count()
            >= 3
    );
    assert_eq!(names(folder.path()), ["chaobiao.toml", "no-port"]);
    let text = chaobiao(folder.path()).arg("doctor").output().unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("fail  line away: ") && text.contains("      -> "), "{text}");
}

#[test]
fn a_site_that_is_served_is_seen_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    configure(
        folder.path(),
        "path = \"chaobiao.db\"",
        "[http]\nenabled = false\n[[line]]\nname = \"a\"\ntcp = \"127.0.0.1:1\"\n",
    );
    let add = ["user", "add", "li.na", "--role", "viewer", "--person", "li"];
    let made = chaobiao(folder.path()).args(add).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // As a process that serves does.
    let lock = std::fs::File::create(folder.path().join("chaobiao.db.lock")).unwrap();
    lock.lock().unwrap();
    let (_, found) = doctor(folder.path());
    assert_eq!(levels(&found, "serve"), ["note"], "{found:?}");
    assert_eq!(levels(&found, "line a"), Vec::<&str>::new(), "its lines are not tried");
    drop(lock);
    let (_, found) = doctor(folder.path());
    assert_eq!((levels(&found, "serve"), levels(&found, "line a")), (vec![], vec!["fail"]));
}

#[tokio::test]
async fn f29_t28_unsafe_settings_and_too_many_rights_of_a_server_are_said() {
    let Some(cluster) = postgres::Cluster::shared() else { return };
    let folder = tempfile::tempdir().unwrap();
    let url = cluster.new_database().await;
    std::fs::write(folder.path().join("url"), &url).unwrap();
    configure(folder.path(), "url_file = \"url\"", "[http]\nenabled = false\n");
    let of = |found: &[Value], words: &str| {
        let finding = found.iter().find(|finding| finding["message"].as_str().unwrap().contains(words));
        finding.map(|finding| finding["level"].as_str().unwrap().to_owned())
    };
    let (_, found) = doctor(folder.path());
    assert_eq!(of(&found, "holds nothing yet").as_deref(), Some("note"), "{found:?}");
    let made = chaobiao(folder.path()).args(["user", "list"]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (_, found) = doctor(folder.path());
    assert_eq!(of(&found, "is ours").as_deref(), Some("ok"), "{found:?}");
    assert_eq!(
        of(&found, "may change the audit log: true").as_deref(),
        Some("warn"),
        "the owner of the tables serves"
    );
    assert_eq!(of(&found, "off ours").as_deref(), Some("ok"), "{found:?}");
    // An unsafe setting fails it.
    let mut other = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("ALTER ROLE amr SET synchronous_commit = off").execute(&mut other).await.unwrap();
    let (code, found) = doctor(folder.path());
    sqlx::raw_sql("ALTER ROLE amr RESET synchronous_commit").execute(&mut other).await.unwrap();
    assert_eq!(
        (code, of(&found, "synchronous_commit is off").as_deref()),
        (Some(1), Some("fail")),
        "{found:?}"
    );
}

/// F4: an adapter that returns what is sent is told of, and who answers how soon.
#[test]
fn f04_meters_are_asked_when_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let meter =
        |number: u8, bus: &str| format!("[[meter]]\naddress = \"20241111000{number}\"\nbus = \"{bus}\"\n");
    let world = format!(
        "seed = 7\n[[bus]]\nname = \"east\"\ntcp = \"127.0.0.1:0\"\nbaud = 9600\necho = true\n[[bus]]\nname = \"west\"\n\
         tcp = \"127.0.0.1:0\"\nbaud = 9600\n{}{}",
        meter(1, "east"),
        meter(2, "west")
    );
    let world_file = folder.path().join("world.toml");
    std::fs::write(&world_file, world).unwrap();
    let simulator = simulator::Simulator::start(&["--world", world_file.to_str().unwrap()]);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let places = [
        simulator.listen(0).to_owned(),
        simulator.listen(1).to_owned(),
        other.local_addr().unwrap().to_string(),
    ];
    let lines: String = ["east", "west", "empty"]
        .iter()
        .zip(places)
        .map(|(name, at)| format!("[[line]]\nname = \"{name}\"\ntcp = \"{at}\"\nbaud = 9600\n"))
        .collect();
    configure(folder.path(), "path = \"chaobiao.db\"", &format!("[http]\nenabled = false\n{lines}"));
    let (_, found) = asked(folder.path());
    assert_eq!(levels(&found, "lines"), ["note"], "nobody knows whom to ask: {found:?}");
    let archive = "户号,户名,计量点编号,通信地址,规约,线路\n1001,王,P1,202411110001,645-2007,east\n\
        1002,李,P2,202411110002,645-2007,west\n1003,赵,P3,202499990001,645-2007,west\n";
    std::fs::write(folder.path().join("meters.csv"), archive).unwrap();
    let import =
        chaobiao(folder.path()).args(["meters", "import", "meters.csv", "--confirm"]).output().unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    let said = |found: &[Value], of: &str| -> Vec<String> {
        let of_line = found.iter().filter(|finding| finding["of"] == of);
        of_line.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect()
    };
    let (_, found) = doctor(folder.path());
    assert_eq!(said(&found, "line east").len(), 1, "none is asked unless that is wanted: {found:?}");
    let (code, found) = asked(folder.path());
    // How full this machine's disk is, is no matter of the lines.
    let wrong: Vec<_> = found.iter().filter(|finding| finding["level"] == "fail").collect();
    let of_the_disk =
        |finding: &&Value| finding["message"].as_str().unwrap().contains("of its disk are used");
    assert!(wrong.iter().all(of_the_disk), "{wrong:?}");
    assert_eq!(code, Some(i32::from(!wrong.is_empty())));
    let east = said(&found, "line east");
    assert!(
        east.iter().any(|said| said.starts_with("1 of 1 meters asked answered, the first byte after ")),
        "{east:?}"
    );
    assert!(east.iter().any(|said| said.contains("(echo)")), "{east:?}");
    let west = said(&found, "line west");
    assert!(west.iter().any(|said| said.starts_with("1 of 2 meters asked answered")), "{west:?}");
    assert!(west.iter().any(|said| said.starts_with("meter 202499990001: ")), "{west:?}");
    assert!(!west.iter().any(|said| said.contains("echo")), "{west:?}");
    assert_eq!(levels(&found, "line empty"), ["ok", "note"], "it is there, and has no meter");
    // Nobody on a line answers.
    let archive = format!("{archive}1004,孙,P4,202499990002,645-2007,empty\n");
    std::fs::write(folder.path().join("meters.csv"), archive).unwrap();
    let import =
        chaobiao(folder.path()).args(["meters", "import", "meters.csv", "--confirm"]).output().unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    let (code, found) = asked(folder.path());
    assert_eq!((code, levels(&found, "line empty")), (Some(1), vec!["ok", "fail"]), "{found:?}");
    // Where a process serves the site, its lines are left alone.
    let lock = std::fs::File::create(folder.path().join("chaobiao.db.lock")).unwrap();
    lock.lock().unwrap();
    let (_, found) = asked(folder.path());
    assert_eq!(said(&found, "line east"), Vec::<String>::new());
}

/// Every row is looked at when that is wanted, and days with damaged ones are named. (F42)
#[tokio::test]
async fn f42_the_doctor_tells_which_days_are_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let line = "[http]\nenabled = false\n[[line]]\nname = \"east\"\ntcp = \"127.0.0.1:1\"\n";
    configure(folder.path(), "path = \"chaobiao.db\"", line);
    std::fs::write(
        folder.path().join("meters.csv"),
        "户号,户名,计量点编号,通信地址,规约,线路\n1001,王,P1,202411110001,645-2007,east\n",
    )
    .unwrap();
    let import =
        chaobiao(folder.path()).args(["meters", "import", "meters.csv", "--confirm"]).output().unwrap();
    assert!(import.status.success(), "{}", String::from_utf8_lossy(&import.stderr));
    let path = folder.path().join("chaobiao.db");
    let store = Store::open(&Address::Sqlite(path.clone()), Migrations::Check).await.unwrap();
    let reading = |text: &str| RegisterReading {
        meter: Id::new(1),
        item: Item::parse("1.8.0").unwrap(),
        as_of: text.parse::<Day>().unwrap().start(),
        value: 1_234_500,
        meter_time: None,
        collected_at: text.parse::<Day>().unwrap().start(),
        source: Source::Freeze,
        quality: Quality::Good,
        fetch: None,
    };
    let registers = vec![reading("2026-11-21"), reading("2026-11-22")];
    let now = "2026-11-22".parse::<Day>().unwrap().next().start();
    store.save(&Batch { registers, ..Batch::default() }, now).await.unwrap();
    store.close().await;
    let rows = || {
        let output = chaobiao(folder.path()).args(["doctor", "--rows", "--json"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let found: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let said = found.iter().filter(|finding| finding["of"] == "rows");
        (
            output.status.code(),
            said.map(|finding| finding["message"].as_str().unwrap().to_owned()).collect::<Vec<_>>(),
        )
    };
    let (_, said) = rows();
    assert_eq!(said.len(), 4, "{said:?}");
    assert_eq!(said[1], "2 rows of register_ledger are as they were written");
    let (_, found) = doctor(folder.path());
    assert_eq!(levels(&found, "rows"), [""; 0], "it may take long: only when it is wanted");
    let flip =
        "DROP TRIGGER register_ledger_stays; UPDATE register_ledger SET value = value + 4 WHERE rowid = 2";
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let mut other = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::raw_sql(flip).execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let (code, said) = rows();
    let wanted = "1 of 2 rows of register_ledger are not as they were written, of 2026-11-22";
    assert_eq!((code, said[1].as_str()), (Some(1), wanted), "{said:?}");
}

/// The same with meters being asked.
fn asked(folder: &Path) -> (Option<i32>, Vec<Value>) {
    let output = chaobiao(folder).args(["doctor", "--ask", "--json"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    (output.status.code(), text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// What the service could not write to, or everybody can read, is said before it is served. (F38, F41)
#[test]
fn f41_t24_places_that_the_service_cannot_use_and_open_secrets_are_said() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let secret = at.join("secret");
    std::fs::write(&secret, "0123456789abcdef0123456789abcdef\n").unwrap();
    let mode = |mode| std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(mode)).unwrap();
    let webhook = "[[alarm_webhook]]\nname = \"duty\"\nurl_file = \"address\"\nsecret_file = \"secret\"\n";
    std::fs::write(at.join("address"), "https://example.invalid/robot\n").unwrap();
    std::fs::set_permissions(at.join("address"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let anchor = "[http]\nenabled = false\n[audit]\nanchor_file = \"none/anchor.txt\"\n";
    configure(at, "path = \"data/chaobiao.db\"", &format!("{anchor}{webhook}"));
    mode(0o644);
    let (code, found) = doctor(at);
    assert_eq!(code, Some(1), "{found:?}");
    assert_eq!(levels(&found, "database directory")[..1], ["fail"], "nobody makes it");
    assert_eq!(levels(&found, "[audit] anchor_file")[..1], ["fail"], "nobody makes it");
    assert_eq!(levels(&found, "[alarm_webhook[1]] secret_file"), ["warn"], "{found:?}");
    assert_eq!(levels(&found, "[alarm_webhook[1]] url_file"), [""; 0], "{found:?}");
    std::fs::create_dir(at.join("data")).unwrap();
    std::fs::create_dir(at.join("none")).unwrap();
    mode(0o640);
    let (_, found) = doctor(at);
    assert_eq!(levels(&found, "database directory")[..1], ["ok"], "{found:?}");
    assert_eq!(levels(&found, "[audit] anchor_file")[..1], ["ok"], "{found:?}");
    assert_eq!(levels(&found, "[alarm_webhook[1]] secret_file"), [""; 0]);
    // The unit would not let the service write there.
    configure(at, "path = \"/etc/chaobiao.db\"", "[http]\nenabled = false\n");
    let (_, found) = doctor(at);
    assert!(levels(&found, "database directory").contains(&"warn"), "{found:?}");
}

/// A file that root has made is of no use to the service, and the doctor of root sees that as well.
#[test]
fn f41_a_database_of_another_account_than_its_directory_is_said() {
    use std::os::unix::fs::chown;
    let folder = tempfile::tempdir().unwrap();
    configure(folder.path(), "path = \"chaobiao.db\"", "[http]\nenabled = false\n");
    let add = ["user", "add", "li.na", "--role", "viewer"];
    assert!(chaobiao(folder.path()).args(add).output().unwrap().status.success());
    let (_, found) = doctor(folder.path());
    assert_eq!(levels(&found, "database file"), [""; 0]);
    // Only root can give files away.
    if chown(folder.path(), Some(12_345), Some(12_345)).is_ok() {
        let (code, found) = doctor(folder.path());
        assert_eq!(code, Some(1));
        assert!(levels(&found, "database file").contains(&"fail"), "{found:?}");
    }
}

/// The simulator itself has the pseudo-terminal that it offers: that is no other master.
#[test]
fn a_pseudo_terminal_of_the_simulator_is_no_line_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let world = "seed = 7\n[[bus]]\nname = \"east\"\npty = \"PORT\"\n[[meter]]\naddress = \"202411110001\"\nbus = \"east\"\n";
    let file = folder.path().join("world.toml");
    let port = folder.path().join("port");
    std::fs::write(&file, world.replace("PORT", port.to_str().unwrap())).unwrap();
    let _simulator = simulator::Simulator::start(&["--world", file.to_str().unwrap()]);
    let line =
        format!("[http]\nenabled = false\n[[line]]\nname = \"east\"\nserial = \"{}\"\n", port.display());
    configure(folder.path(), "path = \"chaobiao.db\"", &line);
    let (_, found) = doctor(folder.path());
    assert!(!levels(&found, "line east").contains(&"fail"), "{found:?}");
    assert!(levels(&found, "line east").contains(&"ok"), "{found:?}");
}
