//! Files of the console: taken with a reason, with or without a script. (T23)

use axum::http::StatusCode;

use crate::orders::Town;

#[tokio::test]
async fn t23_a_file_is_taken_with_a_reason_by_a_form_without_a_script() {
    let town = Town::new().await;
    let page = town.rig.get("/meters?q=P", Some(&town.li)).await.body;
    let form = page.split("<details class=\"file\">").nth(1).unwrap().split("</details>").next().unwrap();
    for part in
        ["method=\"get\"", "name=\"q\" value=\"P\"", "name=\"csv\" value=\"all\"", "name=\"reason\" required"]
    {
        assert!(form.contains(part), "{part}: {form}");
    }
    let files = async || {
        let entries = town.rig.services.store.audit_after(0, 100_000).await.unwrap();
        entries.into_iter().filter(|entry| entry.action == "export.csv").collect::<Vec<_>>()
    };
    for without in ["/meters?q=P&csv=all", "/meters?q=P&csv=all&reason=%20"] {
        let refused = town.rig.get(without, Some(&town.li)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{refused:?}");
        assert!(
            refused.body.contains("导出文件须注明原因") && !refused.body.contains("000000000001"),
            "{refused:?}"
        );
    }
    assert!(files().await.is_empty());
    let taken = town.rig.get("/meters?q=P&csv=all&reason=%E6%A0%B8%E5%AF%B9+11", Some(&town.li)).await;
    assert!(
        taken.header("content-type").starts_with("text/csv") && taken.body.contains("000000000001"),
        "{taken:?}"
    );
    let files = files().await;
    assert_eq!(files[0].object, "/meters?q=P&csv=all");
    assert_eq!(files[0].detail, r#"{"reason":"核对 11"}"#);
}
