//! Every kind of request at every gate, and bytes that are none.

use dlt645::address::{AddressField, AddressPattern, MeterAddress};
use dlt645::commissioning::{OneMeterOnLine, WriteAddress};
use dlt645::control::Control;
use dlt645::frame::{Frame, MAX_DATA, WireFrame};
use dlt645::meter_time::Civil;
use dlt645::password::{Credentials, DigitOrder, Level, OperatorCode, Password};
use dlt645::relay::{Command, Deadline, Order};
use dlt645::request::{Blocks, Events, Freeze, Output, Rate};
use dlt645::security::SecurityData;
use proptest::prelude::*;

use super::*;

fn meter() -> MeterAddress {
    "123456789012".parse().unwrap()
}

fn signed() -> Credentials {
    let password = Password::new(Level::CONTROL, "000000", DigitOrder::LowFirst).unwrap();
    Credentials { password, operator: OperatorCode::default() }
}

fn noon() -> Civil {
    Civil::new(2026, 11, 21, 12, 0, 0).unwrap()
}

fn relay(command: Command) -> Request {
    let Credentials { password, operator } = signed();
    let deadline = Deadline::at(noon()).unwrap();
    Request::relay(Order { meter: meter(), command, deadline, password, operator })
}

fn item(text: &str) -> DataId {
    text.parse().unwrap()
}

fn write(text: &str) -> Request {
    Request::write(meter(), item(text), signed(), [0x12, 0x34, 0x56]).unwrap()
}

/// A request, and whether reads, restore and control let it pass.
fn cases() -> Vec<(Request, [bool; 3])> {
    let energy = item("00010000");
    let curve = item("06010001");
    let (all, back, cut, none) = ([true; 3], [false, true, true], [false, false, true], [false; 3]);
    let old = Edition::E1997;
    let new = Password::new(Level::CONTROL, "123123", DigitOrder::LowFirst).unwrap();
    let factory = Password::new(Level::CONTROL, "111111", DigitOrder::LowFirst).unwrap();
    let parameters = Password::new(Level::PARAMETERS, "123123", DigitOrder::LowFirst).unwrap();
    vec![
        (Request::read(meter(), energy), all),
        (Request::read(AddressPattern::ANY, item("9010")), all),
        (Request::read_blocks(meter(), curve, Blocks::ONE).unwrap(), all),
        (Request::read_since(meter(), curve, Blocks::ONE, noon()).unwrap(), all),
        (Request::read_subsequent(meter(), energy, core::num::NonZeroU8::MIN), all),
        (Request::reread(meter()), all),
        (Request::read_address(), all),
        (relay(Command::ClosePermit), back),
        (relay(Command::CloseDirectly), back),
        (relay(Command::SupplyHold), back),
        (relay(Command::AlarmEnd), back),
        (Request::security(meter(), OperatorCode::default(), session_end()), back),
        (relay(Command::Trip), cut),
        (relay(Command::SupplyHoldEnd), cut),
        (Request::freeze(meter(), Freeze::Now).unwrap(), cut),
        (Request::freeze_all(Freeze::Now).unwrap(), cut),
        (write("0400010C"), cut),
        (write("C011"), cut),
        (Request::broadcast_time(Edition::E2007, noon()), none),
        (write("04000401"), none),
        (write("04000102").clone(), cut),
        (Request::change_rate(old, meter(), Rate::B2400).unwrap(), none),
        (Request::change_password(old, meter(), signed().password, new.clone()), none),
        (Request::change_password(Edition::E2007, meter(), new.clone(), new.clone()), cut),
        (Request::change_password(Edition::E2007, meter(), parameters, new), none),
        (Request::change_password(Edition::E2007, meter(), signed().password, factory), none),
        (Request::clear_demand(Edition::E2007, meter(), signed()), none),
        (Request::clear_meter(meter(), signed()), none),
        (Request::clear_events(meter(), signed(), Events::All).unwrap(), none),
        (Request::multifunction_output(meter(), Output::ClockSecond), none),
    ]
}

fn session_end() -> SecurityData {
    SecurityData::new(item("070002FF"), []).unwrap()
}

const GATES: [Gate; 3] = [Gate::READS, Gate::RESTORE, Gate::CONTROL];

#[test]
fn i17_each_gate_lets_pass_what_is_on_its_list() {
    for (request, expected) in cases() {
        let mut bytes = vec![0xFE; 4];
        request.emit(&mut bytes);
        for (gate, expected) in GATES.into_iter().zip(expected) {
            let cleared = gate.clear(request.edition(), &bytes);
            assert_eq!(cleared.is_ok(), expected, "{gate:?} {request:?}");
            assert_eq!(gate.admits(&request), expected);
            if let Ok(cleared) = cleared {
                assert_eq!((cleared.bytes(), cleared.rest(4).bytes()[0]), (&bytes[..], 0x68));
            }
        }
    }
    let everybody = Request::broadcast_time(Edition::E2007, noon()).to_bytes();
    assert!(Gate::CONTROL.with_broadcast_time().clear(Edition::E2007, &everybody).is_ok());
    assert!(Gate::READS.with_broadcast_time().clear(Edition::E2007, &everybody).is_err());
}

#[test]
fn t01_an_address_is_never_written() {
    for edition in [Edition::E1997, Edition::E2007] {
        let order = WriteAddress::new(edition, meter(), OneMeterOnLine::promised()).to_bytes();
        for gate in GATES {
            assert_eq!(gate.clear(edition, &order).unwrap_err().kind(), "no_request");
        }
    }
}

proptest! {
    /// Whatever is done to the bytes of a request, what passes is still on the list and goes to one meter.
    #[test]
    fn t01_forged_bytes_do_not_pass(
        which in 0..30_usize,
        wild in 0..3_u8,
        control in proptest::option::of(any::<u8>()),
        change in proptest::option::of((any::<proptest::sample::Index>(), any::<u8>())),
    ) {
        let (request, _) = cases().swap_remove(which);
        let bytes = request.to_bytes();
        let mut room = [0; MAX_DATA];
        let frame = WireFrame::parse(&bytes).unwrap().frame(&mut room);
        let address = match wild {
            0 => frame.address,
            1 => AddressField::WILDCARD,
            _ => AddressField::BROADCAST,
        };
        let mut data = frame.data.to_vec();
        if let Some((place, byte)) = change && !data.is_empty() {
            let place = place.index(data.len());
            data[place] = byte;
        }
        let forged = Frame { address, control: control.map_or(frame.control, Control), data: &data };
        let bytes = forged.to_bytes().unwrap();
        for (gate, list) in GATES.into_iter().zip(0..) {
            for edition in [Edition::E1997, Edition::E2007] {
                if gate.clear(edition, &bytes).is_err() {
                    continue;
                }
                let code = forged.control.0;
                let is_read = matches!(code, 0x01..=0x03 | 0x11..=0x13);
                prop_assert!(is_read || list > 0, "{bytes:02X?}");
                let is_freeze = code == 0x16 && list == 2;
                prop_assert!(is_read || is_freeze || address.as_meter().is_some(), "{bytes:02X?}");
                prop_assert!(!matches!(code, 0x0A | 0x0C | 0x0F | 0x10 | 0x15 | 0x17 | 0x19..=0x1B | 0x1D));
                let is_current = edition == Edition::E2007 && list == 2;
                prop_assert!(code != 0x18 || is_current, "{bytes:02X?}");
            }
        }
    }

    #[test]
    fn t01_only_whole_frames_pass(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert!(Gate::CONTROL.clear(Edition::E2007, &bytes).is_err());
    }
}
