//! `chaobiao config` and `chaobiao secrets` as a user meets them.
#![expect(clippy::unwrap_used, reason = "a failing step must end its test")]

use std::process::{Command, Output};

fn chaobiao(arguments: &[&str]) -> Output {
    run("config", arguments)
}

fn run(command: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_chaobiao")).arg(command).args(arguments).output().unwrap()
}

#[test]
fn the_example_is_printed_and_passes_the_check() {
    let file = std::env::temp_dir().join(format!("chaobiao-example-{}.toml", std::process::id()));
    let example = chaobiao(&["example"]);
    std::fs::write(&file, &example.stdout).unwrap();
    let check = chaobiao(&["check", "-c", file.to_str().unwrap()]);
    assert_eq!((example.status.code(), check.status.code()), (Some(0), Some(0)));
    let listed = String::from_utf8(check.stdout).unwrap();
    assert!(listed.contains("[collection]\nstart = \"00:05\"  # default\n"), "{listed}");
    std::fs::remove_file(file).unwrap();
}

#[test]
fn a_bad_file_is_exit_code_2_and_its_faults_are_said() {
    let file = std::env::temp_dir().join(format!("chaobiao-bad-{}.toml", std::process::id()));
    std::fs::write(&file, "[database]\npath = \"a.db\"\n[log]\nlevel = \"all\"\n").unwrap();
    let name = file.to_str().unwrap();
    let check = chaobiao(&["check", "-c", name]);
    assert_eq!((check.status.code(), check.stdout.len()), (Some(2), 0));
    let said = String::from_utf8(check.stderr).unwrap();
    assert!(
        said.contains(&format!("{name}:4: log.level = \"all\"\n    expected one of \"error\"")),
        "{said}"
    );
    let check = chaobiao(&["check", "--json", "-c", name]);
    let fault: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
    assert_eq!((fault["line"].as_u64(), fault["kind"].as_str()), (Some(4), Some("expected")));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(chaobiao(&["check", "-c", name]).status.code(), Some(2), "no such file");
}

#[test]
fn t07_a_bad_list_of_revoked_certificates_is_a_fault_of_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amr.toml");
    let list = folder.path().join("terminals.crl");
    let tls = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/terminal/tls");
    let check = |more: &str, ca: &str| {
        let text = format!(
            "[database]\npath = \"a.db\"\n[terminals]\ntls_certificate = \"{tls}/server.pem\"\n\
             tls_key = \"{tls}/server.key\"\ntls_client_ca = \"{tls}/{ca}.pem\"\n{more}"
        );
        std::fs::write(&file, text).unwrap();
        let check =
            |arguments: &[&str]| chaobiao(&[&["check", "-c", file.to_str().unwrap()], arguments].concat());
        let (check, json) = (check(&[]), check(&["--json"]));
        (check.status.code(), String::from_utf8(check.stderr).unwrap(), json)
    };
    assert_eq!(check("", "ca").0, Some(0));
    let (code, said, json) = check("tls_revoked = \"terminals.crl\"\n", "ca");
    assert_eq!(code, Some(2));
    assert!(said.contains("amr.toml:7: terminals.tls_revoked = ") && said.contains("文件不存在"), "{said}");
    let fault: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((fault["line"].as_u64(), fault["kind"].as_str()), (Some(7), Some("file")));
    std::fs::write(&list, "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n").unwrap();
    let (code, said, _) = check("tls_revoked = \"terminals.crl\"\n", "ca");
    assert!(code == Some(2) && said.contains("number 1 is none") && said.contains("第1份无法解析"), "{said}");
    let (code, said, _) = check("", "nobody");
    assert!(code == Some(2) && said.contains("amr.toml:4: terminals.tls_certificate"), "{said}");
}

#[test]
fn curves_that_meters_behind_terminals_cannot_give_are_warned_of_and_are_no_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amr.toml");
    let check = |period: &str| {
        let text = format!(
            "[database]\npath = \"a.db\"\n[terminals]\nlisten = \"127.0.0.1:9001\"\n[intervals]\nperiod = \"{period}\"\n"
        );
        std::fs::write(&file, text).unwrap();
        let check = chaobiao(&["check", "-c", file.to_str().unwrap()]);
        (check.status.code(), String::from_utf8(check.stderr).unwrap())
    };
    let (code, said) = check("20min");
    assert!(code == Some(0) && said.contains("[intervals] period") && said.contains("没有曲线"), "{said}");
    assert_eq!(check("15min"), (Some(0), String::new()));
}

#[test]
fn t20_t24_a_token_goes_without_encryption_to_this_machine_only() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amr.toml");
    let webhook = "[[alarm_webhook]]\nname = \"duty\"\nrobot = \"wecom\"\nurl_file = \"url\"\n";
    std::fs::write(&file, format!("[database]\npath = \"a.db\"\n{webhook}")).unwrap();
    for (host, code) in [("localhost:8080", 0), ("localhost.evil.example", 2), ("127.0.0.1.evil.example", 2)]
    {
        std::fs::write(folder.path().join("url"), format!("http://{host}/send?key=canary\n")).unwrap();
        let check = chaobiao(&["check", "-c", file.to_str().unwrap()]);
        let said = String::from_utf8([check.stdout, check.stderr].concat()).unwrap();
        assert_eq!((check.status.code(), said.contains("canary")), (Some(code), false), "{host}: {said}");
    }
}

