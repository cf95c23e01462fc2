//! The audit log: numbered without a gap, each entry bound to the one before it, and never changed.

use chaobiao::domain::{AuditEntry, AuditHash};
use chaobiao::store::AuditFilter;

use crate::{midnight, on_both};

#[tokio::test]
async fn t26_entries_are_bound_to_each_other_and_neither_changed_nor_deleted() {
    on_both(async |fresh| {
        let at = midnight("2026-11-22");
        let texts = ["done", "refused: 密码错误", "\0<script>", ""];
        for (place, result) in texts.into_iter().enumerate() {
            let order = i64::try_from(place).unwrap();
            let entry = AuditEntry::of_system(at, "order.submit", "order 17").ending(result).for_order(order);
            assert_eq!(fresh.store.audit(&entry).await.unwrap().number, order + 1);
        }
        let mut before = AuditHash::BEGINNING;
        let kept = fresh.store.audit_after(0, 100).await.unwrap();
        for record in &kept {
            before = record.hash_after(before);
            assert_eq!(record.hash, before.to_string());
        }
        let head = fresh.store.audit_head().await.unwrap();
        assert_eq!((head.number, head.hash), (4, before));
        for sql in ["UPDATE audit SET result = 'x'", "DELETE FROM audit WHERE number = 4"] {
            fresh.run(sql).await.unwrap_err();
        }
        let filter = AuditFilter { order: Some(2), ..AuditFilter::default() };
        let found = fresh.store.audit_before(&filter, i64::MAX, 10).await.unwrap();
        assert_eq!(found.iter().map(|record| record.number).collect::<Vec<_>>(), [3]);
        let filter = AuditFilter { action: Some("order.".to_owned()), ..AuditFilter::default() };
        let found = fresh.store.audit_before(&filter, 4, 2).await.unwrap();
        assert_eq!(found.iter().map(|record| record.number).collect::<Vec<_>>(), [3, 2]);
        let filter = AuditFilter { action: Some("login".to_owned()), ..AuditFilter::default() };
        assert!(fresh.store.audit_before(&filter, i64::MAX, 10).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn t26_writers_at_once_leave_no_gap() {
    on_both(async |fresh| {
        let entry = AuditEntry::of_system(midnight("2026-11-22"), "login", "account li");
        let all = (0..40).map(|_| fresh.store.audit(&entry));
        for added in futures_util::future::join_all(all).await {
            added.unwrap();
        }
        let mut before = AuditHash::BEGINNING;
        let kept = fresh.store.audit_after(0, 100).await.unwrap();
        assert_eq!(kept.len(), 40);
        for record in &kept {
            before = record.hash_after(before);
            assert_eq!(record.hash, before.to_string());
        }
    })
    .await;
}
