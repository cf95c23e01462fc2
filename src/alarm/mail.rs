//! Mail: one letter for several alarms; sent again it has the same number, so that mail programs know it.

use std::time::{Duration, SystemTime};

use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};

use super::error::SendError;
use super::text;
use crate::config::{Mail, MailEncryption};
use crate::domain::Moment;
use crate::store::alarm::Message;

/// Makes a letter of as many messages as fit into it, and says how many they are.
pub(super) fn letter(
    mail: &Mail,
    messages: &[Message],
    now: Moment,
) -> Result<(lettre::Message, usize), SendError> {
    let (body, count) = text::fitting(messages, MOST_BYTES);
    let first = messages.first();
    let subject = first.map(text::headline).unwrap_or_default();
    let subject = if count > 1 { format!("{subject} (+{})", count - 1) } else { subject };
    let number = first.map(Message::key).unwrap_or_default();
    Ok((saying(mail, &subject, &number, body, now)?, count))
}

/// Makes a letter of a text.
pub(super) fn saying(
    mail: &Mail,
    subject: &str,
    number: &str,
    body: String,
    now: Moment,
) -> Result<lettre::Message, SendError> {
    let micros = u64::try_from(now.micros()).unwrap_or(0);
    let mut letter = lettre::Message::builder()
        .from(Mailbox::new(Some("chaobiao".to_owned()), mail.from.clone()))
        .message_id(Some(format!("<alarm-{number}@{}>", mail.from.domain())))
        .date(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
        .subject(subject);
    for to in &mail.to {
        letter = letter.to(Mailbox::new(None, to.clone()));
    }
    Ok(letter.header(ContentType::TEXT_PLAIN).body(body)?)
}

/// Sends a letter. Blocks until the server took it, or the time of a step is over.
pub(super) fn send(mail: &Mail, letter: &lettre::Message, within: Duration) -> Result<(), SendError> {
    let failed = |error| SendError::Mail(Box::new(error));
    let place = mail.server.as_str();
    let (host, port) = place.rsplit_once(':').unwrap_or((place, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let parameters = || TlsParameters::new(host.to_owned()).map_err(failed);
    let tls = match mail.encryption {
        MailEncryption::Tls => Tls::Wrapper(parameters()?),
        MailEncryption::StartTls => Tls::Required(parameters()?),
        MailEncryption::None => Tls::None,
    };
    let mut transport = SmtpTransport::builder_dangerous(host).tls(tls).timeout(Some(within));
    if let Ok(port) = port.parse() {
        transport = transport.port(port);
    }
    if let Some((user, password)) = &mail.login {
        transport = transport.credentials(Credentials::new(user.clone(), password.reveal().to_owned()));
    }
    transport.build().send(letter).map(|_| ()).map_err(failed)
}

const MOST_BYTES: usize = 64_000;
