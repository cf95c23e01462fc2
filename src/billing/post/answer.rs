//! What a receiver says, believed only as far as it names the keys it was offered (T22).

use std::collections::HashSet;

use serde::Deserialize;

use crate::billing::sink::{KeyReceipt, SinkError, Taken};
use crate::store::billing::OutboxRecord;

#[derive(Deserialize)]
struct Receipts {
    receipts: Vec<Receipt>,
}

#[derive(Deserialize)]
struct Receipt {
    key: String,
    taken: bool,
    #[serde(default)]
    reason: Option<String>,
}

/// The receipts of an answer. One that names what it was not offered, or a key twice, is an answer to something else and
/// not believed in anything.
pub(super) fn receipts(answer: &[u8], offered: &[&OutboxRecord]) -> Result<Vec<KeyReceipt>, SinkError> {
    let said: Receipts =
        serde_json::from_slice(answer).map_err(|_| not_understood("it is no list of receipts"))?;
    let mut left: HashSet<&str> = offered.iter().map(|record| record.text.as_str()).collect();
    if !said.receipts.iter().all(|receipt| left.remove(receipt.key.as_str())) {
        return Err(not_understood("it names a key twice, or one that was not offered"));
    }
    let receipt = |Receipt { key, taken, reason }: Receipt| {
        let reason = || reason.unwrap_or_else(|| "without a reason".to_owned());
        let taken = if taken { Taken::Yes } else { Taken::Refused { reason: reason() } };
        KeyReceipt { key, taken }
    };
    Ok(said.receipts.into_iter().map(receipt).collect())
}

pub(super) fn not_understood(why: &str) -> SinkError {
    SinkError::Answer { reason: why.to_owned() }
}
