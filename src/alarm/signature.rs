//! How messages to robots are signed: HMAC-SHA256, written in Base64 or hexadecimal.

use ring::hmac;

use crate::config::Secret;
use crate::domain::Moment;

/// 钉钉: the secret signs `timestamp\nsecret`, the timestamp in milliseconds; both become part of the address.
pub(super) fn in_query(secret: &Secret, now: Moment) -> String {
    let timestamp = now.micros() / 1000;
    let signed = sign(secret.reveal().as_bytes(), format!("{timestamp}\n{}", secret.reveal()).as_bytes());
    let mut sign = String::new();
    for letter in base64(&signed).chars() {
        match letter {
            '+' => sign.push_str("%2B"),
            '/' => sign.push_str("%2F"),
            '=' => sign.push_str("%3D"),
            other => sign.push(other),
        }
    }
    format!("timestamp={timestamp}&sign={sign}")
}

/// 飞书: `timestamp\nsecret` signs nothing, the timestamp in seconds; both become part of the body.
pub(super) fn in_body(secret: &Secret, now: Moment) -> (String, String) {
    let timestamp = (now.micros() / 1_000_000).to_string();
    let signed = sign(format!("{timestamp}\n{}", secret.reveal()).as_bytes(), b"");
    (timestamp, base64(&signed))
}

/// A program of the site: the secret signs `timestamp.body`, the timestamp in seconds; both become headers.
pub(super) fn in_headers(secret: &Secret, now: Moment, body: &str) -> (String, String) {
    let timestamp = (now.micros() / 1_000_000).to_string();
    let signed = sign(secret.reveal().as_bytes(), format!("{timestamp}.{body}").as_bytes());
    let digits: String = signed.iter().map(|byte| format!("{byte:02x}")).collect();
    (timestamp, format!("sha256={digits}"))
}

fn sign(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

/// Base64 with padding. [RFC 4648, 4]
fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let at = |place: usize| group.get(place).map_or(0, |byte| u32::from(*byte));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4_u32 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 0x3F).unwrap_or(0);
            let is_there = usize::try_from(place).is_ok_and(|place| place <= group.len());
            text.push(if is_there { DIGITS.chars().nth(digit).unwrap_or('=') } else { '=' });
        }
    }
    text
}

const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xFB, 0xFF, 0xBF]), "+/+/");
    }

    /// Worked out with Python's `hmac` and `base64`, as the makers of the robots show it.
    #[test]
    fn signatures_are_those_of_another_program() {
        let (secret, now) = (Secret::new("this is secret"), Moment::from_micros(1_795_278_330_250_000));
        assert_eq!(
            in_query(&secret, now),
            "timestamp=1795278330250&sign=vUYMVC9e8uncFTiZhTY2sAuIhd7JGKCVTLIF7FLFyH8%3D"
        );
        assert_eq!(
            in_body(&secret, now),
            ("1795278330".to_owned(), "4+O5hNN8L9Ml4aEJ2XGbN0YHf6YWHOv8U2HXRGjs7vg=".to_owned())
        );
        assert_eq!(
            in_headers(&secret, now, "{}"),
            (
                "1795278330".to_owned(),
                "sha256=3f8abd113f2ccab8f3792ac8e1760bea61cedc52c61ac499bb69e5b91ee6a0bc".to_owned()
            )
        );
    }
}
