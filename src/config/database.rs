//! `[database]`: where everything is kept.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fault::FaultKind;
use super::section::Section;
use super::words::Words;

/// `[database]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// Which.
    pub place: DatabasePlace,
    /// How many connections at most.
    pub connections: u32,
    /// How long the answer of a server to one statement is waited for.
    pub answers_within: Duration,
}

/// Which database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabasePlace {
    /// SQLite in this file.
    Sqlite(PathBuf),
    /// PostgreSQL at this address.
    Postgres(DatabaseUrl),
}

/// The address of a PostgreSQL database, which may hold a password: it shows itself without.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The address with its password. Whoever takes it out answers for where it goes.
    #[must_use]
    pub fn with_password(&self) -> &str {
        &self.0
    }

    /// The address without its password, for a command line, and the password, for what others cannot see.
    #[must_use]
    pub fn without_password(&self) -> (String, Option<String>) {
        let mut password = None;
        let (front, parameters) =
            self.0.split_once('?').map_or((self.0.as_str(), None), |(f, p)| (f, Some(p)));
        let mut address = front.to_owned();
        if let Some(Parts { scheme, user: Some(user), host, database }) = self.parts() {
            let (name, given) =
                user.split_once(':').map_or((user, None), |(name, given)| (name, Some(given)));
            password = given.map(percent_decoded);
            address = format!("{scheme}://{name}@{host}/{database}");
        }
        let mut kept = Vec::new();
        for parameter in parameters.unwrap_or_default().split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.strip_prefix("password=") {
                Some(given) => password = Some(percent_decoded(given)),
                None => kept.push(parameter),
            }
        }
        if !kept.is_empty() {
            address = format!("{address}?{}", kept.join("&"));
        }
        (address, password)
    }

    /// Reads the file that holds an address.
    ///
    /// # Errors
    /// What the system says, and [`io::ErrorKind::InvalidData`] for a file that holds something else.
    pub fn load(file: &Path) -> io::Result<Self> {
        let form = "it does not hold one line, postgres://USER:PASSWORD@HOST/DATABASE  须为一行 postgres://用户:密码@主机/数据库";
        let text = std::fs::read_to_string(file)?;
        Self::read(&text).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, form))
    }

    /// `None` for what is no such address, or has a password with signs that must be written as %40 and the like: only
    /// without them is it certain where the password ends.
    fn read(text: &str) -> Option<Self> {
        let url = Self(text.trim().to_owned());
        let Parts { scheme, user, host, .. } = url.parts()?;
        let user_fits = user.is_none_or(|user| !user.contains(['@', '#']) && !user.is_empty());
        let port = host.rsplit_once(':').map_or("", |(_, port)| port);
        let host_fits = port.bytes().all(|byte| byte.is_ascii_digit() || byte == b']');
        let fits = matches!(scheme, "postgres" | "postgresql") && user_fits && host_fits;
        (fits && !url.0.contains(|c: char| c.is_whitespace() || c.is_control())).then_some(url)
    }

    fn parts(&self) -> Option<Parts<'_>> {
        let (scheme, rest) = self.0.split_once("://")?;
        let rest = rest.split('?').next()?;
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        Some(Parts { scheme, user, host, database })
    }
}

/// What an address is made of; parameters, which may hold a password as well, are left out.
struct Parts<'a> {
    scheme: &'a str,
    /// With the password.
    user: Option<&'a str>,
    /// With the port.
    host: &'a str,
    database: &'a str,
}

/// Signs that are written as %40 and the like; what is not written so stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let pair = after.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Parts { scheme, user, host, database }) = self.parts() else { return Ok(()) };
        write!(f, "{scheme}://")?;
        if let Some(user) = user {
            write!(f, "{}:******@", user.split(':').next().unwrap_or_default())?;
        }
        write!(f, "{host}/{database}")
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Database {
    pub(super) fn read(section: &mut Section<'_>, base: &Path) -> Self {
        let path = section.optional::<PathBuf>("path", ..);
        let url_file = section.optional::<PathBuf>("url_file", ..);
        for (key, given) in [("path", &path), ("url_file", &url_file)] {
            if given.as_ref().is_some_and(|given| given.to_string_lossy().contains("://")) {
                section.fault(key, FaultKind::SecretInPlace);
            }
        }
        let is_one = section.has("path") != section.has("url_file");
        section.check(is_one, &["path", "url_file"], FaultKind::OneOf(&["path", "url_file"]));
        let url = url_file.and_then(|file| read_url(section, &base.join(file)));
        let connections = section.value("connections", 1..=64, 8);
        let second = Duration::from_secs(1);
        let answers_within = section.value("answers_within", second * 3..=second * 600, second * 60);
        let sqlite = || DatabasePlace::Sqlite(base.join(path.unwrap_or_default()));
        Self { place: url.map_or_else(sqlite, DatabasePlace::Postgres), connections, answers_within }
    }
}

/// Reads the file that holds the address.
fn read_url(section: &mut Section<'_>, file: &Path) -> Option<DatabaseUrl> {
    let kind = match std::fs::read_to_string(file) {
        Ok(text) => match DatabaseUrl::read(&text) {
            Some(url) => {
                section.remark(format!("{url}"));
                return Some(url);
            }
            None => FaultKind::Content(Words::of(
                "one line, postgres://USER:PASSWORD@HOST/DATABASE",
                "一行 postgres://用户:密码@主机/数据库",
            )),
        },
        Err(error) => FaultKind::File(error.kind()),
    };
    section.check(false, &["url_file"], kind);
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t24_an_address_shows_no_password() {
        for text in [
            "postgres://amr:canary@db.site:5432/amr",
            "postgresql://amr:canary@db.site/amr?sslmode=require",
            "postgres://amr@db.site/amr?password=canary",
            "postgres:///amr?host=/run/postgresql&password=canary",
            "postgresql://[::1]:5432/amr",
        ] {
            let url = DatabaseUrl::read(&format!("{text}\n")).unwrap();
            assert_eq!(url.with_password(), text);
            let (address, password) = url.without_password();
            let given = text.contains("canary").then_some("canary");
            assert_eq!(password.as_deref(), given, "{text}");
            let shown = format!("{url} {url:?} {address}");
            assert!(!shown.contains("canary"), "{shown}");
            assert!(text.starts_with(address.split(['@', '?']).next().unwrap()), "{address}");
        }
        let odd = DatabaseUrl::read("postgres://amr:a%40b%@%2Frun%2Fpg/amr?a=1&b=2").unwrap();
        assert_eq!(
            odd.without_password(),
            ("postgres://amr@%2Frun%2Fpg/amr?a=1&b=2".to_owned(), Some("a@b%".to_owned()))
        );
        for text in [
            "mysql://a@b/c",
            "postgres://a b/c",
            "postgres://amr:can@ary@db/amr",
            "postgres://amr:a?b@db/amr",
            "",
        ] {
            assert_eq!(DatabaseUrl::read(text), None, "{text}");
        }
    }
}
