//! The real program on a disk that is full: of the database, of captured frames, of its log, of backups and of files for
//! billing, which are one and the same here (F30).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use chaobiao::domain::AlarmKind;
use chaobiao::domain::access::Regions;
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::{Address, Migrations, Store};

use crate::disk::Disk;
use crate::odd_disk::{FewFiles, Fragile};
use crate::site::{METERS, Site, Trouble};

/// How much is left once a service has begun: nothing, less than a transaction takes, and room for some of the night.
const LEFT: [u64; 4] = [0, 24 * 1024, 200 * 1024, 700 * 1024];

/// What was told of disks, over or not.
async fn disk_alarms(database: &Address) -> BTreeSet<&'static str> {
    let store = Store::open(database, Migrations::Check).await.unwrap();
    let found = store.alarms(&AlarmFilter::default(), &Regions::All, i64::MAX, 1000).await.unwrap();
    store.close().await;
    let told = found.into_iter().filter(|alarm| alarm.subject.contains("disk of the database"));
    told.map(|alarm| if alarm.kind == AlarmKind::DiskFull { "full" } else { "filling" }).collect()
}

#[tokio::test]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f30_a_night_on_a_full_disk_goes_on_by_itself_when_there_is_room() {
    let Some(disk) = Disk::of(40) else { return };
    let site = Site::open_on(disk.path()).await;
    let quiet = site.live("quiet", None, None).await;
    assert_eq!(quiet.left.readings.len(), METERS * (10 * 2 + 1));
    for (left, begins_full) in
        LEFT.map(|left| (left, false)).into_iter().chain([(0, true), (100 * 1024, true)])
    {
        let name = format!("left_{left}_{begins_full}");
        let lived = site.live_full(&name, (&Trouble::Bytes(&disk, left), begins_full), &quiet.left).await;
        assert_eq!(lived.left, quiet.left, "{left} bytes were left");
        let told = disk_alarms(&lived.database).await;
        println!(
            "f30: {left} bytes were left {}: begun {} times, {} refusals, ready {:?} after there was room, told {told:?}",
            if begins_full { "before it began" } else { "while it served" },
            lived.starts,
            lived.refusals,
            lived.ready_after
        );
        // With more left it may be full only when there is room again.
        let is_full_at_once = !begins_full && left < 100 * 1024;
        assert!(!is_full_at_once || told == BTreeSet::from(["filling", "full"]), "{left} bytes: {told:?}");
    }
}

#[tokio::test]
#[ignore = "takes two minutes: tests/check.sh ci"]
async fn f30_a_night_on_a_disk_that_takes_no_more_files_is_told_and_goes_on_by_itself() {
    let Some(disk) = FewFiles::of(60, 400) else { return };
    let site = Site::open_on(disk.path()).await;
    let quiet = site.live("quiet", None, None).await;
    for begins_full in [false, true] {
        let name = format!("files_{begins_full}");
        let lived = site.live_full(&name, (&Trouble::Files(&disk), begins_full), &quiet.left).await;
        assert_eq!(lived.left, quiet.left, "{name}");
        let told = disk_alarms(&lived.database).await;
        println!("f30: no files were left, {name}: begun {} times, told {told:?}", lived.starts);
        assert!(begins_full || told == BTreeSet::from(["filling", "full"]), "{name}: {told:?}");
    }
}

#[tokio::test]
#[ignore = "takes a minute: tests/check.sh ci"]
async fn f30_a_night_on_a_disk_that_turns_read_only_loses_nothing_and_goes_on_once_it_is_mended() {
    let Some(disk) = Fragile::of(96) else { return };
    let site = Site::open_on(disk.path()).await;
    let quiet = site.live("quiet", None, None).await;
    let lived = site.live_full("read_only", (&Trouble::ReadOnly(&disk), false), &quiet.left).await;
    println!("f30: read-only while it served: begun {} times, {} refusals", lived.starts, lived.refusals);
    assert_eq!(lived.left, quiet.left);
    assert!(lived.refusals > 0, "it said that it was ready all the time");
}

fn chaobiao(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaobiao"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
}

/// Whatever is below a folder, by name.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries =
        std::fs::read_dir(folder).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    entries.into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn f30_a_backup_on_a_full_disk_is_whole_or_not_there() {
    let Some(disk) = Disk::of(24) else { return };
    let folder = tempfile::tempdir().unwrap();
    let config = "[database]\npath = \"site.db\"\n[[line]]\nname = \"bus-1\"\ntcp = \"127.0.0.1:1\"\n";
    std::fs::write(folder.path().join("chaobiao.toml"), config).unwrap();
    let add = ["user", "add", "li.na", "--role", "viewer", "--person", "li"];
    assert!(chaobiao(folder.path(), &add).output().unwrap().status.success());
    let (mut whole, mut refused) = (0, 0);
    for left in (0..2000).step_by(40).map(|kilobytes| kilobytes * 1024).chain([8_000_000]) {
        let backups = disk.path().join(format!("backups {left}"));
        let to = backups.display().to_string();
        disk.fill(left);
        let made = chaobiao(folder.path(), &["backup", &to]).output().unwrap();
        let talk = String::from_utf8_lossy(&made.stderr).into_owned();
        disk.make_room();
        let new: Vec<_> = names(&backups).into_iter().collect();
        assert!(!talk.contains("panicked"), "{talk}");
        if made.status.success() {
            whole += 1;
            assert_eq!(new.len(), 1, "{left} {new:?}");
            let place = tempfile::tempdir().unwrap();
            let backup = backups.join(&new[0]).display().to_string();
            let restored = chaobiao(place.path(), &["restore", &backup]).output().unwrap();
            assert!(restored.status.success(), "{left}: {}", String::from_utf8_lossy(&restored.stderr));
            std::fs::remove_dir_all(&backups).unwrap();
        } else {
            refused += 1;
            assert!(talk.contains("No space left") || talk.contains("is full"), "{left}: {talk}");
            assert!(new.is_empty(), "{left}: {new:?} is left");
        }
    }
    println!("f30: {whole} backups were whole, {refused} were refused and left nothing");
    assert!(whole > 0 && refused > 0);
}
