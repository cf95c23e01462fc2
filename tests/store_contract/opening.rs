//! Opening, migrations and settings.

use chaobiao::store::{Address, Migrations, Remedy, Store, StoreError};

use crate::{empty_databases, on_both};

#[tokio::test]
async fn opening_again_changes_nothing() {
    on_both(async |fresh| {
        let again = Store::open(&fresh.address, Migrations::Run).await.unwrap();
        let only_looking = Store::open(&fresh.address, Migrations::Check).await.unwrap();
        assert_eq!(again.dialect(), only_looking.dialect());
        again.close().await;
        only_looking.close().await;
    })
    .await;
}

#[tokio::test]
async fn f40_two_that_open_a_new_database_at_once_both_find_it_whole() {
    for (_folder, address) in empty_databases().await {
        let open = || Store::open(&address, Migrations::Run);
        let (one, other) = tokio::join!(open(), open());
        one.unwrap().close().await;
        other.unwrap().close().await;
    }
}

#[tokio::test]
async fn f40_without_leave_to_migrate_an_old_schema_is_refused() {
    for (_folder, address) in empty_databases().await {
        let refused = Store::open(&address, Migrations::Check).await.unwrap_err();
        assert!(matches!(refused, StoreError::OlderSchema { found: 0, .. }), "{refused}");
        assert_eq!((refused.kind(), refused.remedy()), ("store_schema", Remedy::Stop));
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told() {
    let missing: Address = "sqlite:/nowhere/at/all/store.db".parse().unwrap();
    let error = Store::open(&missing, Migrations::Run).await.unwrap_err();
    assert_eq!((error.kind(), error.remedy()), ("store_unavailable", Remedy::Retry));
    for text in ["", "sqlite:", "mysql://host/name", "store.db"] {
        assert!(matches!(text.parse::<Address>(), Err(StoreError::Address)), "{text}");
    }
    let secret: Address = "postgres://user:secret@host/name".parse().unwrap();
    assert_eq!(format!("{secret:?}"), "postgres");
}

#[tokio::test]
async fn f29_a_database_that_may_lose_what_it_kept_is_refused() {
    on_both(async |fresh| {
        let Address::Postgres(_) = &fresh.address else { return };
        fresh
            .run("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$")
            .await
            .unwrap();
        let refused = Store::open(&fresh.address, Migrations::Run).await.unwrap_err();
        assert_eq!(refused.kind(), "store_unsafe_setting");
        assert!(refused.to_string().contains("synchronous_commit = off"), "{refused}");
    })
    .await;
}

#[tokio::test]
async fn f40_a_code_that_a_newer_version_gave_another_name_is_refused() {
    on_both(async |fresh| {
        fresh.run("UPDATE coded SET name = 'other' WHERE list = 'source' AND code = 1").await.unwrap();
        let refused = Store::open(&fresh.address, Migrations::Run).await.unwrap_err();
        assert_eq!((refused.kind(), refused.remedy()), ("store_inconsistent", Remedy::Stop));
    })
    .await;
}
