//! What the tables of the catalogue promise as a whole: nothing left out, nothing twice, every length, unit and item
//! in agreement, and the few rows nobody can lay out known by number.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a row that does not hold must end its test")]

use std::collections::{BTreeMap, HashMap};

use dlt645::catalog::layout::{Counter, Group, Layout, Times};
use dlt645::catalog::{self, Field, Format, Item, Role, Row, Shape};
use dlt645::data_id::DataId;
use dlt645::edition::Edition;

/// Remarks of rows no source table prints: they follow from the rows beside them or from a capture, and are of
/// confidence C.
const DERIVED: [&str; 5] = [
    "the shape of 00..ttFF; not in any source table",
    "the shape of 000100FF; not in any source table",
    "pattern of the class",
    "from the numbers of the items known",
    "not in any source table; one captured meter answers it with an energy",
];

/// Rows whose data nobody could lay out. A row that gets a layout leaves this list; none may join it unseen.
const OPAQUE: [&str; 8] =
    ["03300Fnn", "033010nn", "033400nn", "070301FF", "2000FFnn", "210000nn", "D1x0", "D210"];

#[test]
fn no_row_of_the_source_tables_is_missing() {
    let mut counts = BTreeMap::new();
    for row in catalog::rows().iter().filter(|row| !is_derived(row)) {
        let class = if row.edition() == Edition::E2007 { &row.pattern[..2] } else { &row.pattern[..1] };
        *counts.entry((row.edition().year(), class)).or_insert(0) += 1;
    }
    let whole =
        [("00", 122), ("01", 70), ("02", 67), ("03", 119), ("04", 173), ("05", 95), ("06", 57), ("07", 19)];
    for (class, expected) in whole {
        assert_eq!(counts.remove(&(2007, class)), Some(expected), "class {class}");
    }
    let old = [("9", 72), ("A", 72), ("B", 124), ("C", 40), ("D", 2)];
    for (class, expected) in old {
        assert_eq!(counts.remove(&(1997, class)), Some(expected), "class {class}");
    }
    assert!(counts.keys().all(|(year, class)| *year == 2007 && ("10"..="21").contains(class)));
    let sum = |numbers: &[(&str, i32)]| numbers.iter().map(|(_, count)| count).sum::<i32>();
    assert_eq!(sum(&whole) + counts.values().sum::<i32>(), 912);
    assert_eq!(sum(&old), 310);
    assert_eq!(catalog::rows().iter().filter(|row| is_derived(row)).count(), 1464);
}

#[test]
fn derived_rows_say_that_they_are_to_be_checked() {
    for row in catalog::rows().iter().filter(|row| is_derived(row)) {
        assert_eq!(row.confidence, 'C', "{}", row.pattern);
    }
    let known = catalog::rows().iter().all(|row| matches!(row.confidence, 'A'..='C'));
    assert!(known, "confidence is A, B or C");
}

#[test]
fn no_two_rows_claim_one_identifier() {
    let mut owners: HashMap<DataId, &str> = HashMap::new();
    for row in catalog::rows() {
        for id in row.ids() {
            let other = owners.insert(id, row.pattern);
            assert_eq!(other, None, "{id} of {}", row.pattern);
        }
    }
    assert_eq!(owners.keys().filter(|id| id.edition() == Edition::E2007).count(), 40_531);
    assert_eq!(owners.keys().filter(|id| id.edition() == Edition::E1997).count(), 1359);
}

#[test]
fn the_opaque_rows_are_known_by_number() {
    let opaque: Vec<&str> =
        catalog::rows().iter().filter(|row| row.shape == Shape::Opaque).map(|row| row.pattern).collect();
    assert_eq!(opaque, OPAQUE);
}

#[test]
fn every_name_stands_in_both_languages() {
    for row in catalog::rows() {
        assert_named(row.pattern, row.name_en, row.name_zh);
        for variable in row.variables() {
            let shown = |name: &str| name.contains(&format!("{{{0}", variable.letter));
            let told = variable.letter == 's' || shown(row.name_en) && shown(row.name_zh);
            assert!(told, "{}: the name leaves {} out", row.pattern, variable.letter);
        }
        for field in fields(row) {
            assert_eq!(field.name_en.is_empty(), field.name_zh.is_empty(), "{}", row.pattern);
            if !field.name_en.is_empty() {
                assert_named(row.pattern, field.name_en, field.name_zh);
            }
        }
    }
}

