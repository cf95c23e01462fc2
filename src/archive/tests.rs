//! Files against the rules of the whole table: what is wrong is told with its place, and what is written is read back.

use proptest::prelude::*;

use super::*;
use crate::config::profile::Profiles;
use crate::domain::{
    Customer, CustomerClass, Day, Meter, MeterPath, MeterProtocol, MeteringPoint, Moment, Parity, PointRole,
    Transformers,
};

const HEADER: &str = "customer_number,point_number,meter_address,protocol,line";

fn lines_of(text: &str) -> Result<ArchiveFile, Faults> {
    read(text.as_bytes(), None, &Site::default())
}

/// Line, column, what was found and kind of every fault.
fn faults(text: &str) -> Vec<(u64, String, String, &'static str)> {
    let faults = lines_of(text).err().unwrap_or_default();
    let told = |fault: &Fault| {
        let (column, found) = (fault.column.clone(), fault.found.clone());
        (fault.line.unwrap_or(0), column.unwrap_or_default(), found.unwrap_or_default(), fault.kind())
    };
    faults.iter().map(told).collect()
}

fn kinds(text: &str) -> Vec<&'static str> {
    faults(text).into_iter().map(|(.., kind)| kind).collect()
}

#[test]
fn the_least_a_file_may_say() {
    let file = lines_of(&format!("{HEADER}\nC1,P1,1,645-2007,L1\n")).unwrap();
    let entry = &file.entries[0];
    assert_eq!(entry.meter.address.to_string(), "000000000001");
    assert_eq!(entry.meter.path, MeterPath::Line { line: "L1".to_owned(), baud: None, parity: None });
    assert_eq!((entry.transformers, entry.installed_at, entry.is_unprotected), (None, None, false));
    assert_eq!((file.entries.len(), file.encoding, file.ignored.len()), (1, Encoding::Utf8, 0));
}

#[test]
fn columns_stand_in_any_order_and_language_and_others_are_reported() {
    let text = "备注,规约,端口,meter_address,计量点编号,\"户号\",\nx,645-1997,L1,2,P2,C2,\n";
    let file = lines_of(text).unwrap();
    assert_eq!(file.ignored, ["备注", "#7"]);
    assert_eq!(file.entries[0].meter.protocol, MeterProtocol::Dlt1997);
}

#[test]
fn f38_an_empty_list_is_refused() {
    for (text, kind) in [("", "empty"), ("\n\n", "empty"), ("\u{FEFF}", "empty"), (HEADER, "header only")] {
        assert_eq!(kinds(text), [kind], "{text:?}");
    }
    assert_eq!(kinds(&format!("{HEADER}\n,,,,\n\n")), ["header only"]);
}

#[test]
fn f38_all_faults_of_an_archive_are_told_together_with_their_lines() {
    let text = format!(
        "{HEADER},line_note,vt,multiplier,first_reading,transformer_area,feeder\n\
         C1,P1,2.02411E+11,645-2007,L1,,,,,,\n\
         ,P2,２,645-2008,,,,,,,\n\
         \"C3\",\"P3\n\",3,645-2007,L1,,100,80,,,\n\
         C4,P3,3,645-2007,L1,,,,-5,,F1\n\
         C5,P5,5,645-2007,L1,x\n\
         C6,P3,3,645-2007,L1,,,,,,\n\
         C7,P7,3,645-2007,L1,,,,,,\n"
    );
    let at = |line: u64, column: &str, found: &str, kind| (line, column.to_owned(), found.to_owned(), kind);
    assert_eq!(
        faults(&text),
        [
            at(2, "meter_address", "2.02411E+11", "scientific"),
            at(3, "customer_number", "", "missing"),
            at(3, "meter_address", "２", "full width"),
            at(3, "protocol", "645-2008", "expected"),
            at(3, "line", "", "no path"),
            at(4, "multiplier", "80", "product"),
            at(6, "first_reading", "-5", "expected"),
            at(7, "", "", "cells"),
            at(9, "meter_address", "000000000003", "repeated meter"),
        ]
    );
}

#[test]
fn a_header_is_judged_before_its_lines() {
    for (text, expected) in [
        ("customer_number;point_number\n1;2\n", vec!["separator"]),
        ("户号\t计量点编号\n1\t2\n", vec!["separator"]),
        ("customer_number,point_number\n1,2\n", vec!["missing column"; 3]),
        (
            "customer_number,户号,point_number,meter_address,protocol,线路\n1,1,1,1,645-2007,L\n",
            vec!["repeated column"],
        ),
    ] {
        assert_eq!(kinds(text), expected, "{text}");
    }
    let repeated = faults("customer_number,户号,point_number,meter_address,protocol,线路,端口\n");
    assert_eq!(repeated.iter().map(|fault| fault.1.as_str()).collect::<Vec<_>>(), ["户号", "端口"]);
}

