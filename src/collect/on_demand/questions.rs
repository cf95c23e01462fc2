//! Which questions a group means for a meter: data, so that nobody who asks has to know an identifier.

use dlt645::data_id::DataId;
use dlt645::edition::Edition;

use super::super::visit::{kinds, status_words};
use crate::config::profile::MeterProfile;
use crate::domain::{Item, ReadGroup};

/// One thing that is asked, by one question or by a few that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// A register with its tariffs, by its total.
    Register(Item),
    /// The values under one identifier. Where the meter does not have it, those under the others.
    Values { id: DataId, otherwise: &'static [u32], is_read_twice: bool },
    /// Date and time.
    Clock,
    /// The daily freeze so many freezes ago.
    Freeze(u8),
    /// The load records of today.
    Curve,
    /// The count of one kind of event, and its newest record.
    Event(DataId),
}

/// The questions of a group for a meter with this profile; none where such meters do not have it.
pub(super) fn asks(group: ReadGroup, edition: Edition, profile: &MeterProfile) -> Vec<Ask> {
    match group {
        ReadGroup::Registers => registers(&["1.8.0", "2.8.0"]),
        ReadGroup::Demand => {
            let mut asks = registers(&["1.6.0", "2.6.0"]);
            let more: &[u32] = match edition {
                Edition::E2007 => &[0x0280_0004],
                Edition::E1997 => &[0xB01F, 0xB02F],
            };
            asks.extend(more.iter().filter_map(|code| values(edition, *code, &[], false)));
            asks
        }
        ReadGroup::Instantaneous => {
            let rows = match edition {
                Edition::E2007 => INSTANTANEOUS_2007,
                Edition::E1997 => INSTANTANEOUS_1997,
            };
            rows.iter().filter_map(|(code, otherwise)| values(edition, *code, otherwise, false)).collect()
        }
        ReadGroup::Clock => vec![Ask::Clock],
        ReadGroup::Status => status_words(edition)
            .into_iter()
            .map(|id| Ask::Values { id, otherwise: &[], is_read_twice: true })
            .collect(),
        ReadGroup::Freezes => (1..=profile.daily_freezes.min(FREEZES)).map(Ask::Freeze).collect(),
        ReadGroup::Curve if profile.load_record => vec![Ask::Curve],
        ReadGroup::Curve => Vec::new(),
        ReadGroup::Events => {
            kinds(edition).iter().filter_map(|code| identifier(edition, *code)).map(Ask::Event).collect()
        }
    }
}

/// An identifier of an edition.
pub(super) fn identifier(edition: Edition, code: u32) -> Option<DataId> {
    Some(match edition {
        Edition::E2007 => DataId::new_2007(code),
        Edition::E1997 => DataId::new_1997(u16::try_from(code).ok()?),
    })
}

fn registers(totals: &[&str]) -> Vec<Ask> {
    totals.iter().filter_map(|total| Item::parse(total)).map(Ask::Register).collect()
}

fn values(edition: Edition, code: u32, otherwise: &'static [u32], is_read_twice: bool) -> Option<Ask> {
    Some(Ask::Values { id: identifier(edition, code)?, otherwise, is_read_twice })
}

/// Blocks of all phases, and what they consist of for meters that have no blocks.
const INSTANTANEOUS_2007: &[(u32, &[u32])] = &[
    (0x0201_FF00, &[0x0201_0100, 0x0201_0200, 0x0201_0300]),
    (0x0202_FF00, &[0x0202_0100, 0x0202_0200, 0x0202_0300]),
    (0x0203_FF00, &[0x0203_0000]),
    (0x0206_FF00, &[0x0206_0000]),
    (0x0280_0002, &[]),
];
const INSTANTANEOUS_1997: &[(u32, &[u32])] = &[
    (0xB61F, &[0xB611, 0xB612, 0xB613]),
    (0xB62F, &[0xB621, 0xB622, 0xB623]),
    (0xB63F, &[0xB630]),
    (0xB65F, &[0xB650]),
    (0xB660, &[]),
];
/// How many freezes are shown.
const FREEZES: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::profile::Profiles;
    use crate::domain::MeterProtocol;
    use dlt645::catalog;

    #[test]
    fn every_question_of_every_group_is_in_the_catalogue() {
        for (edition, protocol) in
            [(Edition::E2007, MeterProtocol::Dlt2007), (Edition::E1997, MeterProtocol::Dlt1997)]
        {
            let profiles = Profiles::default();
            let profile = profiles.of(None, protocol).unwrap();
            for group in ReadGroup::all() {
                let asks = asks(group, edition, profile);
                let has_none = edition == Edition::E1997
                    && matches!(group, ReadGroup::Freezes | ReadGroup::Curve | ReadGroup::Events);
                assert_eq!(asks.is_empty(), has_none, "{group:?} of {edition:?}");
                for ask in asks {
                    let (Ask::Values { id, .. } | Ask::Event(id)) = ask else { continue };
                    assert!(catalog::find(id).is_some(), "{id}");
                    let Ask::Values { otherwise, .. } = ask else { continue };
                    for code in otherwise {
                        let id = identifier(edition, *code).unwrap();
                        assert!(catalog::find(id).is_some(), "{id}");
                    }
                }
            }
        }
    }
}