fn assert_named(pattern: &str, name_en: &str, name_zh: &str) {
    assert!(!name_en.is_empty() && name_en.is_ascii(), "{pattern}: {name_en:?}");
    assert!(!name_zh.trim().is_empty(), "{pattern}: {name_zh:?}");
    for name in [name_en, name_zh] {
        assert_eq!(name.trim(), name, "{pattern}");
        assert_eq!(name.matches('{').count(), name.matches('}').count(), "{pattern}: {name}");
    }
}

#[test]
fn a_layout_is_as_long_as_the_standard_says() {
    for row in catalog::rows() {
        let (Shape::Fields(layout) | Shape::Request(layout)) = &row.shape else { continue };
        // Security rows print the length of the request; some lay out the answer.
        if row.note.starts_with("layout of the answer") {
            continue;
        }
        match printed_length(row.bytes) {
            Printed::Fixed(length) => {
                let fits = layout.step == 0 && layout.fixed == length || layout.ends_early_at(length);
                assert!(fits, "{}: {} bytes are printed, {layout:?}", row.pattern, row.bytes);
            }
            Printed::Step(step) => {
                assert_eq!((layout.fixed, layout.step), (0, step), "{}: {}", row.pattern, row.bytes);
            }
            Printed::Open => assert_eq!(layout.step, 0, "{}", row.pattern),
        }
    }
}

/// A length as the tables print it.
enum Printed {
    /// `4`
    Fixed(usize),
    /// `4*(k+1)`: so many bytes, once or more.
    Step(usize),
    /// `var`
    Open,
}

fn printed_length(bytes: &str) -> Printed {
    match bytes.split_once('*') {
        Some((step, "(k+1)" | "k" | "N" | "h" | "p" | "m")) => Printed::Step(step.parse().unwrap()),
        Some(_) => panic!("{bytes} is no length"),
        None if bytes == "var" => Printed::Open,
        None => Printed::Fixed(bytes.parse().unwrap()),
    }
}

#[test]
fn every_item_is_a_code_of_its_unit() {
    let mut with_items = 0;
    for row in catalog::rows() {
        for (group, field) in places(row) {
            let Some(item) = field.item else { continue };
            with_items += 1;
            assert_eq!(unit_of(item), Some(field.unit), "{}: {item:?}", row.pattern);
            assert!(matches!(field.format, Format::Number { .. }), "{}: {item:?}", row.pattern);
            let has_tariff = row.variables().iter().any(|variable| variable.letter == 't')
                || group.counter == Counter::TotalAndTariffs;
            assert_eq!(item.e.is_none(), has_tariff, "{}: {item:?}", row.pattern);
        }
    }
    assert!(with_items > 2000, "{with_items}");
}

/// The unit a neutral item is counted in; `None` for a code the catalogue has no business with.
fn unit_of(item: Item) -> Option<&'static str> {
    let per_phase = |c: u8| if (21..=79).contains(&c) { c % 20 } else { c };
    let power = match per_phase(item.c) {
        1 | 2 | 15 | 16 => "kW",
        3..=8 => "kvar",
        9 | 10 => "kVA",
        _ => "",
    };
    match (item.d, per_phase(item.c), item.e) {
        (8, 1..=10 | 15, _) => Some(match power {
            "kW" => "kWh",
            "kvar" => "kvarh",
            _ => "kVAh",
        }),
        (6, 1..=10, _) | (4, 1 | 3 | 9, Some(0)) => Some(power),
        (7, 11 | 12, Some(124)) => Some("%"),
        (7, 11 | 91, Some(0)) => Some("A"),
        (7, 12, Some(0)) => Some("V"),
        (7, 13, Some(0)) => Some(""),
        (7, 14, Some(0)) => Some("Hz"),
        (7, 3 | 9 | 16, Some(0)) => Some(power),
        (7, 81, Some(4 | 15 | 26)) => Some("deg"),
        _ => None,
    }
}

