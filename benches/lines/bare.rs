//! Bytes out, bytes in, with nothing thought about: the limit of exchanges on this machine with these meters.

use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::head_end::request;
use crate::town::Town;
use crate::{QUESTIONS, a_second};

/// Exchanges a second over all lines.
pub(crate) async fn exchanges(town: &Town, times: usize) -> u64 {
    let mut streams = Vec::new();
    for (place, meters) in &town.lines {
        let stream = TcpStream::connect(place).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut requests: Vec<Vec<u8>> = vec![Vec::new(); meters.len()];
        for (meter, bytes) in meters.iter().zip(&mut requests) {
            request(*meter).emit(bytes);
        }
        streams.push((stream, requests));
    }
    let began = Instant::now();
    let mut lines = JoinSet::new();
    for (mut stream, requests) in streams {
        lines.spawn(async move {
            let mut answer = [0; 256];
            for bytes in requests.iter().cycle().take(QUESTIONS * times) {
                stream.write_all(bytes).await.unwrap();
                let mut got = 0;
                // The answer is that long, with the wake-up bytes this meter sends in front of it.
                while got < ANSWER {
                    got += stream.read(&mut answer[got..]).await.unwrap();
                }
            }
        });
    }
    lines.join_all().await;
    a_second(town.lines.len() * QUESTIONS * times, began.elapsed())
}

/// Energy with four tariffs.
const ANSWER: usize = 36;
