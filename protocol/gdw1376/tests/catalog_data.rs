//! Every layout of the catalogue, both ways: what it writes it reads again, and it is as long as the text says.
#![expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a row that does not hold must end its test"
)]

use std::collections::HashMap;

use gdw1376::address::AddressField;
use gdw1376::afn::Afn;
use gdw1376::auxiliary::Auxiliary;
use gdw1376::catalog::{self, AsOf, Layout, Node, Role, Row, Times, Width};
use gdw1376::civil::Civil;
use gdw1376::control::Control;
use gdw1376::format::{Absence, Format, Value};
use gdw1376::frame::LengthCode;
use gdw1376::identifier::{FnNumber, Identifier, Point};
use gdw1376::message::Message;
use gdw1376::quantity::Quantity;
use gdw1376::reading;
use gdw1376::seq::Seq;
use gdw1376::terminal_time::TerminalTime;
use gdw1376::unit;
use proptest::prelude::*;

/// Draws values for a layout. Counts are drawn from `counts`, so that the length can be foretold.
struct Draw<'c> {
    state: u64,
    /// The number that every count gets, when it is not drawn.
    count: Option<u64>,
    values: Vec<Value<'static>>,
    counts: HashMap<char, u64>,
    absent: &'c dyn Fn(u64) -> bool,
}

impl Draw<'_> {
    fn next(&mut self) -> u64 {
        self.state =
            self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.state >> 17
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            match node {
                Node::Field(field) => {
                    let value = match field.count {
                        Some(letter) => self.count_of(letter, field.format, field.key),
                        None => self.value(field),
                    };
                    self.values.push(value);
                }
                Node::Repeat { body, times } => {
                    for _ in 0..self.times(*times) {
                        self.nodes(body);
                    }
                }
            }
        }
    }

    fn count_of(&mut self, letter: char, format: Format, key: &str) -> Value<'static> {
        let number = match (key, self.count) {
            ("density", _) => [1, 2, 3, 254][self.below(4) as usize],
            // Four set bits, so that "ones" gives the same count.
            (_, Some(count)) if matches!(format, Format::Bits { .. }) && key != "relay_flags" => {
                (1 << count) - 1
            }
            (_, Some(count)) => count,
            // Lengths from which four may be taken.
            ("length", None) => 4 + self.below(6),
            (_, None) => 1 + self.below(5),
        };
        self.counts.insert(letter, number);
        match format {
            Format::Bits { bytes } => Value::Bits { word: number, bytes },
            _ => Value::Number(Quantity::new(number as i64, 0)),
        }
    }

    fn times(&mut self, times: Times) -> u64 {
        let of = |letter| self.counts[&letter];
        match times {
            Times::Exactly(number) => number.into(),
            Times::Counted { count, add } => of(count).saturating_add_signed(add.into()),
            Times::Ones(count) => of(count).count_ones().into(),
            Times::LowSeven(count) => of(count) & 0x7F,
            Times::UnlessAllOnes(count) => of(count),
            Times::Ring(from, to) => of(to).wrapping_sub(of(from)) & 0xFF,
            Times::Hour(count) => match of(count) {
                1 => 4,
                2 => 2,
                3 => 1,
                254 => 12,
                other => panic!("density {other}"),
            },
            Times::Rest => self.count.unwrap_or(3),
        }
    }

    fn value(&mut self, field: &catalog::Field) -> Value<'static> {
        let draw = self.next();
        let has_filling = !matches!(field.format, Format::Octets | Format::Name { .. } | Format::Bits { .. });
        let single =
            field.width == Width::Fixed(1) && matches!(field.format, Format::Binary { .. } | Format::Text);
        if has_filling
            && !single
            && (self.absent)(draw)
            && !matches!(field.width, Width::Counted { .. } | Width::Rest)
        {
            return Value::Absent(Absence::Missing);
        }
        let sign = |number: u64, signed: bool| {
            if signed && draw % 2 == 1 { -(number as i64) } else { number as i64 }
        };
        match field.format {
            Format::Digits { bytes, decimals, signed } => {
                let top = if signed { 80 } else { 100 } * 100_u64.pow(u32::from(bytes) - 1);
                let number = 1 + self.below(top - 1);
                Value::Number(Quantity::new(sign(number, signed), decimals))
            }
            Format::Power => {
                Value::Number(Quantity::new(sign(1 + self.below(999), true), self.below(4) as u8))
            }
            Format::Energy => Value::Number(Quantity::new(sign(1 + self.below(9_999_999), true), 0)),
            Format::Percent => Value::Number(Quantity::new(sign(1 + self.below(79), true), 0)),
            Format::Binary { bytes } => {
                let top = if bytes < 8 { 1 << (8 * u32::from(bytes)) } else { i64::MAX as u64 };
                let number = self.below(top);
                let filled = [0xEEEE, 0xFFFF, 0xEEEE_EEEE, 0xFFFF_FFFF].contains(&number);
                Value::Number(Quantity::new(if filled { 0 } else { number as i64 }, 0))
            }
            Format::Bits { bytes } => Value::Bits { word: self.below(0xEE) | 1, bytes },
            Format::Time(format) => {
                let civil =
                    Civil::from_seconds_since_2000(1 + self.below(36_525 * 86_400 - 1) as u32).unwrap();
                Value::Time(TerminalTime::of(format, civil))
            }
            Format::Name { bytes } => Value::Name(self.bytes(bytes.into())),
            Format::Text | Format::Octets => {
                let width = match field.width {
                    Width::Fixed(width) => width,
                    Width::Counted { count, add } => {
                        self.counts[&count].saturating_add_signed(add.into()) as usize
                    }
                    Width::Rest => 5,
                };
                let bytes = self.bytes(width);
                if field.format == Format::Text { Value::Text(bytes) } else { Value::Octets(bytes) }
            }
        }
    }

    /// Bytes that are no filling.
    fn bytes(&mut self, width: usize) -> &'static [u8] {
        let bytes: Vec<u8> = (0..width).map(|_| self.below(0x7F) as u8).collect();
        Box::leak(bytes.into_boxed_slice())
    }
}