#[test]
fn billed_quantities_have_the_same_item_wherever_they_come_from() {
    let item = |id: &str| {
        let entry = catalog::find(id.parse().unwrap()).expect(id);
        let (_, field) = places(entry.row).into_iter().find(|(_, field)| field.item.is_some()).expect(id);
        field.item.unwrap().with_tariff(entry.tariff()).to_string()
    };
    for id in ["00010000", "0001FF00", "05060101", "05040101", "0504FF01", "06100601", "1D000301", "9010"] {
        assert_eq!(item(id), "1-0:1.8.0", "{id}");
    }
    assert_eq!(item("00010200"), "1-0:1.8.2");
    assert_eq!(item("9012"), "1-0:1.8.2");
    for id in ["01010000", "05060901", "A010"] {
        assert_eq!(item(id), "1-0:1.6.0", "{id}");
    }
    for id in ["02010200", "06100102", "B612"] {
        assert_eq!(item(id), "1-0:52.7.0", "{id}");
    }
    assert_eq!(item("9120"), item("00040000"), "reverse reactive energy");
    assert_eq!(item("9140"), item("00080000"), "the fourth quadrant, out of order in 1997");
}

#[test]
fn every_event_record_says_when() {
    for row in
        catalog::rows().iter().filter(|row| row.pattern.starts_with("03") && row.pattern.ends_with("nn"))
    {
        if let Shape::Fields(layout) = &row.shape
            && layout.groups.iter().flat_map(|group| &group.fields).count() > 1
        {
            let timed = layout.groups.iter().flat_map(|group| &group.fields).any(|field| {
                matches!(field.role, Role::At | Role::Start) && matches!(field.format, Format::Time(_))
            });
            assert!(timed, "{}", row.pattern);
        }
    }
}

#[test]
fn no_bit_of_a_word_has_two_names() {
    let mut seen = 0;
    for row in catalog::rows() {
        for field in fields(row) {
            let Format::Bits { bytes, word } = field.format else { continue };
            seen += 1;
            assert_bits(row.pattern, catalog::bit_fields(word), bytes);
        }
    }
    assert!(seen > 40, "{seen}");
    let bytes_of = [
        ("err_2007", 1),
        ("err_1997", 1),
        ("serr", 2),
        ("relay_execution", 2),
        ("relay_error", 2),
        ("rate_2007", 1),
        ("rate_1997", 1),
    ];
    for (name, bytes) in bytes_of {
        assert_bits(name, catalog::bit_fields_of(name).expect(name), bytes);
    }
}

fn assert_bits(place: &str, bits: &[catalog::bits::BitField], bytes: u8) {
    assert!(!bits.is_empty(), "{place}: a word without names");
    let mut taken = 0_u64;
    for bit in bits {
        assert!(bit.bit + bit.width <= bytes * 8, "{place}: {} lies outside", bit.name_en);
        let mask = ((1 << bit.width) - 1) << bit.bit;
        assert_eq!(taken & mask, 0, "{place}: {}", bit.name_en);
        taken |= mask;
        assert_named(place, bit.name_en, bit.name_zh);
        let (yes, no) = (bit.meaning(1), bit.meaning(0));
        assert!(!yes.0.is_empty() && !yes.1.is_empty() && yes != no, "{place}: {}", bit.name_en);
    }
}

fn is_derived(row: &Row) -> bool {
    DERIVED.contains(&row.note)
}

fn layout(row: &Row) -> Option<&Layout> {
    match &row.shape {
        Shape::Fields(layout) | Shape::Request(layout) => Some(layout),
        _ => None,
    }
}

/// The fields of a row with the groups they stand in; a group that repeats no times has none.
fn places(row: &Row) -> Vec<(&Group, &Field)> {
    let groups = layout(row).map(|layout| layout.groups.as_slice()).unwrap_or_default();
    groups
        .iter()
        .filter(|group| group.times != Times::Exactly(0))
        .flat_map(|group| group.fields.iter().map(move |field| (group, field)))
        .collect()
}

fn fields(row: &Row) -> Vec<&Field> {
    places(row).into_iter().map(|(_, field)| field).collect()
}