#[test]
fn a_meter_is_reached_one_way() {
    let header =
        "customer_number,point_number,meter_address,protocol,line,terminal,measuring_point,terminal_port";
    let of = |rest: &str| kinds(&format!("{header}\nC,P,1,645-2007,{rest}\n"));
    assert_eq!(of("L1,,,"), Vec::<&str>::new());
    assert_eq!(of(",1100-3039,7,"), Vec::<&str>::new());
    assert_eq!(of(",1100-3039,7,31"), Vec::<&str>::new());
    assert_eq!(of("L1,1100-3039,7,"), ["excludes"]);
    assert_eq!(of(",,,"), ["no path"]);
    assert_eq!(of(",,7,"), ["no path"]);
    assert_eq!(of("L1,,7,1"), ["needs", "needs"]);
    assert_eq!(of(",1100-3039,,"), ["needs"]);
    assert_eq!(of(",1100-3039,2041,32"), ["expected", "expected"]);
    let two = format!("{header}\nC,P,1,645-2007,,1100-3039,7,\nC,Q,2,645-2007,,1100-3039,7,\n");
    assert_eq!(kinds(&two), ["repeated measuring point"]);
}

#[test]
fn transformers_and_multiplier_agree() {
    let header = "customer_number,point_number,meter_address,protocol,line,ct,vt,multiplier";
    let of = |rest: &str| lines_of(&format!("{header}\nC,P,1,645-2007,L,{rest}\n"));
    let both = |ct: &str, vt: &str| Some(Transformers { ct: ct.parse().unwrap(), vt: vt.parse().unwrap() });
    for (rest, expected) in [
        (",,", None),
        (",,80", both("80", "1")),
        ("200/5,,", both("200/5", "1")),
        (",10000/100,", both("1", "10000/100")),
        ("200/5,10000/100,4000", both("200/5", "10000/100")),
        ("7.5/5,,1.5", both("7.5/5", "1")),
    ] {
        assert_eq!(of(rest).unwrap().entries[0].transformers, expected, "{rest}");
    }
    for (rest, expected) in [
        ("200/5,,80", "product"),
        ("1/3,,", "inexact"),
        (",,10000000", "inexact"),
        ("0,,", "expected"),
        (",,1.555", "expected"),
    ] {
        let found: Vec<_> = of(rest).unwrap_err().iter().map(Fault::kind).collect();
        assert_eq!(found, [expected], "{rest}");
    }
}

#[test]
fn protection_is_said_or_not_said() {
    let header = "customer_number,point_number,meter_address,protocol,line,保护,保护原因";
    let of = |rest: &str| {
        let file = lines_of(&format!("{header}\nC,P,1,645-2007,L,{rest}\n"));
        file.map(|file| (file.entries[0].point.protection.clone(), file.entries[0].is_unprotected))
            .map_err(|faults| faults.iter().map(Fault::kind).collect::<Vec<_>>())
    };
    assert_eq!(of(","), Ok((None, false)));
    assert_eq!(of("否,"), Ok((None, true)));
    assert_eq!(of("是,医院"), Ok((Some("医院".to_owned()), false)));
    assert_eq!(of("yes,"), Ok((Some(String::new()), false)));
    // It is safer to protect one too many.
    assert_eq!(of(",医院"), Ok((Some("医院".to_owned()), false)));
    assert_eq!(of("否,医院"), Ok((None, true)));
    assert_eq!(of("1,医院"), Err(vec!["expected"]));
}

