//! Orders to meters that take enciphered ones only (T4).

use std::sync::Arc;
use std::time::Duration;

use chaobiao::config::Config;
use chaobiao::store::Address;
use chaobiao::store::archive::Saving;
use chaobiao::supply::security::SecurityModule;
use simulator::meter::chip::Chip;

use crate::orders::{MINUTE, approved};
use crate::ready::run;
use crate::rig::{HeadEnd, Street, archived};
use crate::stand_in::StandIn;

/// The first home of a street has a meter with a chip.
async fn sealed(street: &Street) -> HeadEnd {
    let meter = &street.houses[0].meter;
    meter.lock().unwrap().meter.set_chip(Some(Chip::default()));
    let mut entry = archived(1, meter.lock().unwrap().meter.address().as_meter().unwrap(), "line");
    entry.meter.profile = Some("sealed".to_owned());
    street.store.save_archive(&[entry], street.clock.now(), Saving::Confirmed).await.unwrap();
    let profiles = street.folder.path().join("profiles");
    std::fs::create_dir(&profiles).unwrap();
    let text = "name = \"sealed\"\nabout = \"a test\"\nlike = \"645-2007-single-phase\"\n\
        [relay]\norders = \"enciphered\"\n";
    std::fs::write(profiles.join("sealed.toml"), text).unwrap();
    let text = format!(
        "[database]\npath = \"unused.db\"\n[profiles]\ndirectory = {profiles:?}\n\
         [[line]]\nname = \"line\"\ntcp = \"127.0.0.1:7001\"\n"
    );
    let config = Config::parse(&street.folder.path().join("amr.toml"), &text).unwrap().config;
    let module: Arc<dyn SecurityModule> = Arc::new(StandIn::default());
    street.head_end_of(&street.store, &config, Some(module)).await
}

fn ended(street: &Street) -> u64 {
    u64::from(street.houses[0].meter.lock().unwrap().meter.chip().unwrap().ended())
}

#[tokio::test]
async fn t04_f52_a_session_is_ended_although_the_database_keeps_no_halt() {
    let street = Street::new(1).await;
    let head_end = sealed(&street).await;
    let address = Address::Sqlite(street.folder.path().join("store.db"));
    run(&address, "CREATE TRIGGER away BEFORE INSERT ON supply_halt BEGIN SELECT RAISE(ABORT, 'away'); END")
        .await;
    let ended = head_end
        .during(async {
            approved(&street, &head_end, &[0]).await;
            std::fs::write(street.stop_file(), "").unwrap();
            for _ in 0..40 {
                tokio::time::sleep(MINUTE / 2 + Duration::from_millis(1)).await;
                if ended(&street) > 0 {
                    break;
                }
            }
            ended(&street)
        })
        .await;
    assert!(ended > 0, "the chip was proven to, and left so");
    assert!(street.orders(0).is_empty(), "nobody is cut while the file is there");
    head_end.close().await;
}
