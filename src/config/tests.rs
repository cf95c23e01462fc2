//! Whole files: what is said about a bad one, and what holds after a good one.

mod example;

use proptest::prelude::*;

use super::*;

const LEAST: &str = "[database]\npath = \"a.db\"\n";

fn parse(text: &str) -> Result<Loaded, ConfigError> {
    Config::parse(Path::new("/etc/chaobiao/c.toml"), text)
}

/// Where and what, for each fault.
fn faults(text: &str) -> Vec<String> {
    let Err(ConfigError::Faulty(Faults(faults))) = parse(text) else { panic!("no fault in {text}") };
    let place = |fault: &Fault| fault.line.map_or_else(String::new, |line| line.to_string());
    faults.iter().map(|fault| format!("{} {}: {}", place(fault), fault.key, fault.kind())).collect()
}

/// The faults of a file that has this and a database.
fn faults_of(text: &str) -> Vec<String> {
    faults(&format!("{LEAST}{text}"))
}

#[test]
fn the_least_file_has_a_database_and_paths_begin_at_its_directory() {
    let config = parse(LEAST).unwrap().config;
    assert_eq!(config.database.place, DatabasePlace::Sqlite("/etc/chaobiao/a.db".into()));
    assert_eq!(config.capture.directory, Path::new("/etc/chaobiao/capture"));
    assert_eq!(config.collection.start.to_string(), "00:05");
    assert!(config.lines.is_empty());
}

