//! An operator with an account, for commands that name one.

use std::path::Path;

use chaobiao::domain::access::{Regions, Role};
use chaobiao::domain::{AuditEntry, Moment};
use chaobiao::http::auth::Passwords;
use chaobiao::store::Store;
use chaobiao::store::access::{AccountChange, NewAccount};

const PASSWORD: &str = "horse battery staple";

/// Makes the account `li` of an operator, and a file with its password in a folder.
pub(crate) async fn add_li(store: &Store, folder: &Path, now: Moment) {
    let (hash, regions) = (Passwords::default().hash(PASSWORD).await.unwrap(), Regions::All);
    let said = |action| AuditEntry::of_system(now, action, "account li");
    let new = NewAccount {
        person: "li",
        name: "li",
        role: Role::Operator,
        regions: &regions,
        password: &hash,
        proposed_by: None,
    };
    let id = store.add_account(&new, &said("account.add")).await.unwrap();
    let change = AccountChange::SetPassword(&hash);
    store.change_account(id, None, &change, &said("account.password")).await.unwrap();
    std::fs::write(folder.join("password"), format!("{PASSWORD}\n")).unwrap();
}
