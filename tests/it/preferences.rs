//! What users want to be told: one document, changed by merge patches and kept whole.

use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::world::world;

fn usual() -> Value {
    json!({
        "push": {"party": true, "member": true, "money": true, "reminder": true, "message": true}, "language": "ko",
    })
}

#[tokio::test]
async fn a_nested_key_is_changed_in_place_and_read_back() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let read = async || mina.get("/v1/me/preferences").await.expect(200);
        assert_eq!(read().await, usual());
        let change = json!({"push": {"member": false}, "quiet_hours": {"from": "23:00", "to": "07:30"}});
        let mut expected = usual();
        expected["push"]["member"] = false.into();
        expected["quiet_hours"] = json!({"from": "23:00", "to": "07:30"});
        assert_eq!(mina.patch("/v1/me/preferences", change).await.expect(200), expected);
        assert_eq!(read().await, expected);

        // One key of each, deep inside; everything beside it stays.
        let change = json!({"push": {"reminder": false}, "quiet_hours": {"to": "08:00"}});
        expected["push"]["reminder"] = false.into();
        expected["quiet_hours"]["to"] = "08:00".into();
        assert_eq!(mina.patch("/v1/me/preferences", change).await.expect(200), expected);
        assert_eq!(read().await, expected);
        assert_eq!(mina.get("/v1/me/export").await.expect(200)["preferences"], expected);

        assert_eq!(mina.patch("/v1/me/preferences", json!({})).await.expect(200), expected);
        let cleared = mina.patch("/v1/me/preferences", json!({"push": {"member": null}, "quiet_hours": null})).await;
        expected["push"]["member"] = true.into();
        expected.as_object_mut().unwrap().remove("quiet_hours");
        assert_eq!(cleared.expect(200), expected);
        assert_eq!(mina.patch("/v1/me/preferences", json!({"push": null})).await.expect(200), usual());
        assert_eq!(read().await, usual());
    })
    .await;
}

#[tokio::test]
async fn the_language_is_the_profiles() {
    world(|world| async move {
        let mina = world.person("mina").await;
        assert_eq!(mina.patch("/v1/me/preferences", json!({"language": "en"})).await.expect(200)["language"], "en");
        assert_eq!(mina.get("/v1/me").await.expect(200)["language"], "en");
        mina.patch("/v1/me", json!({"language": "ko"})).await.expect(200);
        assert_eq!(mina.get("/v1/me/preferences").await.expect(200)["language"], "ko");
        mina.patch("/v1/me/preferences", json!({"language": "en"})).await.expect(200);
        assert_eq!(mina.patch("/v1/me/preferences", json!({"language": null})).await.expect(200)["language"], "ko");
    })
    .await;
}

#[tokio::test]
async fn what_is_not_in_the_document_is_refused_and_changes_nothing() {
    world(|world| async move {
        let mina = world.person("mina").await;
        for (body, pointer) in [
            (json!({"push": {"party": false, "nothing": null}}), "/push/nothing"),
            (json!({"push": {"party": "off"}}), "/push/party"),
            (json!({"push": false}), "/push"),
            (json!({"more": null}), "/more"),
            (json!({"quiet_hours": {"from": "23:00"}}), "/quiet_hours/to"),
            (json!({"quiet_hours": {"from": "23:00", "to": "23:00"}}), "/quiet_hours/to"),
            (json!({"quiet_hours": {"from": "24:00", "to": "07:00"}}), "/quiet_hours/from"),
            (json!({"push": {"party": false}, "quiet_hours": {"from": null, "to": "07:00"}}), "/quiet_hours/from"),
            (json!({"language": "fr"}), "/language"),
        ] {
            let refused = mina.patch("/v1/me/preferences", body).await;
            assert_eq!(
                (refused.status, &refused.body["fields"][0]["pointer"]),
                (422, &json!(pointer)),
                "{}",
                refused.text
            );
        }
        assert_eq!(mina.get("/v1/me/preferences").await.expect(200), usual());
    })
    .await;
}

#[tokio::test]
async fn changes_at_once_all_count() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let kinds = ["party", "member", "money", "reminder", "message"];
        let changes = kinds.map(|kind| {
            let mina = &mina;
            async move { mina.patch("/v1/me/preferences", json!({"push": {kind: false}})).await.expect(200) }
        });
        futures_util::future::join_all(changes).await;
        let read = mina.get("/v1/me/preferences").await.expect(200);
        assert!(kinds.iter().all(|kind| read["push"][kind] == false), "{read}");
        // What a later program has added to the document stands in nobody's way.
        let mut main = PgConnection::connect(&world.urls.main).await.unwrap();
        sqlx::query(r#"update preferences set document = document || '{"later": {"x": 1}}'"#)
            .execute(&mut main)
            .await
            .unwrap();
        assert_eq!(mina.get("/v1/me/preferences").await.expect(200), read);
    })
    .await;
}
