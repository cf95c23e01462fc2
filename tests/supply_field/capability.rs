//! What is said of a meter before anyone plans an order.

use chaobiao::domain::MeterProtocol;
use chaobiao::supply::field::{CannotOrder, Means, NotSent, Sent};
use dlt645::relay::Command;

use crate::rig::{Home, Rig};

async fn capability(home: Home, expected: Result<Means, CannotOrder>) {
    let rig = Rig::new(home).await;
    let found = rig.field.capability().await;
    assert_eq!(found.means, expected, "{found:?}");
    if let Err(why) = expected
        && !matches!(why, CannotOrder::Edition1997 | CannotOrder::Modbus)
    {
        let (_, sent) = rig.send(Command::CloseDirectly).await;
        assert_eq!(sent, Sent::NotSent(NotSent::Cannot(why)));
        assert!(!why.words_zh().is_ascii() && why.to_string().is_ascii());
    }
    assert!(rig.orders().is_empty());
    rig.close().await;
}

#[tokio::test]
async fn a_meter_that_cannot_be_cut_from_here_says_why() {
    capability(Home::default(), Ok(Means::Password)).await;
    capability(Home { kept: None, ..Home::default() }, Err(CannotOrder::NoPassword)).await;
    capability(Home { has_key: false, ..Home::default() }, Err(CannotOrder::NoKeyFile)).await;
    let old = Home { protocol: MeterProtocol::Dlt1997, profile: None, ..Home::default() };
    capability(old, Err(CannotOrder::Edition1997)).await;
    for (lines, expected) in [
        ("switch = \"none\"", Err(CannotOrder::NoSwitch)),
        ("orders = \"enciphered\"", Err(CannotOrder::NoSecurityModule)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "name = \"made up\"\nabout = \"a test\"\nlike = \"645-2007-single-phase\"\n[relay]\n{lines}\n"
        );
        std::fs::write(folder.path().join("made-up.toml"), text).unwrap();
        let more = format!("[profiles]\ndirectory = {:?}\n", folder.path());
        let home = Home { more, profile: Some("made up".to_owned()), ..Home::default() };
        capability(home, expected).await;
    }
}

#[tokio::test]
async fn i17_a_meter_that_speaks_modbus_takes_no_order() {
    let folder = tempfile::tempdir().unwrap();
    let map = "name = \"map\"\nabout = \"a test\"\nprotocol = \"modbus\"\n[[register]]\nitem = \"1.8.0\"\nregister = 0\ntype = \"u32\"\nexponent = -2\n";
    std::fs::write(folder.path().join("map.toml"), map).unwrap();
    let more = format!("[profiles]\ndirectory = {:?}\n", folder.path());
    let profile = Some("map".to_owned());
    let home = Home { protocol: MeterProtocol::Modbus, profile, more, kept: None, ..Home::default() };
    capability(home, Err(CannotOrder::Modbus)).await;
}

#[tokio::test]
async fn a_switch_outside_is_told_apart() {
    let home = Home { profile: Some("645-2007-three-phase".to_owned()), ..Home::default() };
    let rig = Rig::new(home).await;
    let found = rig.field.capability().await;
    assert!(found.is_outside && found.means == Ok(Means::Password), "{found:?}");
    rig.close().await;
    let rig = Rig::new(Home::default()).await;
    assert!(!rig.field.capability().await.is_outside);
    rig.close().await;
}