fn draw(layout: &Layout, seed: u64, count: Option<u64>, absent: &dyn Fn(u64) -> bool) -> Vec<Value<'static>> {
    let mut draw = Draw { state: seed, count, values: Vec::new(), counts: HashMap::new(), absent };
    draw.nodes(&layout.nodes);
    draw.values
}

/// Every layout with its row and a word for the side.
fn layouts() -> impl Iterator<Item = (&'static Row, &'static str, &'static Layout)> {
    catalog::rows().iter().flat_map(|row| {
        let down = row.down.layouts().iter().map(move |layout| (row, "down", layout));
        down.chain(row.up.layouts().iter().map(move |layout| (row, "up", layout)))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // covers [1376 3.4] [1376 3.8] [1376 3.9] [1376 3.10] [1376 3.12]
    #[test]
    fn every_layout_reads_what_it_wrote(seed in any::<u64>()) {
        let mut tried = 0;
        let events = catalog::event_kinds().iter().filter_map(|kind| kind.layout.as_ref());
        let named = layouts().map(|(row, side, layout)| (format!("{} F{} {side}", row.afn, row.function), layout));
        let all = named.chain(events.map(|layout| ("event".to_owned(), layout)));
        for (name, layout) in all {
            let values = draw(layout, seed ^ tried, None, &|draw| draw.is_multiple_of(5));
            let mut bytes = Vec::new();
            prop_assert_eq!(catalog::write(layout, &values, &mut bytes), Ok(()), "{}: {:?}", name, values);
            let (read, used) = catalog::read(layout, &bytes)
                .map_err(|error| TestCaseError::fail(format!("{name}: {error}")))?;
            prop_assert_eq!(used, bytes.len(), "{}", name);
            let read: Vec<Value<'_>> = read.iter().map(|decoded| decoded.value).collect();
            prop_assert_eq!(read, values, "{}", name);
            tried += 1;
        }
        prop_assert!(tried > 650, "{} layouts", tried);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Units of several items one behind the other are cut where they were put together. Only where sources give an item
    /// two layouts may cutting stop, and then it says so.
    #[test]
    fn several_units_are_cut_where_they_were_joined(
        class in 0..3_usize,
        picked in proptest::collection::vec((any::<prop::sample::Index>(), 1..=2040_u16, any::<u64>()), 1..12),
    ) {
        let afn = [Afn::CLASS_1, Afn::CLASS_2, Afn::READ_PARAMETERS][class];
        let readable: Vec<&Row> =
            catalog::rows().iter().filter(|row| row.afn == afn && !row.up.layouts().is_empty()).collect();
        let mut units = Vec::new();
        let mut wanted = Vec::new();
        for (row, point, seed) in &picked {
            let row = readable[row.index(readable.len())];
            let identifier = Identifier::of(Point::new(*point).unwrap(), FnNumber::new(row.function).unwrap());
            let values = draw(&row.up.layouts()[0], *seed, None, &|draw| draw.is_multiple_of(7));
            units.extend(identifier.wire());
            catalog::write(&row.up.layouts()[0], &values, &mut units).unwrap();
            wanted.push((*point, row, values));
        }
        let message = Message {
            code: LengthCode::GDW_376,
            control: Control::DATA,
            address: AddressField::from_wire([0; 5]),
            afn,
            seq: Seq::single(0),
            units: &units,
            auxiliary: Auxiliary::default(),
        };
        let cut = unit::cut(&message);
        for (unit, (point, row, values)) in cut.units.iter().zip(&wanted) {
            prop_assert_eq!(unit.point.map(Point::number), Some(*point));
            prop_assert_eq!(unit.row, *row);
            let read: Vec<Value<'_>> = unit.values.iter().map(|decoded| decoded.value).collect();
            prop_assert_eq!(&read, values);
        }
        let next = wanted.get(cut.units.len());
        match cut.rest {
            None => prop_assert!(next.is_none()),
            Some(rest) => {
                prop_assert_eq!(rest.why.kind(), "ambiguous");
                prop_assert!(next.is_some_and(|(_, row, _)| row.up.layouts().len() > 1), "{:?}", rest.why);
            }
        }
    }
}

/// `a`, `a+b*(M+1)`, `a+bn`: the first length that a text names, with every count at `count`.
fn printed(text: &str, count: u64) -> Option<u64> {
    let text = text.split(" or ").next()?.split(" (or").next()?.split(" / ").next()?;
    let term = |term: &str| -> Option<u64> {
        if let Some(factor) = term.strip_suffix("(M+1)") {
            return Some(factor.parse::<u64>().ok()? * (count + 1));
        }
        if let Some(factor) = term.strip_suffix(['n', 'k', 'M', 'N']) {
            let factor = factor.strip_suffix('*').unwrap_or(factor);
            return Some(if factor.is_empty() { 1 } else { factor.parse().ok()? } * count);
        }
        if matches!(term, "m" | "len" | "pwlen") {
            return Some(count);
        }
        term.parse().ok()
    };
    let mut depth = 0;
    let parts = text.split(|letter| {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        letter == '+' && depth == 0
    });
    parts.map(term).sum()
}

#[test]
fn a_layout_is_as_long_as_the_text_says() {
    assert_eq!(printed("9+17(M+1)", 4), Some(94));
    assert_eq!(printed("24+m+n", 4), Some(32));
    assert_eq!(printed("57 or 61", 4), Some(57));
    let (mut checked, mut open) = (0, Vec::new());
    for row in catalog::rows() {
        // What the text gives is the length of what carries data, of two that of what the master sends.
        let shape = if row.up.is_nothing() || row.bytes.contains(" / ") { &row.down } else { &row.up };
        let Some(layout) = shape.layouts().first() else { continue };
        // A heartbeat has none or six; the first layout is the empty one.
        let is_hourly = layout.fields().any(|field| field.role == Role::Hour);
        let Some(wanted) = printed(row.bytes, 4).filter(|_| !is_hourly) else {
            open.push(format!("{}F{}", row.afn, row.function));
            continue;
        };
        let mut bytes = Vec::new();
        let values = draw(layout, 7, Some(4), &|_| false);
        catalog::write(layout, &values, &mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, wanted, "AFN {} F{}: {}", row.afn, row.function, row.bytes);
        checked += 1;
    }
    println!("{checked} lengths as printed; open: {open:?}");
    assert_eq!((checked, open.len()), (433, 55), "{open:?}");
}

/// An hourly freeze has as many points as its density says.
#[test]
fn hourly_freezes_have_the_points_of_an_hour() {
    let mut seen = 0;
    for (row, _, layout) in layouts() {
        if layout.first().is_none_or(|field| field.role != Role::Hour) {
            continue;
        }
        let factor: usize = row.bytes.strip_prefix("2+").unwrap().strip_suffix('n').unwrap().parse().unwrap();
        for (density, points) in [(0, 0), (1, 4), (2, 2), (3, 1), (254, 12), (255, 60)] {
            let data = [&[0x12, density][..], &vec![0; 300]].concat();
            let (values, used) = catalog::read(layout, &data).unwrap();
            assert_eq!((values.len(), used), (2 + points, 2 + points * factor), "F{}", row.function);
        }
        assert!(catalog::read(layout, &[0x12, 0x04, 0, 0, 0, 0]).is_err(), "4 is no density");
        seen += 1;
    }
    assert_eq!(seen, 32);
}

#[test]
fn questions_of_class_2_begin_with_the_date_that_their_answers_begin_with() {
    let mut seen = 0;
    for row in catalog::rows().iter().filter(|row| row.afn.0 == 0x0D) {
        let ask = &row.down.layouts()[0];
        for answer in row.up.layouts() {
            assert_eq!(answer.nodes[..ask.nodes.len()], ask.nodes, "F{}", row.function);
        }
        seen += 1;
    }
    assert_eq!(seen, 165);
}

#[test]
fn parameters_are_read_back_as_they_are_set() {
    for set in catalog::rows().iter().filter(|row| row.afn.0 == 0x04) {
        let read = catalog::find(Afn::READ_PARAMETERS, set.function).unwrap();
        assert_eq!(read.up, set.down, "F{}", set.function);
    }
}

/// The words at the end of a row's name, and the items of its values in wire order.
const NAMED: [(&str, &[&str]); 44] = [
    (": forward active", &["1.8.t"]),
    (": forward reactive (combined 1)", &["3.8.t"]),
    (": reverse active", &["2.8.t"]),
    (": reverse reactive (combined 2; some texts say 1)", &["4.8.t"]),
    (": Q1 reactive", &["5.8.t"]),
    (": Q2 reactive", &["6.8.t"]),
    (": Q3 reactive", &["7.8.t"]),
    (": Q4 reactive", &["8.8.t"]),
    ("demand: forward active", &["1.6.t"]),
    ("demand: forward reactive", &["3.6.t"]),
    ("demand: reverse active", &["2.6.t"]),
    ("demand: reverse reactive", &["4.6.t"]),
    (" month: forward active", &["1.6.t"]),
    (" month: forward reactive", &["3.6.t"]),
    (" month: reverse active", &["2.6.t"]),
    (" month: reverse reactive", &["4.6.t"]),
    ("forward active+reactive, Q1, Q4 registers", &["1.8.t", "3.8.t", "5.8.t", "8.8.t"]),
    ("reverse active+reactive, Q2, Q3 registers", &["2.8.t", "4.8.t", "6.8.t", "7.8.t"]),
    ("freeze: forward demands", &["1.6.t", "3.6.t"]),
    ("freeze: reverse demands", &["2.6.t", "4.6.t"]),
    ("phase register: forward active", &["21.8.0", "41.8.0", "61.8.0"]),
    ("phase register: forward reactive", &["23.8.0", "43.8.0", "63.8.0"]),
    ("phase register: reverse active", &["22.8.0", "42.8.0", "62.8.0"]),
    ("phase register: reverse reactive", &["24.8.0", "44.8.0", "64.8.0"]),
    ("register forward active", &["1.8.0"]),
    ("register forward reactive", &["3.8.0"]),
    ("register reverse active", &["2.8.0"]),
    ("register reverse reactive", &["4.8.0"]),
    ("curve: register Q1", &["5.8.0"]),
    ("curve: register Q2", &["6.8.0"]),
    ("curve: register Q3", &["7.8.0"]),
    ("curve: register Q4", &["8.8.0"]),
    ("curve: P", &["16.7.0"]),
    ("curve: Pb", &["56.7.0"]),
    ("curve: Q", &["3.7.0"]),
    ("curve: Qc", &["63.7.0"]),
    ("curve: Ua", &["32.7.0"]),
    ("curve: Ub", &["52.7.0"]),
    ("curve: Uc", &["72.7.0"]),
    ("curve: Ia", &["31.7.0"]),
    ("curve: Ib", &["51.7.0"]),
    ("curve: Ic", &["71.7.0"]),
    ("curve: PF total", &["13.7.0"]),
    ("curve: PF B", &["53.7.0"]),
];

/// The length test does not see fields of one width that have changed places; the names of the rows do.
#[test]
fn rows_hold_the_items_that_their_names_say() {
    let mut seen = vec![0; NAMED.len()];
    for row in catalog::rows().iter().filter(|row| matches!(row.afn.0, 0x0C | 0x0D)) {
        // The longest ending that fits: "demand: forward active" before ": forward active".
        let fitting = NAMED.iter().enumerate().filter(|(_, (end, _))| row.name_en.ends_with(end));
        let Some((place, (_, items))) = fitting.max_by_key(|(_, (end, _))| end.len()) else { continue };
        if row.name_en.starts_with("energy of the ") {
            continue;
        }
        let fields = row.up.layouts()[0].fields();
        let found: Vec<String> = fields
            .filter_map(|field| field.item)
            .map(|item| {
                format!("{}.{}.{}", item.c, item.d, item.e.map_or_else(|| "t".to_owned(), |e| e.to_string()))
            })
            .collect();
        assert_eq!(found, *items, "{} F{} {}", row.afn, row.function, row.name_en);
        seen[place] += 1;
    }
    assert!(seen.iter().all(|seen| *seen > 0), "{seen:?}");
    let inst = catalog::find(Afn::CLASS_1, 25).unwrap();
    let items: Vec<String> =
        inst.up.layouts()[0].fields().filter_map(|field| field.item).map(|item| item.c.to_string()).collect();
    assert_eq!(
        items.join(" "),
        "16 36 56 76 3 23 43 63 13 33 53 73 32 52 72 31 51 71 9 29 49 69",
        "the present values of a point"
    );
}

/// Every row that holds neutral items gives them as readings, at the instant its kind promises, and no other row does.
#[test]
fn rows_with_items_give_readings_at_their_instants() {
    let (mut rows_seen, mut readings_seen) = (0, 0);
    for row in catalog::rows().iter().filter(|row| matches!(row.afn.0, 0x0C | 0x0D)) {
        let layout = &row.up.layouts()[0];
        let items = layout.fields().filter(|field| field.item.is_some()).count();
        let values = draw(layout, 11, Some(4), &|_| false);
        let identifier = Identifier::of(Point::new(7).unwrap(), FnNumber::new(row.function).unwrap());
        let mut units = identifier.wire().to_vec();
        catalog::write(layout, &values, &mut units).unwrap();
        let message = Message {
            code: LengthCode::GDW_376,
            control: Control::DATA,
            address: AddressField::from_wire([0; 5]),
            afn: row.afn,
            seq: Seq::single(0),
            units: &units,
            auxiliary: Auxiliary::default(),
        };
        let cut = unit::cut(&message);
        let name = format!("{} F{}", row.afn, row.function);
        let [unit] = cut.units.as_slice() else { panic!("{name}: {:?}", cut.rest) };
        let readings = reading::readings(unit);
        assert_eq!(readings.is_empty(), items == 0, "{name}");
        let date = |role| {
            unit.values.iter().find(|decoded| decoded.field.role == role).and_then(|decoded| {
                match decoded.value {
                    Value::Time(time) => time.civil(),
                    _ => None,
                }
            })
        };
        for reading in &readings {
            let wanted = match row.as_of {
                AsOf::Day => date(Role::Day).unwrap().end_of_day(),
                AsOf::Month => date(Role::Month).unwrap().end_of_month(),
                AsOf::Read => date(Role::ReadAt),
                // The steps of curves have a test of their own; here the first point.
                AsOf::Curve => readings[0].as_of.and(reading.as_of),
                AsOf::Untold => None,
            };
            assert_eq!(reading.as_of, wanted, "{name}");
            assert_eq!(row.as_of == AsOf::Untold, reading.as_of.is_none(), "{name}");
            assert!(reading.value.is_ok(), "{name}");
            assert_eq!(reading.occurred_at.is_some(), reading.item.d == 6, "{name}");
            assert_eq!(
                reading.read_at,
                reading.read_at.filter(|_| layout.fields().any(|f| f.role == Role::ReadAt))
            );
        }
        if row.as_of == AsOf::Curve && items > 0 {
            assert_eq!(readings[0].as_of, date(Role::Start), "{name}");
        }
        rows_seen += usize::from(items > 0);
        readings_seen += readings.len();
    }
    println!("{rows_seen} items give readings, {readings_seen} of them");
    assert_eq!(rows_seen, ROWS_WITH_ITEMS);
}

/// How many items of classes 1 and 2 are mapped to neutral items.
const ROWS_WITH_ITEMS: usize = 59 + 82;

#[test]
fn neutral_items_stand_where_an_instant_is_told_and_units_agree() {
    for (row, side, layout) in layouts() {
        for field in layout.fields().filter(|field| field.item.is_some()) {
            let item = field.item.unwrap();
            let unit = match (item.d, item.c % 20) {
                (8, 1 | 2 | 15) => "kWh",
                (8, 3..=8) => "kvarh",
                (6, 1 | 2) => "kW",
                (6, 3..=8) => "kvar",
                (7, 16) => "kW",
                (7, 3) => "kvar",
                (7, 9) => "kVA",
                (7, 13) => "%",
                (7, 12) => "V",
                (7, 11) => "A",
                other => panic!("{other:?} of {}", field.key),
            };
            assert_eq!(field.unit, unit, "{}", field.key);
            assert_eq!(side, "up", "{} F{}", row.afn, row.function);
        }
        // What is given as of an instant has items, or there would be nothing to give.
        if row.as_of == AsOf::Curve
            && layout.first().is_some_and(|field| field.role == Role::Start)
            && side == "up"
        {
            assert!(layout.fields().any(|field| field.key == "points"), "F{}", row.function);
        }
    }
}

#[test]
fn what_runs_past_the_end_is_told_with_its_place() {
    let row = catalog::find(Afn::CLASS_2, 161).unwrap();
    let layout = &row.up.layouts()[0];
    let data = [0x20, 0x08, 0x24, 0x15, 0x00, 0x21, 0x08, 0x24, 0x04, 0x00, 0x56, 0x34];
    let error = catalog::read(layout, &data).unwrap_err();
    assert_eq!(error.to_string(), "fwd_act at byte 9 needs 5 bytes, 3 are left");
    let events = catalog::find(Afn::CLASS_3, 1).unwrap();
    let no_bytes = [1, 2, 3, 4, 0x15, 0x05, 1, 2];
    let error = catalog::read(&events.up.layouts()[0], &no_bytes).unwrap_err();
    assert_eq!(error.to_string(), "event_body at byte 6 needs 5 bytes, 2 are left");
}
