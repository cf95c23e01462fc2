//! A password of its own for each run, looked for in everything that a run leaves behind (T24).

use std::path::Path;
use std::sync::{Arc, Mutex};

use chaobiao::config::Capture;
use chaobiao::link::{CaptureSettings, Captures};
use chaobiao::store::AuditFilter;
use chaobiao::supply::field::FieldOrder;
use dlt645::password::OperatorCode;
use dlt645::relay::Command;
use ring::rand::{SecureRandom, SystemRandom};
use tracing_subscriber::fmt::MakeWriter;

use crate::rig::{Home, Meddling, PASSWORD, Rig, file, wire};

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// How a password may stand somewhere.
fn forms(password: &str) -> Vec<Vec<u8>> {
    forms_of(password, &wire(password))
}

/// How a secret may stand somewhere: as it is written, as it goes over the wire, and with 33H added.
fn forms_of(written: &str, plain: &[u8]) -> Vec<Vec<u8>> {
    let plain = plain.to_vec();
    let added: Vec<u8> = plain.iter().map(|byte| byte.wrapping_add(0x33)).collect();
    let reversed = |bytes: &[u8]| bytes.iter().rev().copied().collect::<Vec<u8>>();
    let mut forms = vec![written.as_bytes().to_vec()];
    for bytes in [plain.clone(), reversed(&plain), added.clone(), reversed(&added)] {
        for (between, upper) in [("", true), (" ", true), ("", false), (" ", false)] {
            let hex = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
            forms.push(bytes.iter().map(hex).collect::<Vec<_>>().join(between).into_bytes());
        }
        forms.push(bytes);
    }
    forms
}

fn is_in(text: &[u8], form: &[u8]) -> bool {
    text.windows(form.len()).any(|part| part == form)
}

/// Six digits that no date, address or value is likely to hold by chance, nor in any of its forms.
fn canary() -> String {
    let mut random = [0; 8];
    SystemRandom::new().fill(&mut random).unwrap();
    let number = u64::from_be_bytes(random);
    format!("{}", 700_000 + number % 300_000)
}

/// An operator code that stands nowhere by chance either.
fn operator() -> OperatorCode {
    let mut random = [0; 4];
    SystemRandom::new().fill(&mut random).unwrap();
    OperatorCode::from_wire(random)
}

/// Takes out runs of 64 hexadecimal digits: the hashes of the audit log and the key file, which may hold six by chance.
fn without_digests(bytes: &mut [u8]) {
    let mut run = 0;
    for place in 0..bytes.len() {
        run = if bytes[place].is_ascii_hexdigit() { run + 1 } else { 0 };
        if run == 64 {
            bytes[place + 1 - 64..=place].fill(b'#');
            run = 0;
        }
    }
}

fn all_files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all_files(&path, found);
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

#[tokio::test]
async fn t24_a_password_is_in_no_artefact_of_a_run() {
    let right: &'static str = canary().leak();
    let wrong: &'static str = canary().leak();
    let operator = operator();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .without_time()
        .with_writer(log.clone())
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let mut said = Vec::new();
    let mut artefacts = Vec::new();
    for (kept, at_meter) in [(right, right), (wrong, right)] {
        let folder = tempfile::tempdir().unwrap();
        let capture = Capture {
            directory: folder.path().join("capture"),
            ..chaobiao::config::Config::parse("a.toml".as_ref(), "[database]\npath = \"a.db\"\n")
                .unwrap()
                .config
                .capture
        };
        let clock = chaobiao::clock::Clock::system();
        let captures = Captures::start(CaptureSettings::of(&capture), clock).unwrap();
        let tap = Box::new(captures.line("line"));
        assert!(captures.switch("line", true));
        let rig = Rig::new(Home { kept: Some(kept), tap, ..Home::default() }).await;
        assert!(rig.meter.lock().unwrap().meter.passwords_mut().set(2, wire(at_meter)));
        rig.meddle(if kept == at_meter { vec![Meddling::Lost] } else { Vec::new() });
        let send = async |command| {
            let before = rig.before().await;
            let order = FieldOrder { operator, ..rig.order(command, &before) };
            let sent = rig.field.send(&order).await;
            (before, sent)
        };
        let (before, sent) = send(Command::Trip).await;
        let (_, again) = send(Command::CloseDirectly).await;
        said.push(format!(
            "{before:?} {sent:?} {again:?} {:?} {:?}",
            rig.field,
            rig.field.capability().await
        ));
        let vault = rig.store.open_vault(&rig.key, rig.clock.now()).await.unwrap();
        said.push(format!("{vault:?} {:?}", rig.store.commonplace_secrets(&vault).await.unwrap()));
        let audit = rig.store.audit_before(&AuditFilter::default(), i64::MAX, 100).await.unwrap();
        assert!(audit.len() >= 2);
        said.push(format!("{audit:?}"));
        // The key cannot be opened by another file; what is said then says nothing.
        let other = chaobiao::config::KeyFile::make(&file(&rig, "other")).unwrap();
        let error = rig.store.open_vault(&other, rig.clock.now()).await.unwrap_err();
        assert_eq!(error.kind(), "other_key_file");
        said.push(format!("{error} {error:?}"));
        let path = rig.folder.path().to_owned();
        captures.flush();
        all_files(folder.path(), &mut artefacts);
        all_files(&path, &mut artefacts);
        rig.close().await;
    }
    let captured = artefacts.iter().filter(|(name, bytes)| name.contains("capture") && !bytes.is_empty());
    assert!(captured.count() >= 2, "both lines were captured");
    artefacts.push(("what was said".to_owned(), said.concat().into_bytes()));
    let logged = log.0.lock().unwrap().clone();
    assert!(is_in(&logged, b"refused its password"), "the log was kept");
    artefacts.push(("log".to_owned(), logged));
    for (name, bytes) in &mut artefacts {
        if !name.contains("capture") && name != "log" {
            without_digests(bytes);
        }
    }
    for password in [right, wrong] {
        for form in forms(password) {
            // Three bytes may stand by chance in key and cipher text; digits and their texts may not.
            let is_text = form.len() > 3;
            for (name, bytes) in &artefacts {
                let may_be_chance = !is_text && !name.contains("capture") && name != "log";
                assert!(may_be_chance || !is_in(bytes, &form), "{name} holds a password as {form:02X?}");
            }
        }
    }
    for form in forms_of(&operator.to_string(), &operator.wire()) {
        for (name, bytes) in artefacts.iter().filter(|(name, _)| name.contains("capture") || name == "log") {
            assert!(!is_in(bytes, &form), "{name} holds the operator code as {form:02X?}");
        }
    }
    assert!(is_in(PASSWORD.as_bytes(), &forms(PASSWORD)[0]), "what is looked for would be found");
}
