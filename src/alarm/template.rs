//! What each receiver understands, as data: the body of a message, how it is signed, and what says that it was taken.
//!
//! After the makers' own pages: 企业微信 developer.work.weixin.qq.com/document/path/91770, 钉钉
//! open.dingtalk.com/document/orgapp/custom-robot-access, 飞书 open.feishu.cn/document/client-docs/bot-v3/add-custom-bot.

use serde_json::Value;

use crate::config::Robot;

/// What a receiver understands.
pub(super) struct Template {
    /// JSON; a text `{text}` in it becomes what is said, `{alarms}` the alarms one by one.
    body: &'static str,
    /// How many bytes of text it takes.
    pub(super) most_bytes: usize,
    /// The field of its answer that is 0 when it took the message; `None` where the status says that.
    pub(super) code: Option<&'static str>,
    /// Its words beside that.
    pub(super) said: &'static str,
    /// How messages are signed, when there is a secret.
    pub(super) signed: Signed,
}

/// Where a signature stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signed {
    /// Nowhere: the address is the secret.
    Nowhere,
    /// In the address.
    Query,
    /// In the body, as `timestamp` and `sign`.
    Body,
    /// In headers.
    Headers,
}

impl Template {
    /// That of a receiver.
    pub(super) const fn of(robot: Robot) -> &'static Self {
        match robot {
            Robot::WeCom => &WECOM,
            Robot::DingTalk => &DINGTALK,
            Robot::Feishu => &FEISHU,
            Robot::Json => &JSON,
        }
    }

    /// The body of a message.
    pub(super) fn body(&self, text: &str, alarms: &[Value]) -> Value {
        let mut body = serde_json::from_str(self.body).unwrap_or(Value::Null);
        fill(&mut body, text, alarms);
        body
    }
}

fn fill(value: &mut Value, text: &str, alarms: &[Value]) {
    match value {
        Value::String(place) if place == "{text}" => *place = text.to_owned(),
        Value::String(place) if place == "{alarms}" => *value = Value::Array(alarms.to_vec()),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, text, alarms)),
        _ => {}
    }
}

const WECOM: Template = Template {
    body: r#"{"msgtype":"text","text":{"content":"{text}"}}"#,
    most_bytes: 2048,
    code: Some("errcode"),
    said: "errmsg",
    signed: Signed::Nowhere,
};

const DINGTALK: Template = Template {
    body: r#"{"msgtype":"text","text":{"content":"{text}"}}"#,
    most_bytes: 16_000,
    code: Some("errcode"),
    said: "errmsg",
    signed: Signed::Query,
};

const FEISHU: Template = Template {
    body: r#"{"msg_type":"text","content":{"text":"{text}"}}"#,
    most_bytes: 16_000,
    code: Some("code"),
    said: "msg",
    signed: Signed::Body,
};

const JSON: Template = Template {
    body: r#"{"source":"chaobiao","text":"{text}","alarms":"{alarms}"}"#,
    most_bytes: 64_000,
    code: None,
    said: "",
    signed: Signed::Headers,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_json_and_says_what_is_to_be_said() {
        for robot in [Robot::WeCom, Robot::DingTalk, Robot::Feishu, Robot::Json] {
            let body = Template::of(robot).body("a \"quoted\"\n{alarms}", &[Value::from(7)]).to_string();
            assert!(body.contains(r#""a \"quoted\"\n{alarms}""#), "{robot:?}: {body}");
            assert_eq!(body.contains("[7]"), robot == Robot::Json, "{body}");
        }
    }
}
