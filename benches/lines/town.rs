//! Simulated meters behind TCP, in real time.

use chaobiao::config::Config;
use chaobiao::domain::{ArchiveEntry, Moment};
use simulator::bus::Bus;
use simulator::bus::rate::{Parity, Rate};
use simulator::bus::settings::{Pace, Settings};
use simulator::serve::{LiveBus, Server};
use simulator::world::World;
use simulator::world::file::WorldFile;
use simulator::world::fitted::Shared;

use crate::{METERS, rig};

pub(crate) struct Town {
    /// Where each line listens, with the addresses of its meters.
    pub(crate) lines: Vec<(String, Vec<u64>)>,
    pub(crate) archive: Vec<ArchiveEntry>,
    pub(crate) config: Config,
    _buses: Vec<LiveBus<Shared>>,
    _server: Server,
}

impl Town {
    /// Lines that answer at once.
    pub(crate) async fn unpaced(lines: usize) -> Self {
        Self::new(rig::world(lines * METERS, lines, 9600, 5, false), Pace::Unpaced).await
    }

    /// Lines with the times of this speed, and so many meters each, which answer soon or late.
    pub(crate) async fn at(baud: u32, lines: usize, each: usize) -> Self {
        let mut world = rig::world(lines * each, lines, baud, 5, false);
        // No two lines are at the same place of their night.
        for (number, meter) in (0..).zip(&mut world.meter) {
            meter.answer_delay_ms = 20 + number * 37 % 60;
        }
        Self::new(world, Pace::Paced).await
    }

    async fn new(mut world: WorldFile, pace: Pace) -> Self {
        rig::set_clocks(&mut world);
        let server = Server::new();
        let now = chaobiao::clock::Clock::system().now();
        let (mut lines, mut buses, mut text) = (Vec::new(), Vec::new(), HEAD.to_owned());
        for (entry, meters) in World::build(&world).unwrap().fit(rig::at(now)) {
            let rate = Rate::new(entry.baud, Parity::Even).unwrap();
            let bus = server.run(Bus::new(Settings { rate, pace, ..Settings::default() }, meters));
            let place = bus.listen(([127, 0, 0, 1], 0).into(), 4).await.unwrap().to_string();
            let quiet = if pace == Pace::Unpaced { "0ms" } else { "30ms" };
            text.push_str(&format!(
                "[[line]]\nname = \"{}\"\ntcp = \"{place}\"\nbaud = {}\nquiet_after_answer = \"{quiet}\"\n",
                entry.name, entry.baud
            ));
            let own = world.meter.iter().filter(|meter| meter.bus == entry.name);
            lines.push((place, own.map(|meter| meter.address.number()).collect()));
            buses.push(bus);
        }
        let mut archive: Vec<ArchiveEntry> = world.meter.iter().map(rig::entry).collect();
        let folder = tempfile::tempdir().unwrap();
        if pace == Pace::Unpaced {
            std::fs::write(folder.path().join("swift.toml"), SWIFT).unwrap();
            archive.iter_mut().for_each(|entry| entry.meter.profile = Some("swift".to_owned()));
        }
        let config = Config::parse(&folder.path().join("town.toml"), &text).unwrap().config;
        Self { lines, archive, config, _buses: buses, _server: server }
    }

    /// The present; the meters are older.
    pub(crate) fn now() -> Moment {
        chaobiao::clock::Clock::system().now()
    }
}

const HEAD: &str = "[database]\npath = \"unused.db\"\n[profiles]\ndirectory = \".\"\n\
     [collection]\nstart = \"00:00\"\ndeadline = \"23:59\"\nrepair_days = 0\n\
     [intervals]\nrepair_days = 1\n";
/// Meters that need no quiet behind their answers.
const SWIFT: &str = "name = \"swift\"\nabout = \"needs no quiet\"\n[line]\nquiet_after_answer = \"0ms\"\n";