#[test]
fn f38_all_faults_of_a_file_are_told_together_with_their_lines() {
    let text = "\
[database]
path = \"a.db\"
pool = 3
[collection]
start = \"25:00\"
deadline = 600
passes = 21
registers = [\"1.8.0\", \"32.7.0\"]
[[line]]
name = \"east\"
serial = \"/dev/ttyUSB0\"
tcp = \"10.0.0.1:23\"
baud = 2401
[[line]]
name = \"east\"
[server]
listen = \"0.0.0.0:80\"
";
    assert_eq!(
        faults(text),
        [
            "3 database.pool: unknown",
            "5 collection.start: expected",
            "6 collection.deadline: expected",
            "7 collection.passes: expected",
            "8 collection.registers: expected",
            "12 line[1].tcp: one of",
            "13 line[1].baud: expected",
            "14 line[2].serial: one of",
            "15 line[2].name: taken",
            "16 server: unknown",
        ]
    );
}

#[test]
fn a_fault_says_where_what_and_what_to_do_in_both_languages() {
    let error =
        parse("[database]\npath = \"a.db\"\n[collection]\npasses = 99\nstrat = \"00:01\"\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the configuration has 2 faults  配置有 2 处错误\n\
         /etc/chaobiao/c.toml:4: collection.passes = 99\n    \
             expected a whole number, 0 to 20\n    应为整数，0 至 20\n\
         /etc/chaobiao/c.toml:5: collection.strat\n    \
             there is no such key; did you mean start?\n    没有这个键，是否应为 start？"
    );
}

#[test]
fn f38_an_empty_file_is_no_configuration() {
    for text in ["", "\n# nothing\n", "[database]\n"] {
        assert!(faults(text).iter().any(|fault| fault.ends_with("database.url_file: one of")), "{text:?}");
    }
}

#[test]
fn what_is_no_toml_is_told_with_its_lines_and_the_rest_is_still_judged() {
    let found = faults("[database]\npath = a.db\n[collection\npasses = 3\npasses = 4\nstart = \"x\"\n");
    assert!(found.iter().any(|fault| fault.starts_with("2 : syntax")), "{found:?}");
    assert!(found.iter().any(|fault| fault.starts_with("3 : syntax")), "{found:?}");
    assert!(!found.iter().any(|fault| fault.contains("one of")), "{found:?}");
}

#[test]
fn values_that_contradict_each_other_are_told_once() {
    assert_eq!(
        faults_of("[collection]\nstart = \"06:00\"\ndeadline = \"05:00\"\n"),
        ["5 collection.deadline: not after"]
    );
    assert_eq!(
        faults_of("[collection]\nstart = \"07:00\"\ndeadline = \"5 o'clock\"\n"),
        ["5 collection.deadline: expected"]
    );
}

#[test]
fn lines_that_dial_in_need_a_port_and_are_told_apart() {
    let line = |name: &str, place: &str| format!("[[line]]\nname = \"{name}\"\n{place}\n");
    let text = line("a", "registration = \"DTU1\"") + &line("b", "registration_hex = \"44 54 55 31 32\"");
    assert_eq!(
        faults_of(&text),
        ["5 line[1].registration: needs", "8 line[2].registration_hex: taken"],
        "one packet begins with the other"
    );
    let listening = "[dtu]\nlisten = \"0.0.0.0:9645\"\n".to_owned() + &line("a", "source = \"10.0.0.7\"");
    let config = parse(&format!("{LEAST}{listening}")).unwrap().config;
    assert_eq!(config.lines[0].place, LinePlace::From("10.0.0.7".parse().unwrap()));
}

#[test]
fn sections_of_the_wrong_kind_are_told() {
    assert_eq!(faults_of("[line]\nname = \"a\"\n"), ["3 line: expected"]);
    assert_eq!(faults("log = 3\n[database]\npath = \"a\"\n"), ["1 log: expected"]);
}

#[test]
fn t24_a_secret_in_the_wrong_place_is_not_repeated() {
    for text in [
        "[database]\nurl = \"postgres://amr:canary@db/amr\"\n",
        "[database]\nurl_file = \"postgres://amr:canary@db/amr\"\n",
        "[database]\npath = \"postgres://amr:canary@db/amr\"\n",
        "[database]\nurl_file = postgres://amr:canary@db/amr\n",
    ] {
        let error = parse(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}

#[test]
fn t24_the_database_address_comes_from_a_file_and_is_listed_without_its_password() {
    let directory = directory("url");
    std::fs::write(directory.join("url"), "postgres://amr:canary@db.site/amr\n").unwrap();
    let file = directory.join("c.toml");
    std::fs::write(&file, "[database]\nurl_file = \"url\"\n").unwrap();
    let loaded = Config::load(&file).unwrap();
    let DatabasePlace::Postgres(url) = &loaded.config.database.place else { panic!("no url") };
    assert_eq!(url.with_password(), "postgres://amr:canary@db.site/amr");
    let listed = Listing(&loaded.effective).to_string();
    assert!(listed.contains("url_file = \"url\"  # postgres://amr:******@db.site/amr"), "{listed}");
    assert!(!format!("{listed}{loaded:?}").contains("canary"));

    std::fs::write(directory.join("url"), "canary").unwrap();
    let error = Config::load(&file).unwrap_err().to_string();
    assert!(error.contains("url_file = \"url\"\n    the file must hold one line, postgres://"), "{error}");
    std::fs::remove_file(directory.join("url")).unwrap();
    let error = Config::load(&file).unwrap_err().to_string();
    assert!(error.contains("there is no such file"), "{error}");
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn profiles_of_a_directory_are_read_and_their_faults_come_with_the_others() {
    let directory = directory("profiles");
    let file = directory.join("c.toml");
    std::fs::write(
        &file,
        "[database]\npath = \"a.db\"\n[profiles]\ndirectory = \".\"\n[log]\nlevel = \"all\"\n",
    )
    .unwrap();
    std::fs::write(
        directory.join("odd.toml"),
        "name = \"645-1997\"\nabout = \"odd\"\nlike = \"645-2007\"\n[[difference]]\nid = \"9010\"\nbytes = 4\n",
    )
    .unwrap();
    let error = Config::load(&file).unwrap_err().to_string();
    for said in [
        "c.toml:6: log.level = \"all\"",
        "c.toml: ",
        "odd.toml:1: name = \"645-1997\"\n    is already taken",
        "odd.toml:3: like = \"645-2007\"\n    expected a profile that is built in",
        "odd.toml:5: difference[1].id = \"9010\"\n    expected identifiers of 8 digits",
    ] {
        assert!(error.contains(said) || said == "c.toml: ", "{said} in {error}");
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn half_of_tls_and_half_of_a_terminal_to_dial_are_faults() {
    let text = "[database]\npath = \"a.db\"\n[terminals]\ntls_key = \"k\"\n[[terminal_dial]]\nto = \"a:1\"\n\
        [[terminal_dial]]\naddress = \"1100-3039\"\nto = \"a:2\"\n\
        [[terminal_dial]]\naddress = \"110012345\"\nto = \"a:2\"\n";
    let error = parse(text).unwrap_err().to_string();
    for said in [
        "terminals.tls_key",
        "has no effect without terminals.tls_certificate",
        "terminal_dial[1].to",
        "has no effect without address",
        "terminal_dial[3].address",
        "terminal_dial[3].to",
        "line 7 has the same",
    ] {
        assert!(error.contains(said), "{said} in {error}");
    }
}

proptest! {
    #[test]
    fn whatever_becomes_of_a_file_it_is_judged(
        cuts in prop::collection::vec((0_usize..EXAMPLE.len(), 0_usize..40, "[a-z0-9=\\[\\]\".: #\n号-]{0,12}"), 1..6),
    ) {
        let mut bytes = EXAMPLE.replace("\n# ", "\n").into_bytes();
        for (at, length, put) in cuts {
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, put.into_bytes());
        }
        match parse(&String::from_utf8_lossy(&bytes)) {
            Ok(loaded) => prop_assert!(!loaded.effective.is_empty()),
            Err(error) => prop_assert!(error.to_string().contains("fault")),
        }
    }
}

/// An empty directory of this test's own.
fn directory(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("chaobiao-config-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}
