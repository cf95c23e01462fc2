//! Whatever bytes come: nothing breaks, and no answer is another question's.

use std::time::Duration;

use chaobiao::terminal::Urgency;
use gdw1376::control::Control;
use gdw1376::dialogue::Outcome;
use gdw1376::seq::Seq;
use proptest::prelude::*;

use crate::rig::*;

/// What may come in front of an answer.
#[derive(Clone, Debug)]
enum Junk {
    Bytes(Vec<u8>),
    /// The answer, cut off.
    Cut(usize),
    /// A sound frame with this control byte, function and sequence byte that is not the answer.
    Frame(u8, u8, u8),
    /// The answer with one bit turned.
    Turned(usize, u8),
}

fn junk() -> impl Strategy<Value = Junk> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80).prop_map(Junk::Bytes),
        prop::collection::vec(prop_oneof![Just(0x68_u8), Just(0x16), any::<u8>()], 0..40)
            .prop_map(Junk::Bytes),
        (1..20_usize).prop_map(Junk::Cut),
        (any::<u8>(), 0..=0x10_u8, any::<u8>())
            .prop_map(|(control, afn, seq)| Junk::Frame(control, afn, seq)),
        (0..26_usize, 0..8_u8).prop_map(|(place, bit)| Junk::Turned(place, bit)),
    ]
}

/// Another clock than the one that is asked for.
fn wrong_units() -> Vec<u8> {
    hex("00 00 02 00 00 00 00 01 21 23")
}

impl Junk {
    fn bytes(&self, request: &[u8]) -> Vec<u8> {
        let answer = |units: &[u8], seq| answer_to(request, Control::DATA, None, Seq::single(seq), units);
        match self {
            Self::Bytes(bytes) => bytes.clone(),
            // Under another number: what follows may happen to end it soundly, one time in 256.
            Self::Cut(length) => answer(&wrong_units(), number(request) ^ 0x05)[..*length].to_vec(),
            Self::Frame(control, afn, seq) => {
                let mut frame = answer(&wrong_units(), 0);
                // A logout would be one.
                let afn = if *afn == 2 { &1 } else { afn };
                (frame[6], frame[12], frame[13]) = (*control, *afn, *seq);
                // With the function and number of the question it would be the answer.
                if matches!(afn, 0x0C | 0x00) && seq & 0x0F == number(request) {
                    frame[13] ^= 0x05;
                }
                sum(&mut frame);
                frame
            }
            Self::Turned(place, bit) => {
                // Likewise where its length may be what is turned.
                let other = if *place < 6 { 0x05 } else { 0 };
                let mut frame = answer(&wrong_units(), number(request) ^ other);
                frame[*place] ^= 1 << bit;
                frame
            }
        }
    }
}

fn sum(frame: &mut [u8]) {
    let end = frame.len() - 2;
    frame[end] = frame[6..end].iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn f01_no_bytes_break_a_session_or_give_another_answer(all in prop::collection::vec(junk(), 0..10)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let desk = Desk::new();
            let mut peer = desk.log_in(5000).await;
            let ask = desk.terminals.ask(address(), clock_question(Urgency::OnDemand));
            let answers = async {
                let mut is_first = true;
                while let Some(heard) = peer.hear_or_end().await {
                    // Confirmations of what looked like a report or a login.
                    if heard[12] != 0x0C {
                        continue;
                    }
                    if std::mem::take(&mut is_first) {
                        for junk in &all {
                            peer.send(&junk.bytes(&heard)).await;
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                        // What has begun like a frame is given up by then.
                        tokio::time::sleep(SECOND * 11).await;
                    }
                    peer.answer(&heard, &clock_units()).await;
                }
            };
            let told = tokio::select! { told = ask => told.unwrap(), () = answers => panic!("hung up") };
            assert_eq!(told.outcome, Outcome::Answered { is_complete: true });
            assert_eq!(told.frames.len(), 1);
            assert!(told.frames[0].windows(6).any(|window| window == hex("30 05 12 20 48 24")));
            desk.close().await;
        });
    }
}
