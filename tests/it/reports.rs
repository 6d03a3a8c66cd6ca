//! Reports: only of what one can see, once of each, decided by an operator.

use serde_json::{Value, json};

use crate::person::{draft, fresh_key, id};
use crate::world::world;

fn about(kind: &str, subject: &str) -> Value {
    json!({"subject_type": kind, "subject_id": subject, "reason": "abuse", "note": "욕설"})
}

#[tokio::test]
async fn one_reports_what_one_can_see_and_once() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let party = mina.opens(draft(&json!({}))).await;
        let key = fresh_key();
        let first = juno.post_as(&key, "/v1/reports", about("user", &mina.id)).await;
        assert_eq!(first.header("idempotency-replayed"), "");
        let first = first.expect(201);
        assert_eq!((&first["state"], &first["reason"]), (&json!("open"), &json!("abuse")));
        let again = juno.post_as(&key, "/v1/reports", about("user", &mina.id)).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.expect(201), first);
        assert_eq!(juno.post_as(&key, "/v1/reports", about("party", &party)).await.code(422), "idempotency_key_reused");
        assert_eq!(juno.post("/v1/reports", about("user", &mina.id)).await.code(409), "already_reported");
        juno.post("/v1/reports", about("party", &party)).await.expect(201);
        sena.post("/v1/reports", about("user", &mina.id)).await.expect(201);

        for (who, subject) in [(&juno, about("user", &juno.id)), (&mina, about("party", &party))] {
            let refused = who.post("/v1/reports", subject).await;
            assert_eq!(refused.body["fields"][0]["pointer"], "/subject_id", "oneself: {}", refused.text);
        }
        for subject in [about("user", "1"), about("party", "1"), about("message", &mina.id)] {
            assert_eq!(juno.post("/v1/reports", subject).await.code(404), "not_found");
        }
        let kept_away = world.person("rude").await;
        mina.put(&format!("/v1/me/blocks/{}", kept_away.id), Value::Null).await.expect(204);
        for subject in [about("user", &mina.id), about("party", &party)] {
            assert_eq!(kept_away.post("/v1/reports", subject).await.code(404), "not_found");
        }
        let wordy = json!({"subject_type": "user", "subject_id": mina.id, "reason": "abuse", "note": "가".repeat(501)});
        assert_eq!(sena.post("/v1/reports", wordy).await.code(422), "invalid");
    })
    .await;
}

#[tokio::test]
async fn many_tries_of_one_report_make_one() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let key = fresh_key();
        let tries = (0..10).map(|_| juno.post_as(&key, "/v1/reports", about("user", &mina.id)));
        let answers = futures_util::future::join_all(tries).await;
        let mut ids: Vec<_> = answers.into_iter().map(|answer| id(&answer.expect(201))).collect();
        ids.dedup();
        assert_eq!(ids.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_operator_decides_a_report_once() {
    world(|world| async move {
        let (olga, mina, juno) = (world.operator("olga").await, world.person("mina").await, world.person("juno").await);
        let party = mina.opens(draft(&json!({}))).await;
        let report = id(&juno.post("/v1/reports", about("party", &party)).await.expect(201));
        let waiting = olga.get("/v1/admin/reports").await.expect(200)["items"][0].clone();
        assert_eq!(
            (id(&waiting), &waiting["accused_id"]),
            (report.clone(), &json!(mina.id)),
            "the host answers for it"
        );
        assert_eq!((&waiting["reporter_id"], &waiting["note"]), (&json!(juno.id), &json!("욕설")));
        let path = format!("/v1/admin/reports/{report}/decision");
        assert_eq!(
            olga.put(&path, json!({"outcome": "upheld", "refund_krw": 1, "note": "x"})).await.code(422),
            "invalid"
        );
        for _ in 0..2 {
            let decided = olga.put(&path, json!({"outcome": "upheld", "note": "확인"})).await.expect(200);
            assert_eq!((&decided["state"], &decided["decision_note"]), (&json!("upheld"), &json!("확인")));
        }
        assert_eq!(olga.put(&path, json!({"outcome": "dismissed", "note": "x"})).await.code(409), "wrong_state");
        assert_eq!(olga.get("/v1/admin/reports").await.expect(200), json!({"items": []}));
        let missing = olga.put("/v1/admin/reports/1/decision", json!({"outcome": "upheld", "note": "x"})).await;
        assert_eq!(missing.code(404), "not_found");
    })
    .await;
}
