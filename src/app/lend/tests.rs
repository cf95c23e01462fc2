//! One command at a line that is lent, over sockets without a name and a line in memory.

use std::path::Path;

use dlt645::address::MeterAddress;
use dlt645::request::{Freeze, Request};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

use super::*;
use crate::channel::{Channel, ChannelSettings};
use crate::domain::Parity;
use crate::link::{Dialler, Greeting, Reply, Terms, Wish};
use crate::store::{Address, Migrations};

struct Bench {
    lender: Lender,
    far: DuplexStream,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Bench {
    async fn open(folder: &Path) -> Self {
        let store = Store::open(&Address::Sqlite(folder.join("site.db")), Migrations::Run).await.unwrap();
        let (near, far) = tokio::io::duplex(1024);
        let mut near = Some(near);
        let (tasks, stop) = (TaskTracker::new(), CancellationToken::new());
        let dialler = Dialler::memory(move || near.take(), false);
        let line = Channel::spawn(ChannelSettings::new("east"), dialler, Box::new(()), &tasks, stop.clone());
        let lender = Lender {
            line,
            rate: Rate { baud: 9600, parity: Parity::Even },
            timing: Timing::serial(9600),
            store,
            clock: Clock::system(),
            seats: Arc::new(Semaphore::new(1)),
            own: 1000,
        };
        Self { lender, far, tasks, stop }
    }

    /// What the service says to this user, line by line, to these words.
    async fn say(&self, user: u32, words: &[String]) -> Vec<String> {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let until = CancellationToken::new();
        let talk = async {
            let mut ours = BufReader::new(ours);
            let mut said = Vec::new();
            for word in [None].into_iter().chain(words.iter().map(Some)) {
                if let Some(word) = word {
                    ours.get_mut().write_all(format!("{word}\n").as_bytes()).await.unwrap();
                }
                let mut line = String::new();
                ours.read_line(&mut line).await.unwrap();
                said.push(line.trim_end().to_owned());
            }
            said
        };
        let ((), said) = tokio::join!(self.lender.converse(theirs, user, &until), talk);
        said
    }
}

fn wish(request: &Request) -> String {
    let terms = Terms { first_byte: Duration::from_millis(200), ..Terms::default() };
    serde_json::to_string(&Wish { frame: request.to_bytes(), terms }).unwrap()
}

#[tokio::test]
async fn t03_a_line_is_lent_to_the_user_who_serves_and_to_root_and_nothing_that_changes_a_meter_passes() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path()).await;
    let lent = Greeting::Lent { line: "east".to_owned(), baud: 9600, parity: "even".to_owned() };
    let lent = serde_json::to_string(&lent).unwrap();
    for user in [1000, 0] {
        assert_eq!(bench.say(user, &[]).await.concat(), lent);
    }
    let refused = bench.say(4_000_000, &[]).await;
    let refused: Greeting = serde_json::from_str(&refused[0]).unwrap();
    assert_eq!(refused, Greeting::NotYours { user: link::user_name(1000) });

    let meter: MeterAddress = "202411110001".parse().unwrap();
    let orders = [Request::freeze(meter, Freeze::Now).unwrap(), Request::freeze_all(Freeze::Now).unwrap()];
    let orders: Vec<String> = orders.iter().map(wish).collect();
    let said = bench.say(1000, &orders).await;
    for reply in &said[1..] {
        let Reply::NotAsked { en, zh } = serde_json::from_str(reply).unwrap() else { panic!("{reply}") };
        assert!(en.starts_with("nothing was sent") && zh.starts_with("未发送"), "{reply}");
    }
    // Neither has left: what is asked next is the first that is heard.
    let read = Request::read(meter, "00010000".parse().unwrap());
    let said = bench.say(0, &[wish(&read)]).await;
    let frame = read.to_bytes();
    let mut bytes = vec![0; 4 + frame.len()];
    bench.far.read_exact(&mut bytes).await.unwrap();
    assert!(bytes.ends_with(&frame), "{bytes:?}");
    let Reply::Heard(silence) = serde_json::from_str(&said[1]).unwrap() else { panic!("{said:?}") };
    assert_eq!((silence.frame, silence.tries), (None, 1));

    let entries = bench.lender.store.audit_after(0, 10).await.unwrap();
    let entered: Vec<_> =
        entries.iter().map(|entry| (entry.action.as_str(), entry.detail.as_str())).collect();
    assert_eq!(
        entered,
        [
            ("line.ask", r#"{"frames":0,"refused":2,"meters":["202411110001","999999999999"],"items":[]}"#),
            ("line.ask", r#"{"frames":1,"refused":0,"meters":["202411110001"],"items":["00010000"]}"#),
        ]
    );
    assert!(entries[0].result.starts_with("refused"), "{entries:?}");
    bench.stop.cancel();
    bench.tasks.close();
    bench.tasks.wait().await;
}