#[test]
fn optional_columns_do_not_depend_on_one_another_and_what_cannot_be_kept_is_told() {
    let header = "customer_number,point_number,meter_address,protocol,line,transformer_area,feeder,route,reading_day,\
                  installed_at,first_reading,protected,protection_reason";
    let text = format!(
        "{header}\nC,P1,1,645-2007,L,,F1,,28,,5,no,hospital\nC,P2,2,645-2007,L,,F1,,7,,,,school\n\
         C,P3,3,645-2007,L,A1,F1,R1,7,2026-11-01,5,yes,school\n"
    );
    let file = lines_of(&text).unwrap();
    let of = |place: usize| {
        let entry = &file.entries[place];
        let protection = entry.point.protection.as_deref();
        (entry.feeder.as_deref(), entry.reading_day, entry.first_reading.is_some(), protection)
    };
    assert_eq!(of(0), (None, None, false, None));
    assert_eq!(of(1), (None, None, false, Some("school")));
    assert_eq!(of(2), (Some("F1"), Some(7), true, Some("school")));
    let told: Vec<_> = file
        .notices
        .iter()
        .map(|notice| (notice.column.as_str(), notice.line, notice.lines, notice.kind))
        .collect();
    assert_eq!(
        told,
        [
            ("protection_reason", 2, 1, NoticeKind::NotProtected),
            ("first_reading", 2, 1, NoticeKind::NoDay),
            ("feeder", 2, 2, NoticeKind::LeftOutWithout(Column::TransformerArea)),
            ("reading_day", 2, 2, NoticeKind::LeftOutWithout(Column::Route)),
            ("protection_reason", 3, 1, NoticeKind::Protects),
        ]
    );
    let words = NoticeKind::LeftOutWithout(Column::Route).words();
    assert!(words.zh.contains("“抄表段”（route）"), "{words:?}");
    assert!(of_words("L1,,7,1").zh.contains("“终端地址”（terminal）"));
}

/// What is said of the first fault of a meter that is reached like this.
fn of_words(rest: &str) -> crate::config::Words {
    let header =
        "customer_number,point_number,meter_address,protocol,line,terminal,measuring_point,terminal_port";
    let faults = lines_of(&format!("{header}\nC,P,1,645-2007,{rest}\n")).unwrap_err();
    faults.iter().next().unwrap().kind.words()
}

#[test]
fn entries_fit_the_configuration() {
    let text = "[database]\npath = \"a.db\"\n[[line]]\nname = \"L1\"\ntcp = \"127.0.0.1:7001\"\n";
    let config = crate::config::Config::parse(std::path::Path::new("a.toml"), text).unwrap().config;
    let site = Site {
        lines: Some(&config.lines),
        profiles: Some(&config.profiles),
        now: Some("2026-11-21".parse::<Day>().unwrap().start()),
    };
    let of = |line: &str, protocol: &str, profile: &str, installed_at: &str| {
        let text =
            format!("{HEADER},profile,installed_at\nC,P,1,{protocol},{line},{profile},{installed_at}\n");
        let faults = read(text.as_bytes(), None, &site).err().unwrap_or_default();
        faults.iter().map(Fault::kind).collect::<Vec<_>>()
    };
    assert_eq!(of("L1", "645-2007", "", "2026-11-21"), Vec::<&str>::new());
    assert_eq!(of("L1", "645-2007", "645-2007-three-phase", ""), Vec::<&str>::new());
    assert_eq!(of("L2", "645-2007", "mine", "2026-11-22"), ["unknown line", "unknown profile", "future"]);
    assert_eq!(of("L1", "645-2007", "645-1997", ""), ["other protocol"]);
    assert_eq!(of("L1", "modbus", "", ""), ["unknown profile"]);
    assert!(Profiles::default().named("645-1997").is_some());
}

#[test]
fn a_modbus_meter_has_a_unit_number_of_its_own_on_a_line() {
    let text = "[database]\npath = \"a.db\"\n[[line]]\nname = \"L1\"\ntcp = \"127.0.0.1:7001\"\n\
        [[line]]\nname = \"L2\"\ntcp = \"127.0.0.1:502\"\nframing = \"modbus-tcp\"\n";
    let config = crate::config::Config::parse(std::path::Path::new("a.toml"), text).unwrap().config;
    let site = Site { lines: Some(&config.lines), profiles: None, now: None };
    let header = format!("{HEADER},terminal,measuring_point");
    let of = |rows: &[&str]| {
        let rows: Vec<String> =
            rows.iter().enumerate().map(|(place, row)| format!("C{place},P{place},{row}\n")).collect();
        let faults =
            read(format!("{header}\n{}", rows.concat()).as_bytes(), None, &site).err().unwrap_or_default();
        faults.iter().map(|fault| (fault.line.unwrap(), fault.kind())).collect::<Vec<_>>()
    };
    for fine in ["1,modbus,L1,,", "247,modbus,L1,,", "880012000247,modbus,L2,,", "0,645-2007,L1,,"] {
        assert_eq!(of(&[fine]), [], "{fine}");
    }
    for unit in ["0", "248", "255", "1000", "880012000300"] {
        assert_eq!(of(&[&format!("{unit},modbus,L1,,")]), [(2, "expected")], "{unit}");
    }
    assert_eq!(of(&["1,645-2007,L2,,"]), [(2, "only modbus")]);
    assert_eq!(of(&["1,modbus,,1100-3039,7"]), [(2, "modbus behind terminal")]);
    // The same unit on two lines is two meters, on one line it would be one device.
    assert_eq!(of(&["1017,modbus,L1,,", "2017,modbus,L2,,", "3017,645-2007,L1,,"]), []);
    assert_eq!(of(&["1017,modbus,L1,,", "2017,modbus,L1,,"]), [(3, "repeated unit")]);
}

