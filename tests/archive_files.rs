//! Archive files as users bring them: the examples and the bad ones in `fixtures/archive`, each bad one beside what is
//! told of it, and the commands that read and write them.
#![expect(clippy::unwrap_used, reason = "a failing step must end its test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chaobiao::archive::{self, Encoding, Headings, Site, Told};
use chaobiao::config::{Config, Loaded};
use chaobiao::domain::{Day, MeterPath};

/// The site that the files are of.
fn site() -> Loaded {
    let text = "[database]\npath = \"a.db\"\n[[line]]\nname = \"一号线\"\ntcp = \"127.0.0.1:7001\"\n";
    Config::parse(Path::new("chaobiao.toml"), text).unwrap()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/archive")
}

fn read(path: &Path) -> Result<archive::ArchiveFile, archive::Faults> {
    let loaded = site();
    let site = Site {
        lines: Some(&loaded.config.lines),
        profiles: Some(&loaded.config.profiles),
        now: Some("2026-11-21".parse::<Day>().unwrap().start()),
    };
    archive::read(&std::fs::read(path).unwrap(), None, &site)
}

#[test]
fn the_examples_say_the_same_in_both_languages() {
    let chinese = read(&folder().join("chinese-gbk.csv")).unwrap();
    let english = read(&folder().join("english-utf8.csv")).unwrap();
    assert_eq!((chinese.encoding, english.encoding), (Encoding::Gbk, Encoding::Utf8));
    assert_eq!((chinese.ignored, english.ignored.len()), (vec!["备注".to_owned()], 0));
    assert_eq!(chinese.entries, english.entries);
    let factory = &chinese.entries[2];
    assert_eq!(factory.customer.name, "光明机械厂\n(东区)");
    assert_eq!(factory.transformers.unwrap().multiplier().unwrap().to_string(), "4000");
    assert_eq!(factory.first_reading, Some(15_032_275));
    assert_eq!(factory.installed_at.unwrap().in_china().to_string(), "2023-06-30 10:30:00");
    assert!(matches!(factory.meter.path, MeterPath::Terminal { measuring_point: 7, port: Some(2), .. }));
    assert_eq!(chinese.entries[3].point.protection.as_deref(), Some("医院, \"双电源\""));
    assert_eq!(chinese.entries[3].meter.address.to_string(), "000012345678");
}

