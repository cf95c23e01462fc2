//! The configuration as it is noted in the audit log: every key with its value, and of secrets no more than that they changed.

use std::path::Path;

use ring::digest::{SHA256, digest};

use super::effective::Effective;

/// A key and what holds for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The key with its section, such as `http.lock_after` or `line[2].tcp`.
    pub key: String,
    /// The value as the file would have it; empty where there is none.
    pub value: String,
    /// Whether the file leaves it out.
    pub is_default: bool,
}

/// All of a file that lies in `base`. Of a file with a secret its name stands here and four digits of a digest: enough to tell
/// that another secret is in it, and too few to find out which.
#[must_use]
pub fn in_force(effective: &[Effective], base: &Path) -> Vec<InForce> {
    let value = |of: &Effective| {
        let value = of.value.clone().unwrap_or_default();
        let file = SECRET_FILES.contains(&of.key).then(|| base.join(value.trim_matches('"')));
        match file.and_then(|file| std::fs::read(file).ok()) {
            Some(secret) => {
                let sum = digest(&SHA256, &secret);
                let start: String = sum.as_ref().iter().take(2).map(|byte| format!("{byte:02x}")).collect();
                format!("{value} ({start})")
            }
            None => value,
        }
    };
    let key = |of: &Effective| match of.section.as_str() {
        "" => of.key.to_owned(),
        section => format!("{section}.{}", of.key),
    };
    let all = effective.iter().filter(|of| of.value.is_some());
    all.map(|of| InForce { key: key(of), value: value(of), is_default: of.is_default }).collect()
}

/// Keys that name a file with a secret.
pub const SECRET_FILES: [&str; 5] = ["url_file", "secret_file", "password_file", "tls_key", "key_file"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn t27_every_key_is_noted_and_of_a_secret_only_that_it_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("address");
        let text = "[database]\nurl_file = \"address\"\n[http]\nlock_after = 4\n";
        let noted = |secret: &str| {
            std::fs::write(&file, format!("postgres://chaobiao:{secret}@db.example/amr\n")).unwrap();
            let loaded = Config::parse(&folder.path().join("amr.toml"), text).unwrap();
            in_force(&loaded.effective, folder.path())
        };
        let (one, other) = (noted("first-canary"), noted("second-canary"));
        let differ: Vec<_> =
            one.iter().zip(&other).filter(|(a, b)| a != b).map(|(a, _)| a.key.as_str()).collect();
        assert_eq!(differ, ["database.url_file"]);
        assert!(!format!("{one:?}{other:?}").contains("canary"));
        let lock = InForce { key: "http.lock_after".to_owned(), value: "4".to_owned(), is_default: false };
        assert!(one.contains(&lock) && one.iter().any(|of| of.key == "http.session_idle" && of.is_default));
    }
}