#[test]
fn very_many_faults_are_counted_and_the_first_are_kept() {
    let rows = "C,P,x,645-2007,L1\n".repeat(3000);
    let faults = lines_of(&format!("{HEADER}\n{rows}")).unwrap_err();
    assert_eq!((faults.count(), faults.iter().count()), (3000, 1000));
    let told = Told { faults: &faults, file: std::path::Path::new("a.csv"), most: 2 }.to_string();
    assert!(told.starts_with("a.csv has 3000 faults, nothing was changed  a.csv 有 3000 处错误"), "{told}");
    assert!(told.ends_with("and 2998 more  另有 2998 处"), "{told}");
    assert_eq!(told.matches("\na.csv:").count(), 2);
}

/// Texts as people write them, with all that is special in a table.
fn prose() -> impl Strategy<Value = String> {
    "[张三李四 a-z0-9,;\"'\n\r\t（）=@+-]{0,12}".prop_map(|text| {
        let text = text.trim().to_owned();
        if cell::text(&text, cell::TextKind::Prose).is_ok() { text } else { format!("户{text}") }
    })
}

fn number(prefix: &'static str) -> impl Strategy<Value = String> {
    "[A-Z0-9\"',/号 -]{0,10}".prop_map(move |text| format!("{prefix}{}", text.trim()))
}

fn path() -> impl Strategy<Value = MeterPath> {
    let baud = || proptest::option::of(prop::sample::select(vec![300_u32, 2400, 9600, 115_200]));
    let parity = || proptest::option::of(prop::sample::select(vec![Parity::None, Parity::Even, Parity::Odd]));
    let line = (number("L"), baud(), parity()).prop_map(|(line, baud, parity)| MeterPath::Line {
        line,
        baud,
        parity,
    });
    let port = proptest::option::of(1..=31_u8);
    let terminal = ("[0-9]{4}-[1-9A-E][0-9A-F]{3}", 1..=2040_u16, port, baud(), parity()).prop_map(
        |(terminal, measuring_point, port, baud, parity)| MeterPath::Terminal {
            terminal,
            measuring_point,
            port,
            baud,
            parity,
        },
    );
    prop_oneof![line, terminal]
}

fn meter() -> impl Strategy<Value = Meter> {
    let protocols = vec![MeterProtocol::Dlt2007, MeterProtocol::Dlt1997, MeterProtocol::Modbus];
    let asset = proptest::option::of(number("A"));
    let profile = proptest::option::of(number("p"));
    (0..999_999_999_999_u64, asset, prop::sample::select(protocols), profile, path()).prop_map(
        |(address, asset_number, protocol, profile, path)| {
            let is_behind_terminal = path.is_behind_terminal();
            let (protocol, address) = match protocol {
                // Such meters hang on lines, and have a unit number.
                MeterProtocol::Modbus if is_behind_terminal => (MeterProtocol::Dlt2007, address),
                MeterProtocol::Modbus => (protocol, address / 1000 * 1000 + address % 247 + 1),
                other => (other, address),
            };
            let address = dlt645::address::MeterAddress::from_number(address).unwrap();
            Meter { address, asset_number, protocol, profile, path }
        },
    )
}

fn customer() -> impl Strategy<Value = Customer> {
    let classes = vec![CustomerClass::Residential, CustomerClass::Commercial, CustomerClass::Important];
    (number("C"), prose(), proptest::option::of(prop::sample::select(classes)))
        .prop_map(|(number, name, class)| Customer { number, name, class })
}

fn transformers() -> impl Strategy<Value = Option<Transformers>> {
    let of = |ct: &str, vt: &str| Some(Transformers { ct: ct.parse().unwrap(), vt: vt.parse().unwrap() });
    prop::sample::select(vec![None, of("1", "1"), of("200/5", "10000/100"), of("7.5/5", "1"), of("80", "1")])
}

