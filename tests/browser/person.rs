//! Somebody who signs in and works with the console.

use chaobiao::clock::Clock;
use chaobiao::http::auth::Totp;
use chaobiao::store::access::FactorSecret;

use crate::chromium::Browser;
use crate::demo::Demo;

/// A person with a browser of their own.
pub(crate) struct Person {
    pub(crate) browser: Browser,
    console: String,
    factor: Option<Totp>,
    /// A code is good once: when the last one was made.
    last_code: String,
}

impl Person {
    /// Signs in for the first time, sets a password and, where the role needs it, a second factor.
    pub(crate) fn arrive(demo: &Demo, name: &str) -> Option<Self> {
        let browser = Browser::start(1366, 768)?;
        let console = demo.console.clone();
        let mut person = Self { browser, console, factor: None, last_code: String::new() };
        person.open("/");
        let browser = &mut person.browser;
        assert!(browser.place().starts_with("/login"), "nobody sees anything before signing in");
        browser.write("input[name=name]", name);
        browser.write("input[name=password]", &demo.logins[name]);
        browser.follow("form.card button");
        assert_eq!(browser.place(), "/welcome");
        for field in ["password", "again"] {
            browser.write(&format!("input[name={field}]"), PASSWORD);
        }
        browser.follow("form.card button");
        if browser.place() == "/welcome" {
            let secret = browser.value("document.querySelector('input[name=secret]').value");
            person.factor = Totp::of(&FactorSecret(secret.as_str().unwrap().to_owned()));
            let code = person.code();
            person.browser.write("input[name=code]", &code);
            person.browser.follow("form.card button");
        }
        Some(person)
    }

    /// Signs in again, by the password that was set.
    pub(crate) fn sign_in(&mut self, name: &str) {
        self.browser.write("input[name=name]", name);
        self.browser.write("input[name=password]", PASSWORD);
        self.browser.follow("form.card button");
    }

    /// Opens a page of the console.
    pub(crate) fn open(&mut self, path: &str) {
        self.browser.open(&format!("{}{path}", self.console));
    }

    /// A code of the second factor that was not used yet; waits for the next one where it was.
    pub(crate) fn code(&mut self) -> String {
        let factor = self.factor.as_ref().unwrap();
        let next = || factor.code_at(Clock::system().now());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let code = runtime.block_on(async {
            loop {
                let code = next();
                if code != self.last_code {
                    return code;
                }
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            }
        });
        self.last_code.clone_from(&code);
        code
    }

    /// No page asked anybody else for anything, and no script or style was refused.
    pub(crate) fn nothing_left_the_site(&self) {
        let elsewhere: Vec<&String> = self
            .browser
            .asked
            .iter()
            .filter(|address| !address.starts_with(&self.console) && !address.starts_with("data:"))
            .filter(|address| *address != "about:blank")
            .collect();
        assert!(elsewhere.is_empty(), "{elsewhere:?}");
        assert_eq!(self.browser.complaints, Vec::<String>::new());
    }
}

/// Nobody's name is in it, which would be refused.
const PASSWORD: &str = "correct horse battery";
