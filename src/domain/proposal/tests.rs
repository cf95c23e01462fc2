use super::*;
use crate::domain::access::{Regions, Role};
use crate::domain::{Day, coded};

fn noon() -> Moment {
    "2026-11-22".parse::<Day>().unwrap().start().plus(Duration::from_secs(43_200))
}

fn exchange() -> MeterExchange {
    let shown = |value| vec![Shown { item: "1-0:1.8.0".to_owned(), value }];
    MeterExchange {
        point: "0001".to_owned(),
        removed: "202411110001".to_owned(),
        installed: "202611110001".to_owned(),
        asset_number: None,
        protocol: "645-2007".to_owned(),
        profile: None,
        at: noon().micros(),
        closing: shown(123_456_700),
        opening: shown(0),
    }
}

fn acting(person: i64, role: Role) -> Acting {
    Acting {
        person: Id::new(person),
        account: Id::new(person * 10),
        name: format!("p{person}"),
        role,
        role_since: noon().minus(Duration::from_secs(86_400)),
        regions: Regions::All,
        source: String::new(),
        request: None,
    }
}

#[test]
fn states_have_their_own_codes() {
    coded::check::<ProposalState>(4);
}

#[test]
fn f16_a_change_that_cannot_be_is_refused_with_every_reason() {
    let change = |exchange: MeterExchange| Change::ExchangeMeter(exchange).faults(noon());
    assert_eq!(change(exchange()), []);
    let mut wrong = MeterExchange { at: noon().micros() + 1, protocol: "dlms".to_owned(), ..exchange() };
    wrong.installed = wrong.removed.clone();
    wrong.closing.push(Shown { item: "1-0:1.8.0".to_owned(), value: -1 });
    wrong.opening.push(Shown { item: "9.9.9".to_owned(), value: 0 });
    use ChangeFault::{InTheFuture, Item, ItemTwice, Negative, Protocol, Ratio, SameMeter};
    assert_eq!(change(wrong), [InTheFuture, SameMeter, Protocol, ItemTwice, Negative, Item]);
    assert_eq!(change(MeterExchange { removed: "A1".to_owned(), ..exchange() }), [ChangeFault::Address]);
    let modbus = MeterExchange {
        installed: "7017".to_owned(),
        protocol: "modbus".to_owned(),
        profile: Some("map".to_owned()),
        ..exchange()
    };
    assert_eq!(change(modbus.clone()), []);
    let nameless = MeterExchange { installed: "7000".to_owned(), profile: None, ..modbus };
    assert_eq!(change(nameless), [ChangeFault::Unit, ChangeFault::Profile]);
    let behind = |ct: &str, from| {
        let (point, ct, vt) = ("0001".to_owned(), ct.to_owned(), "1".to_owned());
        Change::ChangeTransformers(NewTransformers { point, ct, vt, from }).faults(noon())
    };
    assert_eq!(behind("200/5", noon().micros()), []);
    assert_eq!(behind("200/0", noon().micros() + 1), [InTheFuture, Ratio]);
}

#[test]
fn t17_the_second_person_is_another_one_in_time_and_long_enough_in_the_role() {
    let mut proposal = Proposal {
        id: Id::new(1),
        change: Change::ExchangeMeter(exchange()),
        reason: "broken".to_owned(),
        state: ProposalState::Open,
        proposed_by: Id::new(7),
        proposed_as: "p7".to_owned(),
        proposed_at: noon(),
        expires_at: noon().plus(PROPOSAL_WAITS),
        decided_as: None,
        decided_at: None,
    };
    let other = acting(8, Role::Approver);
    assert_eq!(proposal.may_be_decided_by(&other, noon()), Ok(()));
    // The same person with another account.
    let same = Acting { account: Id::new(99), ..acting(7, Role::Approver) };
    assert_eq!(proposal.may_be_decided_by(&same, noon()), Err(MayNot::SamePerson));
    let new = Acting { role_since: noon().minus(Duration::from_secs(86_399)), ..other.clone() };
    assert_eq!(proposal.may_be_decided_by(&new, noon()), Err(MayNot::NewRole));
    // A clock that was set back makes no role older.
    let later = Acting { role_since: noon().plus(Duration::from_secs(1)), ..other.clone() };
    assert_eq!(proposal.may_be_decided_by(&later, noon()), Err(MayNot::NewRole));
    for role in [Role::Viewer, Role::Operator, Role::Admin, Role::Auditor, Role::Billing] {
        assert_eq!(proposal.may_be_decided_by(&acting(8, role), noon()), Err(MayNot::Role));
    }
    let late = proposal.expires_at;
    assert_eq!(proposal.may_be_decided_by(&other, late), Err(MayNot::Expired));
    assert_eq!(proposal.may_be_withdrawn_by(&other, noon()), Err(MayNot::NotTheirs));
    assert_eq!(proposal.may_be_withdrawn_by(&acting(7, Role::Operator), noon()), Ok(()));
    for state in [ProposalState::Confirmed, ProposalState::Refused, ProposalState::Withdrawn] {
        proposal.state = state;
        assert_eq!(proposal.may_be_decided_by(&other, noon()), Err(MayNot::Decided));
        assert_eq!(proposal.may_be_withdrawn_by(&acting(7, Role::Operator), noon()), Err(MayNot::Decided));
    }
}
