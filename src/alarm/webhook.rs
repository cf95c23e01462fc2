//! A POST to a robot or a program: one try within its time, to the configured address and nowhere else (T20).

use std::time::Duration;

use serde_json::Value;
use ureq::Agent;

use super::error::SendError;
use super::signature;
use super::template::{Signed, Template};
use super::text;
use crate::config::Webhook;
use crate::domain::Moment;
use crate::store::alarm::Message;

/// A message ready to be sent.
pub(super) struct Post {
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    template: &'static Template,
}

impl Post {
    /// Makes one of as many messages as fit into it, and says how many they are.
    pub(super) fn of(webhook: &Webhook, messages: &[Message], now: Moment) -> (Self, usize) {
        let template = Template::of(webhook.robot);
        let (text, count) = text::fitting(messages, template.most_bytes);
        let alarms: Vec<Value> = messages.iter().take(count).map(text::json).collect();
        (Self::saying(webhook, &text, &alarms, now), count)
    }

    /// Makes one of a text.
    pub(super) fn saying(webhook: &Webhook, text: &str, alarms: &[Value], now: Moment) -> Self {
        let template = Template::of(webhook.robot);
        let mut body = template.body(text, alarms);
        let mut url = webhook.url.reveal().to_owned();
        let mut headers = Vec::new();
        if let Some(secret) = &webhook.secret {
            match template.signed {
                Signed::Query => {
                    url.push(if url.contains('?') { '&' } else { '?' });
                    url.push_str(&signature::in_query(secret, now));
                }
                Signed::Body => {
                    let (timestamp, sign) = signature::in_body(secret, now);
                    if let Some(fields) = body.as_object_mut() {
                        fields.insert("timestamp".to_owned(), timestamp.into());
                        fields.insert("sign".to_owned(), sign.into());
                    }
                }
                Signed::Headers => {
                    let (timestamp, sign) = signature::in_headers(secret, now, &body.to_string());
                    headers.extend([("X-Chaobiao-Timestamp", timestamp), ("X-Chaobiao-Signature", sign)]);
                }
                Signed::Nowhere => {}
            }
        }
        Self { url, headers, body: body.to_string(), template }
    }

    /// Sends it. Blocks until it is sent, or its time is over.
    pub(super) fn send(self, within: Duration) -> Result<(), SendError> {
        let config = Agent::config_builder()
            .timeout_global(Some(within))
            .max_redirects(0)
            .http_status_as_error(false)
            .proxy(None)
            .user_agent("chaobiao")
            .build();
        let mut request =
            Agent::new_with_config(config).post(&self.url).header("Content-Type", "application/json");
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let mut answer = request.send(&self.body)?;
        let status = answer.status().as_u16();
        if !(200..300).contains(&status) {
            return Err(SendError::Status { status });
        }
        let Some(field) = self.template.code else { return Ok(()) };
        let said = answer.body_mut().with_config().limit(LONGEST_ANSWER).read_to_string()?;
        taken(&said, field, self.template.said)
    }
}

/// Judges what a robot says: it took the message only when its code says so.
fn taken(answer: &str, field: &str, words: &str) -> Result<(), SendError> {
    let answer: Value = serde_json::from_str(answer).map_err(|_| SendError::Answer)?;
    match answer.get(field).and_then(Value::as_i64) {
        Some(0) => Ok(()),
        Some(code) => {
            let said = answer.get(words).and_then(Value::as_str).unwrap_or_default();
            let said = said.chars().filter(|letter| !letter.is_control()).take(100).collect();
            Err(SendError::Refused { code, said })
        }
        None => Err(SendError::Answer),
    }
}

/// How much of an answer is read.
const LONGEST_ANSWER: u64 = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t22_only_an_answer_that_says_so_is_taken() {
        assert!(taken(r#"{"errcode":0,"errmsg":"ok"}"#, "errcode", "errmsg").is_ok());
        let refused = taken(r#"{"errcode":93000,"errmsg":"invalid\nwebhook url"}"#, "errcode", "errmsg");
        assert!(
            matches!(refused, Err(SendError::Refused { code: 93000, said }) if said == "invalidwebhook url")
        );
        for answer in ["", "ok", "{}", "[]", r#"{"errcode":"0"}"#, r#"{"code":0}"#] {
            assert!(matches!(taken(answer, "errcode", "errmsg"), Err(SendError::Answer)), "{answer}");
        }
    }
}
