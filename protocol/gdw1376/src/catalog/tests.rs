use super::*;

#[test]
fn the_tables_are_sound() {
    assert_eq!(check(), Ok(()));
    assert_eq!(rows().len(), 521);
    let twice =
        rows().windows(2).find(|pair| (pair[0].afn, pair[0].function) == (pair[1].afn, pair[1].function));
    assert_eq!(twice, None);
    assert_eq!(event_kinds().len(), 41);
    assert!(event_kinds().iter().map(|kind| kind.code).eq(1..=41));
    for row in rows() {
        assert!("ABC".contains(row.confidence), "{} F{}", row.afn, row.function);
        assert!(!row.name_en.is_empty() && row.name_en.is_ascii(), "{} F{}", row.afn, row.function);
        assert!(!row.name_zh.is_ascii(), "{} F{}: {}", row.afn, row.function, row.name_zh);
    }
}

/// The items whose data cannot be cut off, by AFN; a change of this list is a change of what the crate can read.
#[test]
fn where_reading_stops_is_known_by_number() {
    let stops = |of: fn(&Row) -> &Shape| -> Vec<String> {
        let unknown = rows().iter().filter(|row| *of(row) == Shape::Unknown);
        unknown.map(|row| format!("{}F{}", row.afn, row.function)).collect()
    };
    let both: Vec<String> = [
        ("03", &[1, 2, 3, 4][..]),
        ("06", &[1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21]),
        ("0B", &[1, 2]),
        ("10", &[12, 13]),
    ]
    .iter()
    .flat_map(|(afn, list)| list.iter().map(move |number| format!("{afn}F{number}")))
    .collect();
    let down: Vec<String> = ["04F37", "04F104", "04F106"].map(str::to_owned).to_vec();
    let up: Vec<String> = ["09F9", "0AF37", "0AF104", "0AF106"].map(str::to_owned).to_vec();
    let sorted = |lists: [&Vec<String>; 2]| {
        let mut all: Vec<String> = lists.into_iter().flatten().cloned().collect();
        all.sort();
        all
    };
    let of = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(of(stops(|row| &row.down)), sorted([&both, &down]));
    assert_eq!(of(stops(|row| &row.up)), sorted([&both, &up]));
}

#[test]
fn layouts_of_the_language_and_none_of_another() {
    let fields = field::Fields::parse("x\t\t\t\tx\tx\ny\t\t\t\ty\ty\n").unwrap();
    let parse = |text| Layout::parse(text, &fields);
    for sound in [
        "-",
        "x:A14",
        "x=n:BIN1,{y:A12,y:HEX[n-4]}*n+1",
        "x:BS64,y:ASCII[n]",
        "x:HEX[*]",
        "x=a:BIN1,{y=b:BIN1,{x:A1}*ring(a,b)}*ones(a)",
        "x=n:BS8,y:BIN2*low7(n)",
        "x=m:BIN1,y:A7*hour(m)",
    ] {
        assert!(parse(sound).is_some(), "{sound}");
    }
    for wrong in [
        "",
        "z:A14",
        "x",
        "x:A28",
        "x:A0",
        "x:BIN9",
        "x:BS7",
        "x:HEX",
        "x:HEX[n",
        "x:A14*0",
        "x:A14*n*n",
        "x:A14*ones",
        "x:A14*twice(n)",
        "{x:A14}",
        "{x:A14}n",
        "x=nn:BIN1",
        "x:A14,",
        "x:QQ4",
        "x:BIN",
        "x:A14*é",
    ] {
        assert_eq!(parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_fault_in_a_table_is_told_with_its_line() {
    let fields = field::Fields::parse("x\t\t\t\tx\tx\n").unwrap();
    let fault = |text| table::parse(text, "t", &fields, &mut Vec::new()).unwrap_err();
    let row = "#head\n0C\t1\tPn\t-\tx:A14\tnone\t5\tA\tn\tn\t\n";
    assert_eq!(table::parse(row, "t", &fields, &mut Vec::new()), Ok(()));
    assert_eq!(fault("#\n\n0C\t1"), DataError { table: "t", line: 3, what: "columns" });
    assert_eq!(fault("GG\t1\tPn\t-\tx:A14\tnone\t5\tA\tn\tn\t").what, "afn");
    assert_eq!(fault("0C\t1\tPn\tx:A99\tx:A14\tnone\t5\tA\tn\tn\t").what, "down");
    assert_eq!(fault("0C\t1\tPn\t-\tx:A14\tday\t5\tA\tn\tn\t").what, "as_of without its date");
    assert_eq!(
        event::parse("300\tA\tn\tn\t?", &fields).unwrap_err().to_string(),
        "table events, line 1: erc"
    );
}

#[test]
fn densities_and_their_minutes() {
    let minutes: Vec<_> = [0, 1, 2, 3, 4, 253, 254, 255].map(minutes_of_density).to_vec();
    assert_eq!(minutes, [None, Some(15), Some(30), Some(60), None, None, Some(5), Some(1)]);
}
