//! Mail: one letter for several alarms, to everybody at once; sent again it has the same number, so that mail programs know
//! it.

use std::time::{Duration, SystemTime};

use lettre::Address;
use lettre::message::{Mailbox, header::ContentType};
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{SmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{self, Data, Rcpt};
use lettre::transport::smtp::extension::{ClientId, MailBodyParameter, MailParameter};
use lettre::transport::smtp::{self, SMTP_PORT};

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

/// Makes a letter that sums messages of one kind up, and says how many they are.
pub(super) fn summed(
    mail: &Mail,
    messages: &[Message],
    now: Moment,
) -> Result<(lettre::Message, usize), SendError> {
    let number = messages.first().map(Message::key).unwrap_or_default();
    let letter = saying(mail, &text::summed_headline(messages), &number, text::summed(messages), now)?;
    Ok((letter, messages.len()))
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

/// Sends a letter in one go to everybody whose mailbox the server takes, and says whose it did not take, each with its
/// words; an error when it took none. Blocks until the server took it, or the time of a step is over.
///
/// One mailbox that is no more keeps nobody else from being told: the transport of `lettre` gives a letter up at the
/// first of them.
pub(super) fn send(
    mail: &Mail,
    letter: &lettre::Message,
    within: Duration,
) -> Result<Vec<Refused>, SendError> {
    let failed = |error| SendError::Mail(Box::new(error));
    let mut server = connect(mail, within).map_err(failed)?;
    let refused = hand_over(&mut server, letter);
    if refused.is_ok() {
        // The letter is there; what the server says to a farewell changes nothing.
        drop(server.quit());
    } else {
        server.abort();
    }
    refused
}

/// A mailbox that the server did not take, and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) mailbox: String,
    pub(super) said: String,
}

/// Opens a connection, encrypted and logged in as the configuration has it.
fn connect(mail: &Mail, within: Duration) -> Result<SmtpConnection, smtp::Error> {
    let place = mail.server.as_str();
    let (host, port) = place.rsplit_once(':').unwrap_or((place, ""));
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let (we, tls) = (ClientId::default(), || TlsParameters::new(host.to_owned()));
    let wrapper = if mail.encryption == MailEncryption::Tls { Some(tls()?) } else { None };
    let port = port.parse().unwrap_or(SMTP_PORT);
    let mut server = SmtpConnection::connect((host, port), Some(within), &we, wrapper.as_ref(), None)?;
    if mail.encryption == MailEncryption::StartTls {
        server.starttls(&tls()?, &we)?;
    }
    if let Some((user, password)) = &mail.login {
        let credentials = Credentials::new(user.clone(), password.reveal().to_owned());
        server.auth(DEFAULT_MECHANISMS, &credentials)?;
    }
    Ok(server)
}

fn hand_over(server: &mut SmtpConnection, letter: &lettre::Message) -> Result<Vec<Refused>, SendError> {
    let failed = |error| SendError::Mail(Box::new(error));
    let (envelope, text) = (letter.envelope(), letter.formatted());
    let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    let mut how = Vec::new();
    if !envelope.to().iter().chain(envelope.from()).all(is_ascii) {
        how.push(MailParameter::SmtpUtfEight);
    }
    if !text.is_ascii() {
        how.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    server.command(commands::Mail::new(envelope.from().cloned(), how)).map_err(failed)?;
    let mut refused = Vec::new();
    for to in envelope.to() {
        match server.command(Rcpt::new(to.clone(), Vec::new())) {
            Ok(_) => {}
            // The server speaks of this mailbox; anything else ends the connection.
            Err(error) if error.status().is_some() => {
                refused.push(Refused { mailbox: to.to_string(), said: error.to_string() });
            }
            Err(error) => return Err(failed(error)),
        }
    }
    if refused.len() == envelope.to().len() {
        return Err(SendError::Mailboxes { refused: told(&refused) });
    }
    server.command(Data).map_err(failed)?;
    server.message(&text).map_err(failed)?;
    Ok(refused)
}

/// Mailboxes and what was said of each, in one line.
pub(super) fn told(refused: &[Refused]) -> String {
    let one = |Refused { mailbox, said }: &Refused| format!("{mailbox} ({said})");
    refused.iter().map(one).collect::<Vec<_>>().join(", ")
}

const MOST_BYTES: usize = 64_000;
