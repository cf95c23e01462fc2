//! The API under a fuzzer that follows its own description, as each role. (T13, T14)

use std::process::{Command, Stdio};

use axum::http::Method;
use chaobiao::domain::Coded;
use chaobiao::domain::access::Role;

use crate::pages::town;
use crate::rig::Rig;
use crate::slow::open;

/// What schemathesis looks at; that routes refuse what they must is proven by the table of roles.
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

/// The program, where there is one.
fn program() -> Option<String> {
    let program = std::env::var("CHAOBIAO_SCHEMATHESIS").unwrap_or_else(|_| "schemathesis".to_owned());
    let found = Command::new(&program).arg("--version").stdout(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Some(program);
    }
    let required = std::env::var("CHAOBIAO_TEST_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name == "schemathesis"), "schemathesis is not installed");
    println!("schemathesis is not installed: the API was not fuzzed");
    None
}

/// `CHAOBIAO_FUZZ_EXAMPLES` sets how many requests each operation gets.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes and needs schemathesis: tests/check.sh nightly"]
async fn t13_the_api_stands_a_fuzzer_that_follows_its_description() {
    let Some(program) = program() else { return };
    let examples = std::env::var("CHAOBIAO_FUZZ_EXAMPLES").unwrap_or_else(|_| "50".to_owned());
    for (role, _, name) in Role::TABLE {
        let rig = Rig::new().await;
        town(&rig.services.store).await;
        let who = rig.signed_in(name, *role).await;
        let mut document = rig.get("/api/openapi.json", Some(&who)).await.json();
        // It would make up tokens, which count before the session.
        document["components"].as_object_mut().unwrap().remove("securitySchemes");
        document["paths"]
            .as_object_mut()
            .unwrap()
            .values_mut()
            .flat_map(|path| path.as_object_mut().unwrap().values_mut())
            .for_each(|operation| {
                operation.as_object_mut().unwrap().remove("security");
            });
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("openapi.json");
        std::fs::write(&file, document.to_string()).unwrap();
        let port = open(&rig).await;
        let mut fuzzer = Command::new(&program);
        fuzzer.current_dir(folder.path()).arg("run").arg(&file);
        fuzzer.args(["--url", &format!("http://{}", port.at), "--checks", CHECKS, "--seed", "1"]);
        fuzzer.args(["--max-examples", &examples, "--phases", "examples,coverage,fuzzing", "--no-color"]);
        for header in [format!("Cookie: {}", who.cookie), format!("X-CSRF-Token: {}", who.csrf)] {
            fuzzer.args(["--header", &header]);
        }
        // A stream has no end, and without terminals nobody sets a clock.
        fuzzer.args(["--exclude-path-regex", "(stream|clock)$"]);
        let fuzzing = tokio::task::spawn_blocking(move || fuzzer.stdin(Stdio::null()).output());
        let output = fuzzing.await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "as {name}:\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
        let last: Vec<&str> = said.lines().rev().take(12).collect();
        println!("as {name}:\n{}", last.into_iter().rev().collect::<Vec<_>>().join("\n"));
        // It still serves.
        let session = rig.json(Method::GET, "/api/v1/session", Some(&who), "").await;
        assert!(session.status.is_success(), "{session:?}");
        port.close().await;
    }
}
