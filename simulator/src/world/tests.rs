use super::file::*;
use super::generate::Plan;
use super::*;
use crate::sample;
use crate::truth::register::{Energy, Register};

fn lines(count: usize) -> Vec<BusEntry> {
    (1..=count)
        .map(|number| BusEntry {
            name: format!("bus-{number}"),
            tcp: None,
            pty: None,
            baud: 2400,
            echo: false,
        })
        .collect()
}

fn plan(meters: usize, seed: u64) -> Plan {
    let first_address = "202411110001".parse().unwrap();
    Plan { meters, seed, first_address, lines: lines(3), is_varied: true }
}

#[test]
fn a_drawn_world_survives_its_file_and_is_the_same_for_the_same_seed() {
    let drawn = plan(200, 7).draw().unwrap();
    let text = drawn.to_text().unwrap();
    assert_eq!(WorldFile::parse(&text).unwrap(), drawn);
    assert_eq!(plan(200, 7).draw().unwrap(), drawn);
    assert_ne!(plan(200, 8).draw().unwrap(), drawn);
    let world = World::build(&drawn).unwrap();
    assert_eq!(world.lines.iter().map(|line| line.meters.len()).collect::<Vec<_>>(), [67, 67, 66]);
    assert_eq!(world.meters().next().unwrap().address().to_string(), "202411110001");
    for edition in [EditionName::E2007, EditionName::E1997, EditionName::Both] {
        assert!(drawn.meter.iter().any(|meter| meter.edition == edition), "{edition:?} is not drawn");
    }
    let at = sample::at(2026, 11, 21, 10, 0);
    let total = Register::total(Energy::ForwardActive);
    let again = World::build(&WorldFile::parse(&text).unwrap()).unwrap();
    for (one, other) in world.meters().zip(again.meters()) {
        assert_eq!(one.truth().shown(total, at), other.truth().shown(total, at));
    }
}

#[test]
fn a_hand_written_file_may_be_short() {
    let text = r#"
        seed = 1
        [[bus]]
        name = "yard"
        [[meter]]
        address = "123456789012"
        bus = "yard"
        load = "shop"
        wiring = "three"
        password = [{ level = 2, digits = "123456" }]
        [meter.relay]
        is_stuck = true
        [[meter.event]]
        kind = "power-cut"
        from = "2026-11-20 01:00:00"
        to = "2026-11-20 02:00:00"
    "#;
    let world = World::build(&WorldFile::parse(text).unwrap()).unwrap();
    let meter = world.meters().next().unwrap();
    assert!(meter.relay().kind().is_stuck);
    assert!(!meter.truth().is_powered(sample::at(2026, 11, 20, 1, 30)));
    assert!(meter.truth().is_powered(sample::at(2026, 11, 20, 2, 0)));
}

#[test]
fn an_area_loses_its_supply_as_a_whole() {
    let text = r#"
        seed = 1
        bus = [{ name = "yard" }]
        power_cut = [{ transformer_area = "east", from = "2026-11-20 01:00:00", to = "2026-11-20 02:00:00" }]
        meter = [
            { address = "1", bus = "yard", customer = { transformer_area = "east" } },
            { address = "2", bus = "yard", customer = { transformer_area = "east" } },
            { address = "3", bus = "yard", customer = { transformer_area = "west" } },
        ]
    "#;
    let world = World::build(&WorldFile::parse(text).unwrap()).unwrap();
    let powered = |at| world.meters().map(|meter| meter.truth().is_powered(at)).collect::<Vec<_>>();
    assert_eq!(powered(sample::at(2026, 11, 20, 1, 30)), [false, false, true]);
    assert_eq!(powered(sample::at(2026, 11, 20, 2, 0)), [true; 3]);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let error = |text: &str| WorldFile::parse(text).unwrap_err().to_string();
    assert!(error("seed = 1\n[[bus]]\nname = \"a\"\nbaudrate = 9600\n").contains("line 4"));
    assert!(error("seed = 1\n[[meter]]\naddress = \"12x\"\nbus = \"a\"\n").contains("position 3"));
    assert!(
        error("seed = 1\n[[meter]]\naddress = \"1\"\nbus = \"a\"\ninstalled_at = \"2026-02-30\"\n")
            .contains("2026-02-30")
    );
    let build = |text: &str| World::build(&WorldFile::parse(text).unwrap()).unwrap_err().to_string();
    let lost = "seed = 1\n[[meter]]\naddress = \"1\"\nbus = \"a\"\n";
    assert_eq!(build(lost), "meter 000000000001 is on line \"a\", and there is no such line");
    let twice = "seed = 1\n[[bus]]\nname = \"a\"\n[[meter]]\naddress = \"1\"\nbus = \"a\"\n[[meter]]\naddress = \"01\"\nbus = \"a\"\n";
    assert!(build(twice).contains("have the address 000000000001"));
}

