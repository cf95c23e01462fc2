//! A database that does not know what it had said before: put back from a backup, or behind when it took another's place. The
//! receiver had more, and no key that it has ever comes again with other content (F31, F41).

use chaobiao::billing::{Rules, settle_due};
use chaobiao::domain::{AuditEntry, Day, Moment};
use chaobiao::store::billing::{BillingLine, Which};
use chaobiao::store::{Address, Migrations, Store};

use crate::receiver::{Receiver, takes};
use crate::rig::{FIRST, Rig, USED, day, http};

fn midnight(number: i64) -> Moment {
    day(FIRST).plus(number).start()
}

fn copy(rig: &Rig) -> Address {
    Address::Sqlite(rig.folder.path().join("copy.db"))
}

/// Two nights, and a third that a person read, were pushed and are in the copy. Behind it the freeze of the third and a
/// fourth night, and all of that was pushed.
async fn with_a_copy(receiver: &Receiver) -> Rig {
    let rig = Rig::new(2, 2, &http(receiver)).await;
    rig.later(3600);
    for meter in [1, 2] {
        rig.by_hand(meter, midnight(2), shown(2)).await;
    }
    settle(&rig).await;
    rig.push_all().await;
    assert_eq!(receiver.effects(), 10);
    rig.store.copy_into(&rig.folder.path().join("copy.db")).await.unwrap();
    rig.later(86_400);
    rig.frozen(1, midnight(2), shown(2) + 7).await;
    rig.night(2, 3).await;
    rig.push_all().await;
    assert_eq!(receiver.effects(), 10 + 6);
    rig
}

fn shown(number: i64) -> i64 {
    1_000_000 + number * USED
}

async fn settle(rig: &Rig) {
    settle_due(&rig.store, &Rules::of(&rig.config()), rig.now()).await.unwrap();
}

/// What is read now of the same midnights is not what was read before.
async fn read_otherwise(rig: &Rig) {
    rig.frozen(1, midnight(2), shown(2) + 9).await;
    rig.frozen(1, midnight(3), shown(3) + 5).await;
    rig.frozen(2, midnight(3), shown(3)).await;
    settle(rig).await;
    rig.push_all().await;
}

fn after_the_copy() -> impl Iterator<Item = Day> {
    (1..=3).map(|number| day(FIRST).plus(number))
}

/// The receiver has the newest version of each value that we have, and none that it takes for newer.
async fn both_say_the_same(rig: &Rig, receiver: &Receiver, days: impl IntoIterator<Item = Day>) {
    receiver.books(|books| assert_eq!(books.contradicted, [""; 0], "came again with other bytes"));
    for day in days {
        let lines = rig.store.billing_lines(Which::OfDay(day, None)).await.unwrap();
        for line in &lines {
            let of_line = |other: &&BillingLine| other.key == line.key;
            let newest = lines.iter().filter(of_line).map(|line| line.version).max().unwrap();
            let text = line.key.text(&line.point_number, newest);
            let stem = text.rsplit_once('/').unwrap().0;
            let versions = receiver.books(|books| {
                let of_value = books.effects.keys().filter_map(|key| key.rsplit_once('/'));
                of_value
                    .filter(|(of, _)| *of == stem)
                    .map(|(_, version)| version.parse::<i64>().unwrap())
                    .max()
            });
            assert_eq!(versions, Some(newest), "{stem}");
        }
    }
}

#[tokio::test]
async fn f41_a_receiver_that_had_more_than_the_backup_is_told_nothing_else_under_a_key_it_has() {
    let receiver = Receiver::plain(takes()).await;
    let mut rig = with_a_copy(&receiver).await;
    rig.store = Store::open_restored(&copy(&rig)).await.unwrap();
    let entry = AuditEntry::of_system(rig.now(), "restore", "backup");
    rig.store.make_ready(entry, rig.now()).await.unwrap();
    read_otherwise(&rig).await;
    both_say_the_same(&rig, &receiver, after_the_copy()).await;
    let lines = rig.store.billing_lines(Which::OfDay(day(FIRST), None)).await.unwrap();
    assert!(
        lines.iter().all(|line| line.version == 1),
        "nothing is said anew that did not change: {lines:?}"
    );
}

#[tokio::test]
async fn f41_the_same_backup_put_back_twice_says_nothing_else_under_the_keys_of_the_first_time() {
    let receiver = Receiver::plain(takes()).await;
    let mut rig = with_a_copy(&receiver).await;
    let twice = Address::Sqlite(rig.folder.path().join("twice.db"));
    std::fs::copy(rig.folder.path().join("copy.db"), rig.folder.path().join("twice.db")).unwrap();
    for (address, value) in [(copy(&rig), 11), (twice, 13)] {
        rig.later(3600);
        rig.store = Store::open_restored(&address).await.unwrap();
        let entry = AuditEntry::of_system(rig.now(), "restore", "backup");
        rig.store.make_ready(entry, rig.now()).await.unwrap();
        rig.frozen(1, midnight(2), shown(2) + value).await;
        settle(&rig).await;
        rig.push_all().await;
        both_say_the_same(&rig, &receiver, [day(FIRST).plus(2)]).await;
    }
}

#[tokio::test]
async fn f31_a_database_that_lost_what_it_had_said_says_nothing_else_under_the_same_keys() {
    let receiver = Receiver::plain(takes()).await;
    let mut rig = with_a_copy(&receiver).await;
    let known = rig.store.audit(&AuditEntry::of_system(rig.now(), "test", "what was kept")).await.unwrap();
    rig.store = Store::open(&copy(&rig), Migrations::Run).await.unwrap();
    rig.store.expect_audit(known);
    // Before anybody has found out that it is behind.
    read_otherwise(&rig).await;
    both_say_the_same(&rig, &receiver, []).await;
    let loss = rig.store.is_audit_there().await.unwrap().unwrap();
    rig.store.halt_for_loss(loss, rig.now()).await.unwrap();
    settle(&rig).await;
    rig.push_all().await;
    both_say_the_same(&rig, &receiver, after_the_copy()).await;
    let of_day = rig.store.billing_lines(Which::OfDay(day(FIRST).plus(3), None)).await.unwrap();
    assert_eq!(of_day.len(), 2 * 2, "it goes on while somebody looks into it, for both receivers");
    assert!(of_day.iter().all(|line| line.version > 1000), "{of_day:?}");
}
