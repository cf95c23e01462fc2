//! Values go to a server that is known by its certificate, and to nobody else (T22).

use ring::digest;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::receiver::{Receiver, takes, tls_file};
use crate::rig::{Rig, ca, https};

/// `pin_sha256` of a certificate, as openssl prints it.
fn pin(certificate: &str) -> String {
    let der = CertificateDer::from_pem_file(tls_file(&format!("{certificate}.pem"))).unwrap();
    let digits: Vec<String> =
        digest::digest(&digest::SHA256, &der).as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
    format!("pin_sha256 = \"{}\"", digits.join(":"))
}

/// What a receiver with this certificate hears and what is said of it, when it is known by these keys.
async fn meet(certificate: &str, known_by: &str) -> (u64, usize, String) {
    let receiver = Receiver::encrypted(certificate, takes()).await;
    let rig = Rig::new(1, 1, &https(&receiver, known_by)).await;
    rig.push().await;
    (rig.status("marketing").await.delivered, receiver.heard().len(), rig.trouble().await)
}

#[tokio::test]
async fn t22_who_is_known_by_authority_or_by_pin_is_given_values() {
    for known_by in [ca(), pin("server"), format!("{}\n{}", ca(), pin("server"))] {
        let (delivered, heard, said) = meet("server", &known_by).await;
        assert_eq!((delivered, heard), (1, 1), "{known_by}: {said}");
    }
    // A certificate that is named itself needs no authority and no date.
    assert_eq!(meet("stranger", &pin("stranger")).await.0, 1);
    assert_eq!(meet("old", &pin("old")).await.0, 1);
}

#[tokio::test]
async fn t22_whoever_is_not_known_hears_nothing() {
    for (certificate, known_by, why) in [
        ("stranger", ca(), "certificate"),
        ("old", ca(), "xpired"),
        ("server", pin("old"), "certificate"),
        ("stranger", pin("server"), "certificate"),
        ("stranger", format!("{}\n{}", ca(), pin("stranger")), "certificate"),
        ("old", format!("{}\n{}", ca(), pin("old")), "xpired"),
    ] {
        let (delivered, heard, said) = meet(certificate, &known_by).await;
        assert_eq!((delivered, heard), (0, 0), "{certificate} by {known_by}");
        assert!(said.contains("not known as the receiver") && said.contains(why), "{certificate}: {said}");
    }
}

#[tokio::test]
async fn t22_whoever_answers_without_encryption_hears_nothing() {
    let receiver = Receiver::plain(takes()).await;
    let rig = Rig::new(1, 1, &https(&receiver, &ca())).await;
    assert_eq!(rig.push().await.delivered, 0);
    assert!(receiver.heard().is_empty());
    assert!(rig.trouble().await.contains("not known as the receiver"), "{}", rig.trouble().await);
}

#[tokio::test]
async fn t22_what_is_signed_with_another_secret_takes_no_effect() {
    let receiver = Receiver::encrypted("server", takes()).await;
    let rig = Rig::new(1, 1, &https(&receiver, &ca())).await;
    let right = std::fs::read(rig.folder.path().join("secret")).unwrap();
    std::fs::write(rig.folder.path().join("secret"), "another secret of the same kind").unwrap();
    assert_eq!(rig.push().await.delivered, 0);
    assert!(rig.trouble().await.contains("status 401"), "{}", rig.trouble().await);
    std::fs::write(rig.folder.path().join("secret"), right).unwrap();
    rig.later(900);
    assert_eq!((rig.push().await.delivered, receiver.effects()), (1, 1));
    let heard = receiver.heard().pop().unwrap();
    assert_eq!(heard.header("x-chaobiao-key-id"), Some("marketing"));
    assert_eq!(heard.header("content-type"), Some("application/json"));
    assert_eq!(heard.path(), "/readings");
}

#[tokio::test]
async fn what_is_sent_says_all_of_a_version_and_no_value_as_a_float() {
    let receiver = Receiver::encrypted("server", takes()).await;
    let rig = Rig::new(1, 2, &https(&receiver, &ca())).await;
    rig.push_all().await;
    let body = receiver.heard()[0].json();
    assert_eq!((&body["schema"], &body["receiver"]), (&"chaobiao.billing.1".into(), &"marketing".into()));
    let records = body["records"].as_array().unwrap();
    let of = |kind: &str, day: &str| {
        let is = |record: &&serde_json::Value| record["kind"] == kind && record["day"] == day;
        let mut record = records.iter().find(is).unwrap().clone();
        let lineage = record.as_object_mut().unwrap().remove("lineage").unwrap();
        assert!(lineage.to_string().contains("\"meter\":\"202411100001\""), "{lineage}");
        record.to_string()
    };
    assert_eq!(records.len(), 3);
    assert_eq!(
        of("register", "2026-11-21"),
        serde_json::json!({
            "key": "register/P1/1-0:1.8.0/2026-11-21T00:00:00+08:00/1", "kind": "register", "point": "P1",
            "item": "1-0:1.8.0", "tariff": 0, "day": "2026-11-21", "as_of": "2026-11-21T00:00:00+08:00", "version": 1,
            "value": "101.2500", "unit": "kWh", "quality": "ok", "read_at": "2026-11-20T16:00:00Z"
        })
        .to_string()
    );
    assert_eq!(
        of("consumption", "2026-11-20"),
        serde_json::json!({
            "key": "consumption/P1/1-0:1.8.0/2026-11-20/1", "kind": "consumption", "point": "P1",
            "item": "1-0:1.8.0", "tariff": 0, "day": "2026-11-20", "as_of": null, "version": 1,
            "value": "1.250000", "unit": "kWh", "quality": "ok", "read_at": null
        })
        .to_string()
    );
}