#[test]
fn a_meter_of_modbus_has_a_unit_number_a_place_and_known_items() {
    let register = "register = 1\ntype = \"u32\"\nexponent = -2\n";
    let meter = |address: &str, bus: &str, item: &str| {
        format!(
            "[[meter]]\naddress = \"{address}\"\nbus = \"{bus}\"\n[[meter.modbus.register]]\nitem = \"{item}\"\n{register}"
        )
    };
    let head = "seed = 1\n[[bus]]\nname = \"a\"\n[[gateway]]\nname = \"g\"\ntcp = \"127.0.0.1:0\"\n\
                [[terminal]]\naddress = \"1100-0001\"\n";
    let parsed = |meters: &[String]| WorldFile::parse(&format!("{head}{}", meters.concat())).unwrap();
    let good =
        parsed(&[meter("7017", "a", "1.8.0"), meter("7017", "g", "1.8.0"), meter("8018", "g", "32.7.0")]);
    let world = World::build(&good).unwrap();
    assert_eq!((world.meters().count(), world.gateways[0].meters.len()), (3, 2));
    assert_eq!(WorldFile::parse(&good.to_text().unwrap()).unwrap(), good);
    let error = |meters: &[String]| World::build(&parsed(meters)).unwrap_err().to_string();
    assert!(error(&[meter("7248", "a", "1.8.0")]).contains("no unit number"));
    assert!(error(&[meter("7017", "a", "1.8.0"), meter("8017", "a", "1.8.0")]).contains("unit number 017"));
    assert!(error(&[meter("7017", "a", "96.1.0")]).contains("\"96.1.0\" is no item"));
    assert!(error(&[meter("7017", "1100-0001", "1.8.0")]).contains("cannot be at \"1100-0001\""));
    let plain = "[[meter]]\naddress = \"1\"\nbus = \"g\"\n".to_owned();
    assert!(error(&[plain]).contains("cannot be at \"g\""));
    let doubled = format!("{head}[[gateway]]\nname = \"a\"\ntcp = \"127.0.0.1:0\"\n");
    assert!(World::build(&WorldFile::parse(&doubled).unwrap()).unwrap_err().to_string().contains("\"a\""));
}

#[test]
fn holding_stops_every_register() {
    let mut world = World::build(&plan(10, 3).draw().unwrap()).unwrap();
    let now = sample::at(2026, 11, 21, 10, 0);
    world.hold(now);
    let total = Register::total(Energy::ForwardActive);
    for meter in world.meters() {
        assert_eq!(meter.truth().shown(total, now), meter.truth().shown(total, now.plus(86_400)));
    }
}

#[test]
fn drawn_meters_take_little_room() {
    let world = World::build(&plan(500, 5).draw().unwrap()).unwrap();
    let most = world.meters().map(Meter::bytes).max().unwrap();
    assert!(most < 4096, "{most} bytes");
}
