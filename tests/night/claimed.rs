//! Somebody comes under the address of a terminal from elsewhere while it is there: from then on its word counts for a point
//! when the meter itself has said the same anew (T5).
#![expect(clippy::indexing_slicing, reason = "a terminal that is not there must end its test")]

use std::time::Duration;

use chaobiao::domain::{Day, RunState};
use gdw1376::address::{AddressField, TerminalAddress};
use gdw1376::afn::Afn;
use gdw1376::auxiliary::Auxiliary;
use gdw1376::control::Control;
use gdw1376::frame::LengthCode;
use gdw1376::message::Message;
use gdw1376::seq::Seq;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

use crate::behind::{NO_HISTORY, forwarded, swift, town, verify, world};
use crate::rig::{HeadEnd, Town, day};

/// The login of a terminal, as anybody can send it.
fn login(terminal: TerminalAddress) -> Vec<u8> {
    let message = Message {
        code: LengthCode::GDW_376,
        control: Control::LINK_CHECK,
        address: AddressField::single(terminal, 0),
        afn: Afn::LINK,
        seq: Seq::single(0).to_confirm(),
        units: &[0, 0, 1, 0],
        auxiliary: Auxiliary::default(),
    };
    message.to_bytes().unwrap()
}

/// Comes from elsewhere as the first terminal, and is confirmed.
async fn claim(town: &Town, head_end: &HeadEnd) -> DuplexStream {
    let (ours, mut theirs) = tokio::io::duplex(4096);
    head_end.terminals.attach(ours, ([10, 66, 66, 66], 6666).into());
    theirs.write_all(&login(town.terminals[0].address)).await.unwrap();
    let mut answer = [0; 20];
    theirs.read_exact(&mut answer).await.unwrap();
    theirs
}

async fn read(town: &Town, head_end: &HeadEnd, night: Day, count: u32) {
    let report = town.night(head_end, night).await;
    assert_eq!((report.run.state, report.progress.read), (RunState::Done, count), "{:?}", report.progress);
}

#[tokio::test]
async fn t05_after_a_claim_from_elsewhere_every_meter_is_asked_itself_once_more() {
    let (_folder, town) = town(world(6, 1, 91), NO_HISTORY, swift).await;
    verify(&town).await;
    let head_end = town.head_end();
    let nights = [22, 23, 24].map(|number| day(&format!("2026-11-{number}")));
    read(&town, &head_end, nights[0], 6).await;
    assert_eq!(forwarded(&town), 0, "all is the terminal's word");
    let terminal = town.terminals[0].address;
    assert!(head_end.terminals.status(terminal).unwrap().is_online);
    let other = claim(&town, &head_end).await;
    let status = head_end.terminals.status(terminal).unwrap();
    assert_eq!(status.claims, 1);
    assert!(status.claimed.is_some_and(|(_, from)| from.ip().to_string() == "10.66.66.66"));
    drop(other);
    // The terminal comes back, and is told from the other by nothing.
    read(&town, &head_end, nights[1], 6).await;
    let asked = forwarded(&town);
    assert!(asked >= 6 * 4, "{asked} frames reached meters");
    let claimed_at = head_end.terminals.claimed_at(terminal).unwrap();
    let points = town.store.verified_points(terminal).await.unwrap();
    assert!(points.len() == 6 && points.values().all(|point| point.at > claimed_at), "{points:?}");
    // And from then on it is believed again.
    read(&town, &head_end, nights[2], 6).await;
    assert_eq!(forwarded(&town), asked);
    let findings = town.judge((nights[0], nights[2]), &nights).await;
    assert_eq!((findings.wrong, findings.registers), (Vec::new(), 6 * 10 * 3));
    head_end.close().await;
    town.close().await;
}

/// The night has begun, and what it knows was verified before.
#[tokio::test]
async fn t05_a_claim_in_the_middle_of_a_night_counts_in_that_night() {
    let (_folder, town) = town(world(6, 1, 92), NO_HISTORY, swift).await;
    verify(&town).await;
    let head_end = town.head_end();
    let (night, terminal) = (day("2026-11-22"), town.terminals[0].address);
    let claims = async {
        town.clock.sleep_until(head_end.collector.night(night).start).await;
        let requests = || head_end.terminals.status(terminal).unwrap().requests;
        let before = requests();
        while requests() < before + 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        drop(claim(&town, &head_end).await);
    };
    tokio::join!(read(&town, &head_end, night, 6), claims);
    assert!(forwarded(&town) >= 6 * 4, "{} frames reached meters", forwarded(&town));
    let findings = town.judge((night, night), &[night]).await;
    assert_eq!((findings.wrong, findings.registers), (Vec::new(), 6 * 10));
    head_end.close().await;
    town.close().await;
}
