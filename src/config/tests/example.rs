//! The examples in `deploy/` know every key that is read, its default and its limits, and no other.

use std::collections::BTreeMap;

use super::*;

/// A key as an example has it.
#[derive(Debug)]
struct Shown {
    value: String,
    is_active: bool,
    /// The comment above it, on one line.
    comment: String,
}

/// Every key of an example, by section and name.
fn keys(text: &str) -> BTreeMap<(String, String), Shown> {
    let mut section = String::new();
    let mut comment = String::new();
    let mut keys = BTreeMap::new();
    for line in text.lines() {
        let uncommented = line.strip_prefix("# ").unwrap_or(line);
        let key = uncommented.split_once(" = ").filter(|(key, _)| is_key(key));
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, value)) = key {
            let is_active = !line.starts_with('#');
            let shown = Shown { value: value.to_owned(), is_active, comment: std::mem::take(&mut comment) };
            assert!(keys.insert((section.clone(), key.to_owned()), shown).is_none(), "{section}.{key} twice");
        } else if line.is_empty() {
            comment.clear();
        } else {
            comment = format!("{comment} {}", line.trim_start_matches("# "));
        }
    }
    keys
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// What a comment must say of the limits of a key: the end of what is expected, without quotes.
fn limits(expected: &str) -> String {
    let listed = expected.strip_prefix("one of ");
    let range = || expected.rsplit(", ").next().filter(|range| range.contains(" to "));
    listed.or_else(range).unwrap_or("").replace('"', "")
}

/// Judges an example by what was read from it.
fn judge(text: &str, effective: &[Effective]) {
    let mut shown = keys(text);
    for effective in effective {
        let section = effective.section.split('[').next().unwrap_or_default().to_owned();
        let name = format!("{section}.{}", effective.key);
        let Some(shown) = shown.remove(&(section, effective.key.to_owned())) else {
            panic!("the example leaves out {name}")
        };
        let comment = &shown.comment;
        assert!(
            comment.contains(&limits(&effective.expected.en)),
            "{name}: {} lack in {comment}",
            effective.expected.en
        );
        assert!(!comment.is_ascii(), "{name} is not explained in Chinese: {comment}");
        match &effective.value {
            Some(value) if effective.is_default => {
                assert!(!shown.is_active);
                assert_eq!(&shown.value, value, "default of {name}");
                assert!(comment.contains(&format!("Default {value}.")), "{name}: default lacks in {comment}");
            }
            _ => assert!(comment.contains("No default"), "{name}: {comment}"),
        }
    }
    assert!(shown.is_empty(), "nobody reads {shown:?}");
}

#[test]
fn the_example_has_every_key_its_default_and_its_limits() {
    let loaded = Config::parse(Path::new("chaobiao.toml"), EXAMPLE).unwrap();
    judge(EXAMPLE, &loaded.effective);
}

#[test]
fn the_example_profile_has_every_key_its_default_and_its_limits() {
    let file = Path::new("five-byte-energies.toml");
    let text = include_str!("../../../deploy/profiles/five-byte-energies.toml");
    let built_in: Vec<_> = Profiles::default().all().cloned().collect();
    let (profile, faults, effective) =
        Source::new(file, text).read(|root| profile::read(root, &built_in, &built_in[0]));
    assert!(faults.is_empty(), "{faults:?}");
    judge(text, &effective);
    let difference = profile.difference("00010000".parse().unwrap()).unwrap();
    assert_eq!((difference.bytes, difference.decimals), (5, Some(4)));
    assert_eq!(profile.most_watts, 66_000, "of the profile that it begins with");
}

#[test]
fn the_example_register_map_has_every_key_its_default_and_its_limits() {
    let file = Path::new("modbus-example.toml");
    let text = include_str!("../../../deploy/profiles/modbus-example.toml");
    let built_in: Vec<_> = Profiles::default().all().cloned().collect();
    let (profile, faults, effective) =
        Source::new(file, text).read(|root| profile::read(root, &built_in, &built_in[0]));
    assert!(faults.is_empty(), "{faults:?}");
    // The first row is explained; those behind it are alike.
    let begins = text.match_indices("[[register]]").nth(1).unwrap().0;
    let is_of_another = |section: &str| section.starts_with("register[") && section != "register[1]";
    let effective: Vec<_> = effective.into_iter().filter(|key| !is_of_another(&key.section)).collect();
    judge(&text[..begins], &effective);
    assert_eq!((profile.map.rows().count(), profile.tariffs), (13, 4));
    let spans: Vec<_> =
        profile.map.spans(|_| true).iter().map(|span| (span.table, span.start, span.count)).collect();
    use crate::domain::modbus::Table::{Holding, Input};
    assert_eq!(spans, [(Holding, 4096, 12), (Input, 0, 6), (Input, 8, 2)]);
}

#[test]
fn what_holds_is_listed_as_a_file_that_says_the_same() {
    let loaded = parse(&EXAMPLE.replace("# baud = 2400", "baud = 9600")).unwrap();
    let listed = Listing(&loaded.effective).to_string();
    assert!(listed.contains("\n[[line]]\nname = \"line 1\"\n"), "{listed}");
    assert!(listed.contains("baud = 9600\n"), "{listed}");
    assert!(listed.contains("parity = \"even\"  # default\n"), "{listed}");
    assert_eq!(parse(&listed).unwrap().config, loaded.config);
}
