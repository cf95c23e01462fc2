//! What receivers see on the wire, each in its own form.

use chaobiao::config::Secret;
use chaobiao::domain::AlarmKind;
use ring::hmac;
use serde_json::Value;

use crate::receiver::{Heard, Manner, Receiver};
use crate::site::Site;

fn body(heard: &Heard) -> Value {
    serde_json::from_str(&heard.body).unwrap()
}

const TEXT: &str = "【警告】线路中断 线路east：详情\n[warning] a line is down, line east: detail\n\
                    2026-11-22 00:00:00 #1.1";

#[tokio::test]
async fn wecom_is_sent_a_text() {
    let receiver = Receiver::http(Manner::Answers(200, r#"{"errcode":0,"errmsg":"ok"}"#));
    let site = Site::with_robot("wecom", &receiver).await;
    site.raise(AlarmKind::LineDown, "line east").await;
    site.work(20).await;
    let heard = receiver.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].head, "POST /send?key=canary HTTP/1.1");
    assert!(heard[0].headers.contains("content-type: application/json"), "{}", heard[0].headers);
    assert_eq!(body(&heard[0]), serde_json::json!({"msgtype": "text", "text": {"content": TEXT}}));
    assert_eq!(site.waiting().await, (0, None));
}

#[tokio::test]
async fn dingtalk_is_sent_a_signed_text() {
    let receiver = Receiver::http(Manner::Answers(200, r#"{"errcode":0,"errmsg":"ok"}"#));
    let channel =
        "[[alarm_webhook]]\nname = \"duty\"\nrobot = \"dingtalk\"\nurl_file = \"url\"\nsecret_file = \"key\"";
    let site = Site::new(channel, &[("url", &receiver.url()), ("key", "SEC1\n")]).await;
    site.raise(AlarmKind::LineDown, "line east").await;
    site.work(20).await;
    let heard = receiver.heard();
    let head = heard[0].head.strip_prefix("POST /send?key=canary&timestamp=").unwrap();
    let (timestamp, sign) = head.split_once("&sign=").unwrap();
    assert!(timestamp.parse::<i64>().unwrap() - site.now().micros() / 1000 > -60_000);
    let sign = sign.trim_end_matches(" HTTP/1.1");
    assert!(sign.ends_with("%3D") && !sign.contains(['+', '/', '=']), "{sign}");
    assert_eq!(body(&heard[0]), serde_json::json!({"msgtype": "text", "text": {"content": TEXT}}));
}

#[tokio::test]
async fn feishu_is_sent_a_signed_text() {
    let receiver = Receiver::http(Manner::Answers(200, r#"{"code":0,"msg":"success"}"#));
    let channel =
        "[[alarm_webhook]]\nname = \"duty\"\nrobot = \"feishu\"\nurl_file = \"url\"\nsecret_file = \"key\"";
    let site = Site::new(channel, &[("url", &receiver.url()), ("key", "SEC1\n")]).await;
    site.raise(AlarmKind::LineDown, "line east").await;
    site.work(20).await;
    let body = body(&receiver.heard()[0]);
    assert_eq!((&body["msg_type"], &body["content"]["text"]), (&"text".into(), &TEXT.into()));
    assert_eq!(body["sign"].as_str().unwrap().len(), 44);
    assert!(body["timestamp"].as_str().unwrap().parse::<i64>().unwrap() > 1_700_000_000);
}

#[tokio::test]
async fn a_program_is_sent_each_alarm_and_can_tell_who_sent_it() {
    let receiver = Receiver::http(Manner::Answers(204, ""));
    let channel =
        "[[alarm_webhook]]\nname = \"duty\"\nrobot = \"json\"\nurl_file = \"url\"\nsecret_file = \"key\"";
    let site = Site::new(channel, &[("url", &receiver.url()), ("key", "SEC1\n")]).await;
    site.raise(AlarmKind::LineDown, "line east").await;
    site.raise(AlarmKind::OrderUnknown, "order 17").await;
    site.work(20).await;
    let heard = receiver.heard();
    assert_eq!(heard.len(), 1, "both in one message");
    let header = |name: &str| {
        let line = heard[0].headers.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().to_owned()
    };
    let signed = format!("{}.{}", header("x-chaobiao-timestamp:"), heard[0].body);
    let key = hmac::Key::new(hmac::HMAC_SHA256, Secret::new("SEC1").reveal().as_bytes());
    let tag = hmac::sign(&key, signed.as_bytes());
    let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(header("x-chaobiao-signature:"), format!("sha256={digits}"));
    let body = body(&heard[0]);
    assert_eq!(body["source"], "chaobiao");
    let keys: Vec<&str> =
        body["alarms"].as_array().unwrap().iter().map(|alarm| alarm["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["2.1", "1.1"], "the gravest first");
    assert_eq!(body["alarms"][0]["kind"], "order_unknown");
    assert_eq!(body["alarms"][0]["severity"], "critical");
}

#[tokio::test]
async fn mail_is_one_letter_with_a_number_of_its_own() {
    let receiver = Receiver::mail();
    let channel = format!(
        "[[alarm_mail]]\nname = \"mail\"\nserver = \"{}\"\nencryption = \"none\"\nuser = \"amr\"\n\
         password_file = \"key\"\nfrom = \"amr@site.example\"\nto = [\"li@site.example\", \"wang@site.example\"]\n",
        receiver.address
    );
    let site = Site::new(&channel, &[("key", "canary\n")]).await;
    site.raise(AlarmKind::LineDown, "line east").await;
    site.raise(AlarmKind::OrderUnknown, "order 17").await;
    site.work(20).await;
    let heard = receiver.heard();
    assert_eq!(heard.len(), 1);
    assert!(heard[0].head.contains("li@site.example") && heard[0].head.contains("wang@site.example"));
    let letter = &heard[0].body;
    for said in [
        "Message-ID: <alarm-2.1@site.example>",
        "From: chaobiao <amr@site.example>",
        "Subject: =?utf-8?b?",
        "Date: Sat, 21 Nov 2026 16:00:0",
    ] {
        assert!(letter.contains(said), "{said} in {letter}");
    }
    assert!(!letter.contains("canary"));
    assert_eq!(site.waiting().await, (0, None));
}

#[tokio::test]
async fn t20_a_redirection_is_not_followed() {
    let elsewhere = Receiver::http(Manner::Answers(200, r#"{"errcode":0}"#));
    let receiver = Receiver::http(Manner::Redirects(elsewhere.url()));
    let site = Site::with_robot("wecom", &receiver).await;
    site.raise(AlarmKind::LineDown, "line east").await;
    site.work(10).await;
    assert!(!receiver.heard().is_empty());
    assert!(elsewhere.heard().is_empty());
    assert_eq!(site.waiting().await, (1, Some("the receiver answers with status 302".to_owned())));
}

#[tokio::test]
async fn t24_no_token_is_kept_or_told() {
    let receiver = Receiver::http(Manner::Answers(200, r#"{"errcode":93000,"errmsg":"no"}"#));
    let mut site = Site::with_robot("wecom", &receiver).await;
    let gone = "[[alarm_webhook]]\nname = \"gone\"\nrobot = \"json\"\nurl_file = \"gone\"\n";
    std::fs::write(site.folder.path().join("gone"), "http://127.0.0.1:1/canary\n").unwrap();
    let more = crate::site::configured(site.folder.path(), gone).alarms;
    site.alarms.channels.extend(more.channels);
    chaobiao::alarm::set_channels(&site.store, &site.alarms, site.now()).await.unwrap();
    site.raise(AlarmKind::LineDown, "line east").await;
    site.work(3600).await;
    assert!(receiver.heard().len() > 5);
    assert!(!format!("{:?} {:?}", site.alarms, site.store.alarm_channels().await).contains("canary"));
    let kept: Vec<u8> = std::fs::read_dir(site.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("site.db"))
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect();
    assert!(!kept.windows(6).any(|bytes| bytes == b"canary"));
    assert!(kept.windows(8).any(|bytes| bytes == b"refuses,"), "what it said is kept");
}