fn entry() -> impl Strategy<Value = ArchiveEntry> {
    let place = (
        proptest::option::of((number("台区"), proptest::option::of(number("F")))),
        proptest::option::of((number("R"), proptest::option::of(1..=28_u8))),
    );
    let since = proptest::option::of((315_561_600_000_000..1_800_000_000_000_000_i64, any::<bool>()));
    let since = (since, proptest::option::of(0..10_000_000_000_i64));
    let protection = prop_oneof![
        Just((None, false)),
        Just((None, true)),
        prose().prop_map(|reason| (Some(reason), false))
    ];
    let point = (number("P"), any::<bool>(), protection);
    (customer(), point, meter(), place, transformers(), since).prop_map(
        |(
            customer,
            (number, is_check, (protection, is_unprotected)),
            meter,
            (area, route),
            transformers,
            since,
        )| {
            let (area, feeder) = area.map_or((None, None), |(area, feeder)| (Some(area), feeder));
            let (route, reading_day) = route.map_or((None, None), |(route, day)| (Some(route), day));
            let day = |micros| Day::of(Moment::from_micros(micros)).start();
            let at = |(micros, whole)| if whole { day(micros) } else { Moment::from_micros(micros) };
            let installed_at: Option<Moment> = since.0.map(at);
            ArchiveEntry {
                point: MeteringPoint {
                    number,
                    customer: customer.number.clone(),
                    role: if is_check { PointRole::AreaCheck } else { PointRole::Customer },
                    area,
                    route,
                    protection,
                },
                customer,
                is_unprotected,
                feeder,
                reading_day,
                meter,
                transformers,
                first_reading: since.1.filter(|_| installed_at.is_some_and(|at| at.civil().is_some())),
                installed_at,
            }
        },
    )
}

/// Entries of which no two are the same thing.
fn entries() -> impl Strategy<Value = Vec<ArchiveEntry>> {
    prop::collection::vec(entry(), 1..8).prop_map(|entries| {
        let mut kept: Vec<ArchiveEntry> = Vec::new();
        for entry in entries {
            kept.push(entry);
            if !repeated(&kept).is_empty() {
                kept.pop();
            }
        }
        kept
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(entries in entries()) {
        for (headings, encoding) in [
            (Headings::Chinese, Encoding::Utf8),
            (Headings::Chinese, Encoding::Gbk),
            (Headings::English, Encoding::Utf8),
        ] {
            let bytes = write(&entries, headings, encoding).unwrap();
            let file = read(&bytes, None, &Site::default());
            let file = file.map_err(|faults| TestCaseError::fail(format!("{faults:?}")))?;
            prop_assert_eq!(&file.entries, &entries);
            prop_assert_eq!((file.encoding, file.ignored.len()), (encoding, 0));
        }
    }

    #[test]
    fn t13_no_cell_that_is_written_runs_in_a_spreadsheet(entries in entries()) {
        let bytes = write(&entries, Headings::Chinese, Encoding::Utf8).unwrap();
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        for record in reader.records() {
            for cell in record.unwrap().iter() {
                prop_assert!(cell.len() < 2 || !cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{:?}", cell);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes, None, &Site::default());
    }

    #[test]
    fn damaged_files_are_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        is_gbk: bool,
        cut in any::<prop::sample::Index>(),
        is_cut: bool,
    ) {
        let file: &[u8] = if is_gbk {
            include_bytes!("../../fixtures/archive/chinese-gbk.csv")
        } else {
            include_bytes!("../../fixtures/archive/english-utf8.csv")
        };
        let mut bytes = file.to_vec();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        match read(&bytes, None, &Site::default()) {
            Ok(file) => prop_assert!((1..=5).contains(&file.entries.len())),
            Err(faults) => prop_assert!(faults.iter().all(|fault| fault.line.is_none_or(|line| line <= 8))),
        }
    }

    #[test]
    fn any_cells_are_read_or_refused(cells in prop::collection::vec("[\\PC\n\"]{0,20}", 26..27), quoted: bool) {
        let all: Vec<&str> = Column::ALL.iter().map(|(_, en, _)| *en).collect();
        let cells: Vec<String> =
            cells.iter().map(|cell| if quoted { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.clone() }).collect();
        let text = format!("{}\n{}\n", all.join(","), cells.join(","));
        let read = read(text.as_bytes(), None, &Site::default());
        if let Err(faults) = read {
            prop_assert!(faults.iter().all(|fault| !fault.kind.words().zh.is_empty()));
        }
    }
}
