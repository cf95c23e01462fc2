//! New passwords for meters (T25): whatever is lost on the line and wherever the process is killed, a meter has one of two
//! passwords that are kept, in the end the new one, and no level is locked on the way.

use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use chaobiao::domain::access::{Acting, Regions, Role};
use chaobiao::domain::proposal::MayNot;
use chaobiao::domain::rotation::{Rotation, RotationState, RotationStep};
use chaobiao::domain::supply::{OrderState, Reason};
use chaobiao::domain::{AlarmKind, Id};
use chaobiao::failpoint::{self, Action, Order};
use chaobiao::store::alarm::AlarmFilter;
use chaobiao::store::{AuditFilter, ProposalError, Verdict};
use chaobiao::supply::{RotationOf, Supply};
use dlt645::password::{DigitOrder, Level, Password};
use tokio::sync::Mutex;
use tracing_subscriber::fmt::MakeWriter;

use crate::ready::acting;
use crate::rig::heard::Fate;
use crate::rig::{PASSWORD, Street};

/// Points are of the whole process: one such test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

const HOUR: Duration = Duration::from_secs(3600);
const FATES: [Fate; 3] = [Fate::Answered, Fate::AnswerLost, Fate::FrameLost];
/// Bytes of a frame that writes a password, with its wake-up bytes.
const FRAME: usize = 28;

fn admin(street: &Street) -> Acting {
    let wang = acting("wang", street.clock.now());
    Acting { person: Id::new(90), account: Id::new(90), name: "admin".to_owned(), role: Role::Admin, ..wang }
}

/// A rotation of some homes, approved.
async fn approved(street: &Street, supply: &Supply, places: &[usize]) -> Id<Rotation> {
    let mut addresses = Vec::new();
    for place in places {
        addresses.push(street.houses[*place].meter.lock().unwrap().meter.address().as_meter().unwrap());
    }
    let id = supply
        .ask_rotation(&admin(street), &RotationOf::Meters(addresses), "after the fitting")
        .await
        .unwrap();
    let wang = acting("wang", street.clock.now());
    supply.decide_rotation(&wang, id, Verdict::Confirm).await.unwrap();
    id
}

/// Carries rotations out for so many hours, in steps of an hour where nothing is due.
async fn work(street: &Street, supply: &Supply, hours: u32) {
    let mut is_in_doubt = true;
    for _ in 0..hours {
        loop {
            let done = supply.rotate_due(is_in_doubt).await;
            is_in_doubt = done.is_err();
            if done.is_ok_and(|due| due == 0) {
                break;
            }
        }
        for place in 0..street.houses.len() {
            judge(street, place).await;
        }
        tokio::time::sleep(HOUR).await;
    }
}

/// Whether the meter of a home has this password.
fn has(street: &Street, place: usize, password: &Password) -> bool {
    let at = street.at();
    let mut passwords = street.houses[place].meter.lock().unwrap().meter.passwords_mut().clone();
    assert!(!passwords.is_locked(at, 2), "home {place} is locked");
    passwords.check(at, password.wire(), 2)
}

/// The password that orders to a home are signed with.
async fn kept(street: &Street, place: usize) -> Password {
    let vault = street.vault().await;
    let address = street.houses[place].meter.lock().unwrap().meter.address().as_meter().unwrap();
    let site = street.store.site_meter(address).await.unwrap().unwrap();
    let profile =
        street.config().profiles.of(site.meter.profile.as_deref(), site.meter.protocol).unwrap().clone();
    street.store.secret(&vault, &site, &profile, Level::CONTROL).await.unwrap().unwrap().0
}

fn first() -> Password {
    Password::new(Level::CONTROL, PASSWORD, DigitOrder::LowFirst).unwrap()
}

/// Whatever happened, the meter has a password that is kept: the likelier one, or the other when orders turn to it.
async fn judge(street: &Street, place: usize) {
    if has(street, place, &kept(street, place).await) {
        return;
    }
    let meter = street.houses[place].home.meter;
    let entry = chaobiao::domain::AuditEntry::of_system(street.clock.now(), "test", "turn");
    assert!(
        street.store.turn_candidate(meter, Level::CONTROL, &entry).await.unwrap(),
        "home {place} has one candidate"
    );
    assert!(has(street, place, &kept(street, place).await), "home {place} has a password that nobody knows");
}

async fn steps(street: &Street, id: Id<Rotation>) -> Vec<RotationStep> {
    let found = street.store.rotation_meters(id, "", 1000).await.unwrap();
    found.into_iter().map(|meter| meter.step).collect()
}

async fn state(street: &Street, id: Id<Rotation>) -> RotationState {
    street.store.rotation(id).await.unwrap().unwrap().state
}

async fn all_new(street: &Street, place: usize) {
    let now = kept(street, place).await;
    assert!(has(street, place, &now) && now != first(), "home {place} has its new password, and it is kept");
}

