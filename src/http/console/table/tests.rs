use super::*;
use crate::domain::access::Role;
use crate::http::console::view;

#[derive(Clone, Debug)]
struct Row {
    name: &'static str,
    count: i64,
}

fn columns() -> Vec<Column<Row>> {
    vec![
        Column::new("name", "名称", "Name", |row, _| row.name.to_owned()),
        Column::new("count", "数量", "Count", |row: &Row, _| row.count.to_string())
            .number()
            .by(|row| row.count),
        Column::new("note", "说明", "Note", |_: &Row, _| "-".to_owned()).unsorted(),
    ]
}

fn rows(names: &[&'static str]) -> Vec<Row> {
    (0..).zip(names).map(|(place, name)| Row { name, count: 100 - place }).collect()
}

fn asked(pairs: &[(&str, &str)]) -> Asked {
    Asked(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

fn table(asked: &Asked) -> Table<Row> {
    Table::new("", Phrase::new("表", "table"), Phrase::new("无", "none"), columns(), asked)
}

fn names(pairs: &[(&str, &str)], list: &[&'static str]) -> Vec<&'static str> {
    let table = table(&asked(pairs)).whole(rows(list), Language::English);
    table.rows.iter().map(|row| row.name).collect()
}

#[test]
fn a_list_is_sorted_filtered_and_cut_as_the_address_says() {
    let list = ["b", "a", "Ab"];
    assert_eq!(names(&[], &list), ["b", "a", "Ab"]);
    assert_eq!(names(&[("sort", "name")], &list), ["Ab", "a", "b"]);
    assert_eq!(names(&[("sort", "-name")], &list), ["b", "a", "Ab"]);
    assert_eq!(names(&[("sort", "count")], &list), ["Ab", "a", "b"], "as numbers");
    assert_eq!(names(&[("q", " AB ")], &list), ["Ab"]);
    assert_eq!(names(&[("q", "98")], &list), ["Ab"], "any column");
    let many: Vec<&str> = std::iter::repeat_n("x", 120).collect();
    assert_eq!(names(&[], &many).len(), 50);
    assert_eq!(names(&[("page", "3")], &many).len(), 20);
    assert_eq!(names(&[("page", "99")], &many).len(), 20, "the last one");
    assert_eq!(names(&[("page", "3"), ("csv", "all")], &many).len(), 120, "a file has all");
    assert_eq!(names(&[("print", "all")], &many).len(), 120, "and so has paper");
}

#[test]
fn t14_a_sort_that_is_no_column_counts_as_not_said() {
    for odd in ["note", "-note", "NAME", "1", "name;--", "--name", "name desc", "\0", "(SELECT 1)"] {
        let query = Query::of("", &columns(), &asked(&[("sort", odd)]));
        assert_eq!(query.sort(), None, "{odd}");
    }
    assert_eq!(Query::of("t", &columns(), &asked(&[("t-sort", "-name")])).sort(), Some(("name", true)));
    assert_eq!(Query::of("t", &columns(), &asked(&[("sort", "name")])).sort(), None, "of another table");
    for odd in ["-1", "0", "x", "99999999999999999999999"] {
        assert_eq!(Query::of("", &columns(), &asked(&[("page", odd)])).page(), 1, "{odd}");
    }
}

#[test]
fn links_keep_what_was_asked_and_change_one_thing() {
    let asked = asked(&[("day", "2026-11-28"), ("q", "王 & <b>"), ("page", "2")]);
    assert_eq!(asked.link(&[("page", None)]), "?day=2026-11-28&q=%E7%8E%8B%20%26%20%3Cb%3E");
    assert_eq!(asked.link(&[("q", None), ("page", Some("3"))]), "?day=2026-11-28&page=3");
    let table = table(&asked).cut(rows(&["x"; 51]), |_| "7\"".to_owned());
    let drawn = table.markup(&view::sample(Language::English, Role::Viewer)).into_string();
    for part in [
        r#"href="?day=2026-11-28&amp;q=%E7%8E%8B%20%26%20%3Cb%3E&amp;page=2&amp;after=7%22&amp;trail=%0A""#,
        r#"href="?day=2026-11-28&amp;q=%E7%8E%8B%20%26%20%3Cb%3E&amp;sort=name""#,
        r#"name="q" value="王 &amp; &lt;b&gt;""#,
        r#"<th scope="col" class="number">"#,
        r#"<input type="hidden" name="csv" value="all">"#,
        r#"<input name="reason" required"#,
    ] {
        assert!(drawn.contains(part), "{part} in {drawn}");
    }
}

#[test]
fn t13_hostile_cells_are_inert_on_the_page_and_in_the_file() {
    let hostile = [
        "<script>alert(1)</script>",
        "<svg onload=alert(1)>",
        "\"><img src=x onerror=alert(1)>",
        "=HYPERLINK(\"http://x\")",
        "+1+1",
        "-1-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "＝1",
        "abc\u{202e}gpj.exe",
        "nul\0here",
        "\u{feff}=1",
    ];
    let drawn = table(&Asked::default()).cut(rows(&hostile), |row| row.name.to_owned());
    let drawn = drawn.markup(&view::sample(Language::Chinese, Role::Viewer)).into_string();
    assert!(!drawn.contains("<script") && !drawn.contains("<svg") && !drawn.contains("<img"), "{drawn}");
    let file = table(&asked(&[("csv", "all")]))
        .cut(rows(&hostile), |row| row.name.to_owned())
        .file(Language::Chinese)
        .unwrap();
    assert!(file.starts_with("\u{feff}名称,数量,说明\r\n"), "{file}");
    for text in [&drawn, file.trim_start_matches('\u{feff}')] {
        let steers = |sign: char| (sign.is_control() && sign != '\r' && sign != '\n') || sign == '\u{202e}';
        assert!(!text.chars().any(steers), "{text}");
    }
    let mut reader = csv::Reader::from_reader(file.trim_start_matches('\u{feff}').as_bytes());
    let cells: Vec<String> =
        reader.records().flat_map(|row| row.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect();
    assert_eq!(cells.len(), hostile.len() * 3);
    for cell in cells {
        assert!(!cell.starts_with(['=', '+', '@', '\t', '\r', '＝']), "{cell}");
        assert!(!cell.starts_with('-'), "{cell}");
    }
}

#[test]
fn numbers_of_a_file_stay_numbers() {
    for (cell, written) in [
        ("-12.5", "-12.5"),
        ("12", "12"),
        ("-", "'-"),
        ("-1-1", "'-1-1"),
        ("--1", "'--1"),
        ("-1.2.3", "'-1.2.3"),
        ("+1", "'+1"),
    ] {
        assert_eq!(harmless(cell.to_owned()), written, "{cell}");
    }
}

#[test]
fn that_no_row_is_like_a_filter_is_not_that_there_is_none() {
    let drawn = |pairs: &[(&str, &str)], rows| {
        let table = table(&asked(pairs)).whole(rows, Language::English);
        table.markup(&view::sample(Language::English, Role::Viewer)).into_string()
    };
    assert!(drawn(&[], vec![]).contains(">none<"));
    let filtered = drawn(&[("q", "zzz")], rows(&["a"]));
    assert!(!filtered.contains(">none<") && filtered.contains("no row matches “zzz”"), "{filtered}");
}

#[test]
fn a_filter_finds_the_words_of_either_language() {
    let columns = || {
        vec![Column::new("word", "词", "Word", |_: &Row, language| {
            language.of("线路不通", "line down").to_owned()
        })]
    };
    let found = |language, words: &str| {
        let table = Table::new(
            "",
            Phrase::new("表", "table"),
            Phrase::new("无", "none"),
            columns(),
            &asked(&[("q", words)]),
        );
        table.whole(rows(&["a"]), language).rows.len()
    };
    for language in [Language::Chinese, Language::English] {
        assert_eq!((found(language, "线路"), found(language, "DOWN"), found(language, "x")), (1, 1, 0));
    }
}

#[test]
fn a_file_says_in_which_zone_its_times_are() {
    let columns = vec![
        Column::new("at", "时间", "At", |_: &Row, _| "2026-11-28 00:00:00".to_owned()),
        Column::new("name", "名称", "Name", |row: &Row, _| row.name.to_owned()),
    ];
    let asked = asked(&[("csv", "all")]);
    let table = Table::new("", Phrase::new("表", "table"), Phrase::new("无", "none"), columns, &asked);
    let file = table.whole(rows(&["a"]), Language::English).file(Language::English).unwrap();
    assert!(file.contains("At (UTC+8),Name\r\n"), "{file}");
}

#[test]
fn a_list_that_is_not_counted_leads_back_page_by_page() {
    let page = |pairs: &[(&str, &str)], total| {
        let table = table(&asked(pairs)).cut(rows(&["x"; 51]), |_| "next".to_owned()).counted(total);
        table.markup(&view::sample(Language::English, Role::Viewer)).into_string()
    };
    let first = page(&[], Some(1234));
    assert!(first.contains("?after=next&amp;trail=%0A\"") && !first.contains("Previous"), "{first}");
    assert!(first.contains("1,234 rows") && !page(&[], None).contains(" rows"));
    let third = page(&[("after", "b"), ("trail", "\n\na")], None);
    assert!(third.contains("rel=\"prev\" href=\"?after=a&amp;trail=%0A\""), "{third}");
    assert!(third.contains("?after=next&amp;trail=%0A%0Aa%0Ab\""), "{third}");
    let second = page(&[("after", "a"), ("trail", "\n")], None);
    assert!(second.contains("rel=\"prev\" href=\"?after=&amp;trail=\""), "{second}");
    // Sorting and looking for something else begin anew.
    assert!(!third.contains("sort=name&amp;trail") && !third.contains("name=\"trail\""), "{third}");
    let long = "\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n19\n20\n21\n22";
    let long = page(&[("after", "x"), ("trail", long)], None);
    assert!(long.contains("trail=%0A4%0A5") && !long.contains("trail=%0A1%0A2%0A3%0A4%0A5%0A6%0A7%0A8%0A9%0A10%0A11%0A12%0A13%0A14%0A15%0A16%0A17%0A18%0A19%0A20%0A21%0A22%0Ax"), "it does not grow for ever: {long}");
}

#[test]
fn a_column_of_the_file_stands_in_no_page_and_is_filtered_by() {
    let columns = || {
        vec![
            Column::new("name", "名", "Name", |row: &Row, _| row.name.to_owned()),
            Column::new("more", "另", "More", |_: &Row, _| "zzz".to_owned()).in_file(),
        ]
    };
    let drawn = |pairs: &[(&str, &str)]| {
        let caption = Phrase::new("表", "Table");
        Table::new("", caption, caption, columns(), &asked(pairs)).whole(rows(&["a"]), Language::English)
    };
    let text = drawn(&[("q", "zzz")]).markup(&view::sample(Language::English, Role::Viewer)).into_string();
    assert!(text.contains(">a<") && !text.contains("More"), "{text}");
    let file = drawn(&[("csv", "all")]).file(Language::English).unwrap();
    assert_eq!(file, "\u{feff}Name,More\r\na,zzz\r\n");
}
