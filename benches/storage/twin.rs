//! The tables that the product is measured against, and the fastest way into them: binary COPY, 10,000 rows at a time.

use sqlx::PgConnection;

use super::run;

/// A reading a row, with its key and by day.
pub(crate) const NARROW: &str = "CREATE TABLE narrow (meter_id int NOT NULL, item int NOT NULL, at bigint NOT NULL, \
    value bigint NOT NULL, PRIMARY KEY (meter_id, item, at)) PARTITION BY RANGE (at)";

/// A day a row, with the key of the product and nothing else of it.
pub(crate) const BARE_DAYS: &str = "CREATE TABLE bare_day (meter_id bigint NOT NULL, item bigint NOT NULL, day bigint NOT NULL, \
    slots bigint NOT NULL, v bigint[] NOT NULL, q bigint[], PRIMARY KEY (meter_id, item, day)) PARTITION BY RANGE (day)";

/// Makes the partitions of a day.
pub(crate) async fn partitions(connection: &mut PgConnection, day: i64) {
    let at = crate::curves::start(day);
    let next = crate::curves::start(day + 1);
    run(
        connection,
        &format!(
            "CREATE TABLE IF NOT EXISTS narrow_{day} PARTITION OF narrow FOR VALUES FROM ({at}) TO ({next}); \
             CREATE TABLE IF NOT EXISTS bare_{day} PARTITION OF bare_day FOR VALUES FROM ({day}) TO ({})",
            day + 1
        ),
    )
    .await;
}

/// Rows in the binary form of COPY.
pub(crate) struct Rows(Vec<u8>);

impl Rows {
    pub(crate) fn new() -> Self {
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        bytes.extend([0; 8]);
        Self(bytes)
    }

    pub(crate) fn row(&mut self, fields: i16) -> &mut Self {
        self.0.extend(fields.to_be_bytes());
        self
    }

    pub(crate) fn int4(&mut self, value: i32) -> &mut Self {
        self.0.extend(4_i32.to_be_bytes());
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn int8(&mut self, value: i64) -> &mut Self {
        self.0.extend(8_i32.to_be_bytes());
        self.0.extend(value.to_be_bytes());
        self
    }

    pub(crate) fn null(&mut self) -> &mut Self {
        self.0.extend((-1_i32).to_be_bytes());
        self
    }

    pub(crate) fn array(&mut self, values: &[i64]) -> &mut Self {
        let count = i32::try_from(values.len()).unwrap();
        self.0.extend((20 + 12 * count).to_be_bytes());
        // One dimension, no NULL, int8, its length, from 1.
        for head in [1, 0, 20, count, 1] {
            self.0.extend(head.to_be_bytes());
        }
        for value in values {
            self.int8(*value);
        }
        self
    }

    /// Sends them, in a transaction of its own.
    pub(crate) async fn copy(mut self, connection: &mut PgConnection, table: &str) {
        self.0.extend((-1_i16).to_be_bytes());
        let mut copy =
            connection.copy_in_raw(&format!("COPY {table} FROM STDIN (FORMAT binary)")).await.unwrap();
        copy.send(self.0).await.unwrap();
        copy.finish().await.unwrap();
    }
}