#[test]
fn two_receivers_by_files_have_directories_apart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amr.toml");
    let check = |first: &str, second: &str| {
        let receiver = |name: &str, directory: &str| {
            format!("[[billing.receivers]]\nname = \"{name}\"\nkind = \"csv\"\ndirectory = \"{directory}\"\n")
        };
        let (erp, copy) = (receiver("erp", first), receiver("copy", second));
        std::fs::write(&file, format!("[database]\npath = \"a.db\"\n{erp}{copy}")).unwrap();
        let check = chaobiao(&["check", "-c", file.to_str().unwrap()]);
        (check.status.code(), String::from_utf8(check.stderr).unwrap())
    };
    assert_eq!(check("out/erp", "out/copy"), (Some(0), String::new()));
    assert_eq!(check("out", "out-copy"), (Some(0), String::new()));
    for (first, second) in [("out", "out/copy"), ("out/a/b", "out"), ("out", "./x/../out/copy")] {
        let (code, said) = check(first, second);
        assert_eq!(code, Some(2), "{first}, {second}");
        assert!(
            said.contains("directory = ") && said.contains("not inside that of another receiver"),
            "{said}"
        );
    }
    let (code, said) = check("out", "out/.");
    assert!(code == Some(2) && said.contains("already taken"), "{said}");
}

#[test]
fn t25_passwords_come_in_by_file_and_factory_ones_are_told_without_being_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let secrets = |arguments: &[&str]| {
        let output = run("secrets", arguments);
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    let (config, passwords) = (path("amr.toml"), path("passwords.csv"));
    let line = "[[line]]\nname = \"一号线\"\ntcp = \"127.0.0.1:7001\"\n";
    std::fs::write(&config, format!("[database]\npath = \"amr.db\"\n{line}")).unwrap();
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/archive/english-utf8.csv");
    let imported = run("meters", &["import", archive, "-c", &config, "--confirm"]);
    assert_eq!(imported.status.code(), Some(0), "{}", String::from_utf8(imported.stderr).unwrap());
    let (code, said) = secrets(&["check", "-c", &config]);
    assert!(code == Some(2) && said.contains("no key_file"), "{said}");
    assert_eq!(secrets(&["key", &path("secrets.key")]).0, Some(0));
    assert_eq!(secrets(&["key", &path("secrets.key")]).0, Some(1), "one that is there stays");
    let named = "[secrets]\nkey_file = \"secrets.key\"\n";
    std::fs::write(&config, format!("[database]\npath = \"amr.db\"\n{named}{line}")).unwrap();

    let bad = "address,level,password\n202411110001,2,739154\n888888888888,2,862043\nline 二号线,2,862043\n";
    std::fs::write(&passwords, bad).unwrap();
    let (code, said) = secrets(&["import", &passwords, "-c", &config]);
    assert!(code == Some(1) && said.contains("line 3:") && said.contains("line 4:"), "{said}");
    assert!(!said.contains("739154") && !said.contains("862043"), "{said}");

    let good = "address,level,password\n202411110001,2,739154\nline 一号线,2,111111\n";
    std::fs::write(&passwords, good).unwrap();
    let (code, said) = secrets(&["import", &passwords, "-c", &config]);
    assert!(code == Some(0) && said.contains("2 passwords kept"), "{said}");
    let (code, said) = secrets(&["check", "-c", &config]);
    assert!(code == Some(0) && said.contains("factory password: line 一号线, level 02"), "{said}");
    assert!(said.contains("2 passwords kept, 1 of them") && !said.contains("111111"), "{said}");
    let (_, said) = secrets(&["check", "--json", "-c", &config]);
    let last: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!((last["kept"].as_u64(), last["factory"].as_u64()), (Some(2), Some(1)));

    // Another key file takes over.
    assert_eq!(secrets(&["key", &path("new.key")]).0, Some(0));
    assert_eq!(secrets(&["rewrap", &path("new.key"), "-c", &config]).0, Some(0));
    let text = std::fs::read_to_string(&config).unwrap().replace("secrets.key", "new.key");
    std::fs::write(path("new.toml"), text).unwrap();
    assert_eq!(secrets(&["forget", "-c", &path("new.toml")]).0, Some(0));
    let (code, said) = secrets(&["check", "-c", &config]);
    assert!(code == Some(1) && said.contains("another key file"), "{said}");
    assert_eq!(secrets(&["check", "-c", &path("new.toml")]).0, Some(0));
    for name in ["amr.db", "amr.db-wal"] {
        let bytes = std::fs::read(path(name)).unwrap_or_default();
        let is_in = |digits: &[u8]| bytes.windows(6).any(|part| part == digits);
        assert!(!is_in(b"739154") && !is_in(b"111111"), "{name}");
    }
}

#[test]
fn f38_a_port_is_for_one_of_our_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("amr.toml");
    let check = |text: &str| {
        std::fs::write(&file, format!("[database]\npath = \"a.db\"\n{text}")).unwrap();
        let check = chaobiao(&["check", "-c", file.to_str().unwrap()]);
        (check.status.code(), String::from_utf8(check.stderr).unwrap())
    };
    let (code, said) = check("[dtu]\nlisten = \"0.0.0.0:9645\"\n[metrics]\nlisten = \"127.0.0.1:9645\"\n");
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains(":6: metrics.listen") && said.contains("[dtu] listen") && said.contains("端口相同"),
        "{said}"
    );
    let (code, said) = check("[terminals]\nlisten = \"0.0.0.0:8645\"\n");
    assert!(
        code == Some(2) && said.contains("[terminals] listen"),
        "the console has a port by default: {said}"
    );
    let apart = "[dtu]\nlisten = \"0.0.0.0:9002\"\n[metrics]\nlisten = \"127.0.0.1:9645\"\n[http]\nenabled = false\n[terminals]\nlisten = \"0.0.0.0:8645\"\n";
    assert_eq!(check(apart).0, Some(0));
}
