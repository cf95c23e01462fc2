//! A receiver by files: one whole file for each batch, the same when a batch comes again.

use std::path::PathBuf;

use chaobiao::billing::{BillingSink, Receivers};

use crate::rig::Rig;

const SECTION: &str = "[[billing.receivers]]\nname = \"files\"\nkind = \"csv\"\ndirectory = \"out\"\n";

/// Registers of two midnights and the consumption between, for two points; a directory that is there.
async fn rig() -> Rig {
    let rig = Rig::new(2, 2, SECTION).await;
    std::fs::create_dir(rig.folder.path().join("out")).unwrap();
    rig
}

fn files(rig: &Rig) -> Vec<(String, String)> {
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(&path).unwrap())
    };
    let entries = std::fs::read_dir(rig.folder.path().join("out")).unwrap();
    let mut files: Vec<_> = entries.map(|entry| read(entry.unwrap().path())).collect();
    files.sort();
    files
}

#[tokio::test]
async fn each_batch_is_one_whole_file_that_a_spreadsheet_opens() {
    let rig = rig().await;
    assert_eq!(rig.push().await.delivered, 6);
    let files = files(&rig);
    assert_eq!(files.len(), 1, "{files:?}");
    let (name, text) = &files[0];
    assert!(name.starts_with("chaobiao-") && name.ends_with("-1.csv"), "{name}");
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines[0], "\u{FEFF}key,kind,point,item,tariff,day,version,value,unit,quality,read_at");
    assert_eq!(lines.len(), 1 + 6 + 1);
    let line =
        "consumption/P1/1-0:1.8.0/2026-11-20/1,consumption,P1,1-0:1.8.0,0,2026-11-20,1,1.250000,kWh,ok,";
    assert!(lines.contains(&line), "{text}");
    assert_eq!((rig.status("files").await.delivered, rig.push().await.offered), (6, 0));
}

#[tokio::test]
async fn f27_a_batch_that_was_killed_between_its_file_and_its_mark_leaves_one_file() {
    let rig = rig().await;
    let until = rig.now().plus(std::time::Duration::from_secs(60));
    let lease = rig.store.lease_outbox("files", 500, until, rig.now()).await.unwrap();
    let Receivers(mut receivers) = rig.receivers();
    assert_eq!(receivers.last_mut().unwrap().sink.push(&lease.records).await.unwrap().len(), 6);
    let before = files(&rig);
    // More comes in meanwhile, and goes out in the same batch as what was killed.
    rig.night(2, 2).await;
    rig.later(61);
    rig.push_all().await;
    let after = files(&rig);
    assert_eq!((after.len(), &after[0]), (2, &before[0]), "the first file is as it was");
    let keys: Vec<&str> = after
        .iter()
        .flat_map(|(_, text)| text.split("\r\n").skip(1))
        .filter_map(|line| line.split(',').next())
        .filter(|key| !key.is_empty())
        .collect();
    let once: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!((keys.len(), once.len()), (10, 10), "none is lost or doubled: {keys:?}");
}

#[tokio::test]
async fn f27_half_a_file_is_never_under_its_name_and_the_rest_of_one_is_written_over() {
    let rig = rig().await;
    let out = rig.folder.path().join("out");
    let until = rig.now().plus(std::time::Duration::from_secs(60));
    let lease = rig.store.lease_outbox("files", 500, until, rig.now()).await.unwrap();
    let name = format!("chaobiao-{:020}-1.csv", lease.token);
    std::fs::write(out.join(format!(".{name}.part")), "\u{FEFF}key,kind,po").unwrap();
    rig.later(61);
    assert_eq!(rig.push().await.delivered, 6);
    let files = files(&rig);
    assert_eq!(files.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), [name.as_str()]);
    assert_eq!(files[0].1.split("\r\n").count(), 8);
}

#[tokio::test]
async fn f27_a_file_that_was_moved_below_before_its_mark_is_not_written_again() {
    let rig = rig().await;
    let out = rig.folder.path().join("out");
    let until = rig.now().plus(std::time::Duration::from_secs(60));
    let lease = rig.store.lease_outbox("files", 500, until, rig.now()).await.unwrap();
    let Receivers(mut receivers) = rig.receivers();
    assert_eq!(receivers.last_mut().unwrap().sink.push(&lease.records).await.unwrap().len(), 6);
    let (name, text) = files(&rig).remove(0);
    // Whoever takes files over is faster than the mark.
    std::fs::create_dir(out.join("done")).unwrap();
    std::fs::rename(out.join(&name), out.join("done").join(&name)).unwrap();
    rig.later(61);
    assert_eq!(rig.push().await.delivered, 6);
    let left: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["done"], "no second file");
    assert_eq!(std::fs::read_to_string(out.join("done").join(&name)).unwrap(), text);
}

#[tokio::test]
async fn f36_what_another_instance_is_still_writing_is_not_what_gets_the_name() {
    let rig = rig().await;
    let out = rig.folder.path().join("out");
    let until = rig.now().plus(std::time::Duration::from_secs(60));
    let lease = rig.store.lease_outbox("files", 500, until, rig.now()).await.unwrap();
    let name = format!("chaobiao-{:020}-1.csv", lease.token);
    // It holds the lease that is about to run out, and has begun its file.
    let begun = [format!(".{name}.part"), format!(".{name}.{}.part", lease.token)];
    let mut begun = begun.map(|name| std::fs::File::create(out.join(name)).unwrap());
    rig.later(61);
    assert_eq!(rig.push().await.delivered, 6);
    let whole = std::fs::read_to_string(out.join(&name)).unwrap();
    begun.iter_mut().for_each(|file| std::io::Write::write_all(file, b"half a line").unwrap());
    assert_eq!(std::fs::read_to_string(out.join(&name)).unwrap(), whole);
    assert_eq!(files(&rig).len(), 1, "nothing is left over");
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_said_and_nothing_is_lost() {
    let rig = Rig::new(1, 1, SECTION).await;
    let pushed = rig.push().await;
    assert_eq!((pushed.offered, pushed.delivered, pushed.again), (1, 0, 1));
    let said = rig.status("files").await.last_error.unwrap().1;
    assert!(said.contains("out/") && said.matches("No such file").count() == 1, "{said}");
    std::fs::create_dir(rig.folder.path().join("out")).unwrap();
    rig.later(900);
    assert_eq!(rig.push().await.delivered, 1);
}
