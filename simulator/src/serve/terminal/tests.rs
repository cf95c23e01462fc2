use core::time::Duration;

use gdw1376::confirmation::Confirmation;
use gdw1376::decoder::Decoder;
use gdw1376::frame::Frame;
use gdw1376::message::Message;
use tokio::net::TcpListener;
use tokio::time::{Instant, timeout};

use super::*;
use crate::concentrator::Setup;
use crate::concentrator::settings::Settings;
use crate::sample;
use crate::seed::Seed;

/// A read of the clock, AFN 0C F2.
const READ_CLOCK: [u8; 20] = [
    0x68, 0x32, 0x00, 0x32, 0x00, 0x68, 0x4B, 0x00, 0x11, 0x39, 0x30, 0x02, 0x0C, 0x61, 0x00, 0x00, 0x02,
    0x00, 0x36, 0x16,
];

fn terminal(number: u16) -> Concentrator {
    let address = gdw1376::address::TerminalAddress::new(1100, number).unwrap();
    let mut setup = Setup::new(address, sample::at(2026, 11, 21, 10, 15), Seed::new(1));
    setup.settings = Settings::swift();
    Concentrator::new(setup)
}

/// The next sound frame, whatever stands around it.
async fn next(stream: &mut (impl AsyncRead + Unpin), decoder: &mut Decoder) -> Option<Vec<u8>> {
    let mut buffer = [0; 64];
    loop {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        let mut rest = &buffer[..read];
        if let Some(found) = decoder.next_frame(&mut rest) {
            return Some(found.wire.to_vec());
        }
    }
}

/// Waits for a login and confirms it.
async fn greet(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Vec<u8> {
    let login = next(stream, &mut Decoder::new()).await.unwrap();
    let confirmation = {
        let frame = Frame::parse(&login).unwrap();
        Confirmation::All.reply_to(&Message::of(&frame).unwrap()).unwrap()
    };
    stream.write_all(&confirmation).await.unwrap();
    login
}

async fn read_clock(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> Vec<u8> {
    stream.write_all(&READ_CLOCK).await.unwrap();
    let answer = next(stream, &mut Decoder::new()).await.unwrap();
    answer[18..24].to_vec()
}

#[tokio::test(start_paused = true)]
async fn a_terminal_in_memory_lives_in_paused_time() {
    let server = Server::new();
    let live = server.concentrator(terminal(12345));
    let mut calls = live.memory();
    let mut master = calls.recv().await.unwrap();
    assert_eq!(greet(&mut master).await[16], 1);
    assert_eq!(read_clock(&mut master).await[..4], [0x00, 0x15, 0x10, 0x21]);
    let began = Instant::now();
    let beat = next(&mut master, &mut Decoder::new()).await.unwrap();
    assert_eq!(
        (beat[12], beat[16], began.elapsed().as_secs()),
        (2, 4, 299),
        "a heartbeat, by the time of the login"
    );
    assert!(live.with(|terminal| terminal.is_online()));
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_closed_connection_is_dialled_anew_and_an_old_one_may_stay_open() {
    let server = Server::new();
    let live = server.concentrator(terminal(12345));
    let mut calls = live.memory();
    let mut first = calls.recv().await.unwrap();
    greet(&mut first).await;
    drop(first);
    let mut second = calls.recv().await.unwrap();
    greet(&mut second).await;
    live.reconnect(true);
    let mut third = calls.recv().await.unwrap();
    greet(&mut third).await;
    second.write_all(&READ_CLOCK).await.unwrap();
    let silence = timeout(Duration::from_secs(60), next(&mut second, &mut Decoder::new())).await;
    assert!(silence.is_err(), "open, and nobody there");
    assert_eq!(read_clock(&mut third).await.len(), 6);
    assert_eq!(live.with(|terminal| terminal.logins()), 3);
    server.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_supply_nobody_answers_and_with_it_the_terminal_comes_back() {
    let server = Server::new();
    let live = server.concentrator(terminal(12345));
    let mut calls = live.memory();
    let mut master = calls.recv().await.unwrap();
    greet(&mut master).await;
    live.power_off();
    assert!(timeout(Duration::from_secs(900), calls.recv()).await.is_err());
    live.power_on();
    let mut master = calls.recv().await.unwrap();
    greet(&mut master).await;
    server.stop().await;
}

#[tokio::test]
async fn terminals_dial_over_tcp_each_for_itself() {
    let server = Server::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let lives: Vec<_> = (1..=20).map(|number| server.concentrator(terminal(number))).collect();
    lives.iter().for_each(|live| live.dial(address.clone()));
    let mut seen = Vec::new();
    for _ in 0..20 {
        let (mut stream, _) = listener.accept().await.unwrap();
        let login = greet(&mut stream).await;
        seen.push(u16::from_le_bytes([login[9], login[10]]));
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=20).collect::<Vec<_>>());
    server.stop().await;
}