#[tokio::test]
async fn t25_factory_passwords_are_replaced_once_two_persons_want_it_and_each_is_proven() {
    let _alone = ALONE.lock().await;
    let street = Street::new(3).await;
    let factory = Password::new(Level::CONTROL, "000000", DigitOrder::LowFirst).unwrap();
    let [_, digits @ ..] = factory.wire();
    for place in 0..2 {
        street.houses[place].meter.lock().unwrap().meter.passwords_mut().set(2, digits);
    }
    street.keep(&[street.houses[0].home, street.houses[1].home], "000000").await;
    let head_end = street.head_end().await;
    let (supply, now) = (&head_end.supply, street.clock.now());
    let (admin, wang) = (admin(&street), acting("wang", now));
    let refused = supply.ask_rotation(&wang, &RotationOf::Factory, "x").await.unwrap_err();
    assert!(refused.to_string().contains("role"), "{refused}");
    let id = supply.ask_rotation(&admin, &RotationOf::Factory, "after the fitting").await.unwrap();
    assert_eq!(steps(&street, id).await, [RotationStep::Waiting; 2]);
    work(&street, supply, 1).await;
    assert_eq!(street.with(0, |heard| heard.written), 0, "nothing is sent before it is approved");
    let decide = async |who: &Acting| supply.decide_rotation(who, id, Verdict::Confirm).await;
    let same = Acting { person: admin.person, ..wang.clone() };
    let new = Acting { role_since: now, ..wang.clone() };
    for (who, why) in [(&admin, MayNot::Role), (&same, MayNot::SamePerson), (&new, MayNot::NewRole)] {
        let Err(ProposalError::MayNot(found)) = decide(who).await else { panic!("{why:?}") };
        assert_eq!(found, why);
    }
    decide(&wang).await.unwrap();
    // The process itself works, not a helper of the test.
    let stop = tokio_util::sync::CancellationToken::new();
    tokio::select! {
        () = supply.rotate(&stop) => panic!("it ended"),
        () = tokio::time::sleep(Duration::from_secs(120)) => {}
    }
    assert_eq!(steps(&street, id).await, [RotationStep::Verified; 2]);
    assert_eq!(state(&street, id).await, RotationState::Done);
    for place in 0..2 {
        all_new(&street, place).await;
        assert!(!has(&street, place, &factory));
        assert_eq!(
            street.with(place, |heard| (heard.written, heard.unauthorised)),
            (2, 0),
            "a write and a proof"
        );
    }
    assert_ne!(kept(&street, 0).await, kept(&street, 1).await, "each has one of its own");
    assert!(has(&street, 2, &first()), "who had no factory password keeps it");
    assert_eq!(street.with(2, |heard| heard.written), 0);
    let vault = street.vault().await;
    assert_eq!(street.store.commonplace_secrets(&vault).await.unwrap().0, []);
    let none = supply.ask_rotation(&admin, &RotationOf::Factory, "again").await.unwrap_err();
    assert!(none.to_string().contains("no meter"), "{none}");
    head_end.close().await;
    street.close().await;
}