#[test]
fn f38_every_bad_file_is_refused_with_what_stands_beside_it() {
    let mut wrong = Vec::new();
    let mut names: Vec<PathBuf> =
        std::fs::read_dir(folder().join("bad")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    names.sort();
    assert!(names.len() > 20);
    for path in names {
        let name = Path::new(path.file_name().unwrap());
        let faults = read(&path).err().unwrap_or_default();
        let told = format!("{}\n", Told { faults: &faults, file: name, most: 50 });
        let expected = std::fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
        if told != expected {
            wrong.push(format!(
                "{}: expected\n{expected}\nis told\n{told}",
                path.with_extension("txt").display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_stands_alone_is_taken_as_far_as_it_can_be_kept() {
    let file = read(&folder().join("alone.csv")).unwrap();
    let told: Vec<_> =
        file.notices.iter().map(|notice| (notice.column.as_str(), notice.line, notice.kind.name())).collect();
    assert_eq!(
        told,
        [
            ("保护原因", 2, "not protected"),
            ("保护原因", 3, "protects"),
            ("10kV线路", 4, "left out"),
            ("抄表例日", 4, "left out"),
        ]
    );
    assert_eq!(file.entries[1].point.protection.as_deref(), Some("医院"));
}

/// A folder with the configuration of a simulated world of 64 meters, and its archive file.
struct Tour(tempfile::TempDir);

impl Tour {
    fn new() -> Self {
        let tour = Self(tempfile::tempdir().unwrap());
        let drawn = tour.run(&[
            "simulate",
            "world",
            "--meters",
            "64",
            "--lines",
            "4",
            "--archive",
            "meters.csv",
            "--config",
            "chaobiao.toml",
        ]);
        assert!(drawn.status.success(), "{}", String::from_utf8_lossy(&drawn.stderr));
        tour
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
        command.args(arguments).current_dir(self.0.path()).output().unwrap()
    }

    /// Imports a file; gives the exit code and the JSON lines.
    fn import(&self, more: &[&str]) -> (Option<i32>, Vec<serde_json::Value>) {
        let output = self.run(&[&["meters", "import", "--json"], more].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

#[test]
fn a_simulated_world_is_brought_in_and_written_out_again() {
    let tour = Tour::new();
    let (code, told) = tour.import(&["meters.csv", "--dry-run"]);
    assert_eq!(
        (code, told[0]["added"].as_u64(), told[0]["is_saved"].as_bool()),
        (Some(0), Some(64), Some(false))
    );
    assert!(!tour.path("chaobiao.db").exists(), "a dry run makes no database");
    assert_eq!(tour.run(&["meters", "export"]).status.code(), Some(1), "there is none to export from");
    let (code, told) = tour.import(&["meters.csv"]);
    assert_eq!(
        (code, told[0]["added"].as_u64(), told[0]["is_saved"].as_bool()),
        (Some(0), Some(64), Some(true))
    );

    let utf8 = tour.run(&["meters", "export"]).stdout;
    assert!(utf8.starts_with("\u{FEFF}户号,".as_bytes()));
    assert!(tour.run(&["meters", "export", "out.csv", "--encoding", "gbk"]).status.success());
    assert_eq!(tour.run(&["meters", "export", "out.csv"]).status.code(), Some(1), "it is there already");
    let gbk = std::fs::read(tour.path("out.csv")).unwrap();
    let entries = |bytes: &[u8]| archive::read(bytes, None, &Site::default()).unwrap().entries;
    assert_eq!((entries(&gbk).len(), entries(&gbk)), (64, entries(&utf8)));
    let english = tour.run(&["meters", "export", "--english"]).stdout;
    assert_eq!(Some(english), archive::write(&entries(&gbk), Headings::English, Encoding::Utf8));

    for file in ["meters.csv", "out.csv"] {
        let (code, told) = tour.import(&[file]);
        assert_eq!((code, told[0]["same"].as_u64()), (Some(0), Some(64)), "{file}");
    }
}

#[test]
fn f38_a_refused_file_changes_nothing_and_says_why() {
    let tour = Tour::new();
    tour.import(&["meters.csv"]);
    let before = tour.run(&["meters", "export"]).stdout;
    let text = std::fs::read_to_string(tour.path("meters.csv")).unwrap();

    std::fs::write(tour.path("moved.csv"), text.replace("bus-1", "bus-2")).unwrap();
    let (code, told) = tour.import(&["moved.csv", "--dry-run"]);
    assert_eq!((code, told[0]["needs_confirmation"].as_bool()), (Some(0), Some(true)));
    let changes = told[0]["changes"].as_array().unwrap();
    let first = serde_json::json!({"line": 2, "meter_address": "202411110001", "point_number": changes[0]["point_number"],
        "is_new": false, "cells": [{"column": "line", "before": "bus-1", "after": "bus-2"}]});
    assert_eq!((changes.len(), &changes[0]), (16, &first), "what would change is told cell by cell");
    let said = tour.run(&["meters", "import", "moved.csv", "--dry-run"]).stdout;
    assert!(String::from_utf8(said).unwrap().contains("      line: bus-1 -> bus-2\n"));
    let (code, told) = tour.import(&["moved.csv"]);
    assert_eq!(
        (code, told[0]["changed"].as_u64(), told[0]["is_saved"].as_bool()),
        (Some(1), Some(16), Some(false))
    );

    std::fs::write(tour.path("bad.csv"), text.replacen("bus-1", "bus-9", 1)).unwrap();
    let (code, told) = tour.import(&["bad.csv"]);
    let fault = &told[0];
    assert_eq!((code, told.len(), fault["line"].as_u64()), (Some(1), 1, Some(2)));
    assert_eq!((fault["column"].as_str(), fault["value"].as_str()), (Some("线路"), Some("bus-9")));

    std::fs::write(tour.path("swapped.csv"), text.replacen("202411110001", "209912310001", 1)).unwrap();
    let (code, told) = tour.import(&["swapped.csv"]);
    assert_eq!(
        (code, told[0]["kind"].as_str(), told[0]["line"].as_u64()),
        (Some(1), Some("point has meter"), Some(2))
    );
    assert!(told[0]["message_zh"].as_str().unwrap().contains("202411110001"));

    let missing = tour.run(&["meters", "import", "none.csv"]);
    let said = String::from_utf8(missing.stderr).unwrap();
    assert!(
        missing.status.code() == Some(1) && said.contains("none.csv: there is no such file  没有此文件"),
        "{said}"
    );
    assert_eq!(tour.run(&["meters", "import", "meters.csv", "-c", "none.toml"]).status.code(), Some(2));
    let url = ["meters", "import", "meters.csv", "--database", "postgres://u:secret@h/d"];
    assert_eq!(tour.run(&url).status.code(), Some(2));
    assert_eq!(tour.run(&["meters", "export"]).stdout, before, "nothing of this changed anything");
    let (code, told) = tour.import(&["moved.csv", "--confirm"]);
    assert_eq!((code, told[0]["changed"].as_u64()), (Some(0), Some(16)));
}

#[test]
fn t27_every_import_stands_in_the_audit_log_with_what_it_changed() {
    let tour = Tour::new();
    tour.import(&["meters.csv", "--dry-run"]);
    tour.import(&["meters.csv"]);
    let text = std::fs::read_to_string(tour.path("meters.csv")).unwrap();
    std::fs::write(tour.path("moved.csv"), text.replace("bus-1", "bus-2")).unwrap();
    tour.import(&["moved.csv"]);
    tour.import(&["moved.csv", "--confirm"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let records = runtime.block_on(async {
        let address = chaobiao::store::Address::Sqlite(tour.path("chaobiao.db"));
        let store = chaobiao::store::Store::open(&address, chaobiao::store::Migrations::Check).await.unwrap();
        let records = store.audit_after(0, 100).await.unwrap();
        store.close().await;
        records
    });
    let imports: Vec<_> = records.iter().filter(|record| record.action == "archive.import").collect();
    let said = imports.iter().map(|record| {
        let mut detail: serde_json::Value = serde_json::from_str(&record.detail).unwrap();
        let changes = detail.as_object_mut().unwrap().remove("changes").unwrap();
        (record.object.as_str(), detail.to_string(), changes.as_array().unwrap().clone())
    });
    let said: Vec<_> = said.collect();
    let counts = |place: usize| (said[place].0, said[place].1.as_str(), said[place].2.len());
    assert_eq!(said.len(), 2, "what was refused and what was only looked at is none");
    assert_eq!(counts(0), ("meters.csv", r#"{"absent":0,"added":64,"before":0,"changed":0,"same":0}"#, 0));
    assert_eq!(counts(1), ("moved.csv", r#"{"absent":0,"added":0,"before":64,"changed":16,"same":48}"#, 16));
    assert_eq!(said[1].2[0], serde_json::json!(["P000000001", { "path": ["line bus-1", "line bus-2"] }]));
    assert_eq!(imports[0].source, "command line");
}

#[test]
fn without_a_configuration_lines_are_not_checked_and_that_is_said() {
    let tour = Tour::new();
    let output = tour.run(&["meters", "import", "meters.csv", "--database", "other.db"]);
    assert!(output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("lines are not checked"));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.contains("meters.csv  UTF-8  64 meters  64 只电能表") && said.contains("saved  已保存"),
        "{said}"
    );
    assert!(tour.path("other.db").exists() && !tour.path("chaobiao.db").exists());
}