/// Every way in which the first three frames and their answers may be lost, each with a meter of its own.
#[tokio::test]
async fn t25_i18_whatever_is_lost_on_the_line_a_meter_ends_with_its_new_password_and_is_never_locked() {
    let _alone = ALONE.lock().await;
    let street = Street::new(27).await;
    for place in 0..27 {
        let fates = [place / 9, place / 3 % 3, place % 3].map(|which| FATES[which]);
        street.with(place, |heard| heard.fates = fates.into());
    }
    let head_end = street.head_end().await;
    let places: Vec<usize> = (0..27).collect();
    let id = approved(&street, &head_end.supply, &places).await;
    let mut before = vec![0; 27];
    for _ in 0..8 {
        // From one midnight to the next.
        let hours = 24 - street.at().second_of_day() / 3600;
        work(&street, &head_end.supply, hours).await;
        for (place, before) in before.iter_mut().enumerate() {
            let now = street.with(place, |heard| heard.unauthorised);
            assert!(now - *before <= 1, "home {place}: {} wrong passwords in a day", now - *before);
            *before = now;
        }
    }
    assert_eq!(steps(&street, id).await, [RotationStep::Verified; 27]);
    for place in 0..27 {
        all_new(&street, place).await;
    }
    let wrong: usize = before.iter().sum();
    println!(
        "t25: {wrong} wrong passwords by 27 meters, {} frames",
        (0..27).map(|place| street.with(place, |heard| heard.written)).sum::<usize>()
    );
    assert!(wrong > 0, "some doubt was settled by a refusal");
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn t25_killed_after_any_byte_of_a_write_or_its_proof_both_passwords_are_kept_until_one_is_proven() {
    let _alone = ALONE.lock().await;
    let bytes = [0, 1, FRAME / 2, FRAME - 1, FRAME];
    let street = Street::new(bytes.len() * 2).await;
    for (place, (frame, after)) in
        [1, 2].into_iter().flat_map(|frame| bytes.map(|after| (frame, after))).enumerate()
    {
        let head_end = street.head_end().await;
        let id = approved(&street, &head_end.supply, &[place]).await;
        if frame == 2 {
            assert_eq!(head_end.supply.rotate_due(true).await.unwrap(), 1);
            assert_eq!(steps(&street, id).await, [RotationStep::Written]);
        }
        street.cutter.set(after);
        tokio::select! {
            biased;
            () = street.cutter.cut() => {}
            _ = head_end.supply.rotate_due(frame == 1) => panic!("it was not cut"),
        }
        head_end.kill(&street).await;
        // The first that a start does.
        street.store.recover_rotations(street.clock.now()).await.unwrap();
        judge(&street, place).await;
        let second = street.head_end().await;
        work(&street, &second.supply, 100).await;
        assert_eq!(steps(&street, id).await, [RotationStep::Verified], "frame {frame}, {after} bytes");
        all_new(&street, place).await;
        second.close().await;
    }
    street.close().await;
}

/// Every commit of a rotation fails once before it is done, and once after it.
#[tokio::test]
async fn t25_a_step_that_fails_or_is_not_known_to_be_done_is_found_out_of() {
    let _alone = ALONE.lock().await;
    let points = [
        "keeping the intent to write a password",
        "keeping the intent to prove a password",
        "noting what became of a password",
        "finding passwords that were being written",
    ];
    let orders: Vec<(u64, String)> = points
        .iter()
        .flat_map(|step| ["before", "after"].map(|side| format!("{side} {step}")))
        .flat_map(|name| {
            let times = if name.contains("noting") { 2 } else { 1 };
            (1..=times).map(move |at| (at, name.clone()))
        })
        .collect();
    let street = Street::new(orders.len()).await;
    for (place, (at, name)) in orders.iter().enumerate() {
        let head_end = street.head_end().await;
        let id = approved(&street, &head_end.supply, &[place]).await;
        let met = street.folder.path().join(format!("met {place}"));
        let file = std::fs::File::create(&met).unwrap();
        failpoint::arm(Some(Order { action: Action::Fail, at: *at, name: Some(name.clone()) }), Some(file));
        work(&street, &head_end.supply, 75).await;
        failpoint::arm(None, None);
        assert!(std::fs::read_to_string(&met).unwrap().contains(&format!("! {name}")), "{name} was not met");
        assert_eq!(steps(&street, id).await, [RotationStep::Verified], "{name}");
        all_new(&street, place).await;
        assert!(street.with(place, |heard| heard.unauthorised) <= 2, "{name}");
        head_end.close().await;
    }
    street.close().await;
}

#[tokio::test]
async fn t25_supply_is_given_back_with_the_other_password_when_the_likelier_one_is_refused() {
    let _alone = ALONE.lock().await;
    let street = Street::new(1).await;
    street.with(0, |heard| heard.fates = [Fate::AnswerLost, Fate::FrameLost].into());
    let head_end = street.head_end().await;
    let id = approved(&street, &head_end.supply, &[0]).await;
    while head_end.supply.rotate_due(true).await.unwrap() > 0 {}
    assert_eq!(
        steps(&street, id).await,
        [RotationStep::Unclear],
        "the meter has the new one, and nobody knows"
    );
    let point = street.houses[0].home.point;
    let restore = async || {
        let li = acting("li", street.clock.now());
        head_end.supply.restore(&li, &[point], Reason::Settled, None).await.unwrap().id
    };
    head_end
        .during(async {
            let first = restore().await;
            street.until(first, &[OrderState::Rejected]).await;
            let again = restore().await;
            street.until(again, &[OrderState::Accepted, OrderState::VerifiedClosed]).await;
        })
        .await;
    assert_eq!(
        street.with(0, |heard| heard.unauthorised),
        1,
        "one wrong password, and not a day without orders"
    );
    work(&street, &head_end.supply, 30).await;
    assert_eq!(steps(&street, id).await, [RotationStep::Verified]);
    all_new(&street, 0).await;
    head_end.close().await;
    street.close().await;
}

#[tokio::test]
async fn t25_what_is_broken_off_is_found_out_of_and_what_nobody_knows_is_told_and_kept() {
    let _alone = ALONE.lock().await;
    let street = Street::new(3).await;
    let head_end = street.head_end().await;
    let supply = &head_end.supply;
    // Somebody else has changed the first; the second is broken off in doubt; the third before it begins.
    let strange = Password::new(Level::CONTROL, "808182", DigitOrder::LowFirst).unwrap();
    let [_, digits @ ..] = strange.wire();
    street.with(0, |heard| heard.fates = [Fate::FrameLost].into());
    street.with(1, |heard| heard.fates = [Fate::AnswerLost, Fate::FrameLost].into());
    let doubtful = approved(&street, supply, &[0, 1]).await;
    while supply.rotate_due(true).await.unwrap() > 0 {}
    street.houses[0].meter.lock().unwrap().meter.passwords_mut().set(2, digits);
    let third = approved(&street, supply, &[2]).await;
    let wang = acting("wang", street.clock.now());
    for id in [doubtful, third] {
        supply.decide_rotation(&wang, id, Verdict::Withdraw).await.unwrap();
    }
    for _ in 0..12 * 24 {
        while supply.rotate_due(false).await.unwrap() > 0 {}
        tokio::time::sleep(HOUR).await;
    }
    assert_eq!(steps(&street, third).await, [RotationStep::Waiting]);
    assert_eq!(street.with(2, |heard| heard.written), 0);
    let found = steps(&street, doubtful).await;
    assert_eq!(found, [RotationStep::Waiting, RotationStep::Verified], "found out of, and not begun anew");
    all_new(&street, 1).await;
    // Asked for again, it is written again; the meter takes neither, which is told, and both stay.
    let again = approved(&street, supply, &[0]).await;
    for _ in 0..4 * 24 {
        while supply.rotate_due(false).await.unwrap() > 0 {}
        tokio::time::sleep(HOUR).await;
    }
    assert_eq!(steps(&street, again).await, [RotationStep::Stuck]);
    let filter =
        AlarmFilter { is_open: true, kind: Some(AlarmKind::PasswordUnclear), ..AlarmFilter::default() };
    assert_eq!(street.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap().len(), 1);
    assert!(!street.houses[0].meter.lock().unwrap().meter.passwords_mut().is_locked(street.at(), 2));
    // Once somebody has set the old one again on the spot, a third rotation finds that out and goes through.
    let [_, digits @ ..] = first().wire();
    street.houses[0].meter.lock().unwrap().meter.passwords_mut().set(2, digits);
    let last = approved(&street, supply, &[0]).await;
    work(&street, supply, 80).await;
    assert_eq!(steps(&street, last).await, [RotationStep::Verified]);
    assert_eq!(street.store.alarms(&filter, &Regions::All, i64::MAX, 10).await.unwrap().len(), 0);
    head_end.close().await;
    street.close().await;
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<StdMutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn t24_t25_neither_the_old_nor_the_new_password_of_a_rotation_is_in_log_audit_or_database() {
    let _alone = ALONE.lock().await;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .without_time()
        .with_writer(log.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let street = Street::new(1).await;
    street.with(0, |heard| heard.fates = [Fate::AnswerLost, Fate::AnswerLost].into());
    let head_end = street.head_end().await;
    let id = approved(&street, &head_end.supply, &[0]).await;
    work(&street, &head_end.supply, 30).await;
    assert_eq!(steps(&street, id).await, [RotationStep::Verified]);
    let new = kept(&street, 0).await;
    let mut digits = new.wire()[1..].to_vec();
    digits.reverse();
    let written: String = digits.iter().map(|byte| format!("{byte:02X}")).collect();
    let audit = street.store.audit_before(&AuditFilter::default(), i64::MAX, 1000).await.unwrap();
    let audit = audit.iter().filter(|entry| entry.action.starts_with("secret.rotate"));
    let audit: Vec<String> =
        audit.map(|entry| format!("{} {} {}", entry.action, entry.object, entry.detail)).collect();
    assert!(audit.len() >= 5, "{audit:?}");
    let record = street.store.rotation(id).await.unwrap().unwrap();
    let meters = street.store.rotation_meters(id, "", 10).await.unwrap();
    let shown = format!("{audit:?} {record:?} {meters:?} {new:?}");
    let logged = log.0.lock().unwrap().clone();
    assert!(logged.len() > 1000, "the log was kept");
    for password in [written.as_str(), PASSWORD] {
        let wire = Password::new(Level::CONTROL, password, DigitOrder::LowFirst).unwrap().wire();
        let hex = |add: u8, between: &str| {
            let bytes = wire[1..].iter().map(|byte| format!("{:02x}", byte.wrapping_add(add)));
            bytes.collect::<Vec<_>>().join(between)
        };
        for form in [hex(0, " "), hex(0x33, " "), hex(0, ", "), hex(0x33, ", "), hex(0x33, "")] {
            let logged = String::from_utf8_lossy(&logged).to_lowercase();
            assert!(!logged.contains(&form), "the log holds a password as {form}");
        }
        assert!(!shown.contains(password), "{shown}");
    }
    head_end.close().await;
    street.close().await;
}
