//! The main job: a party from its first order to its last won.

use serde_json::{Value, json};

use crate::person::{draft, food, transfer_draft};
use crate::world::world;

#[tokio::test]
async fn a_prepaid_party_from_its_first_order_to_its_last_won() {
    world(|world| async move {
        let (mina, juno, sena) = (world.person("mina").await, world.person("juno").await, world.person("sena").await);
        let party = mina.opens(draft(&json!({}))).await;

        let order = juno.joins(&party, food(8_000)).await.expect(201);
        assert_eq!(order["state"], "held");
        assert_eq!(order["fee_cap_krw"], 2_000);
        assert_eq!(order["payment"]["amount_krw"], 10_000);
        juno.pays(&order["payment"]).await.expect(200);
        let sena_order = sena.joins_and_pays(&party, food(12_001)).await;

        let locked = mina.does(&party, "lock").await.expect(200);
        assert_eq!(locked["state"], "locked");
        let owed: Vec<i64> = locked["quote"]["shares"]
            .as_array()
            .unwrap()
            .iter()
            .map(|share| share["owed_krw"].as_i64().unwrap())
            .collect();
        // 4,000 over three: 1,333 each, and the won that is left is the host's.
        assert_eq!(owed, [11_334, 9_333, 13_334]);
        assert_eq!(owed.iter().sum::<i64>(), locked["quote"]["total_krw"]);

        world.settle().await;
        let after = sena.order(&sena_order).await;
        assert_eq!((&after["paid_krw"], &after["refunded_krw"]), (&json!(14_001), &json!(667)));

        mina.places(&party, 34_001).await.expect(200);
        mina.does(&party, "arrival").await.expect(200);
        for (person, order) in [(&juno, order["id"].as_str().unwrap()), (&sena, sena_order.as_str())] {
            person.put(&format!("/v1/orders/{order}/pickup"), Value::Null).await.expect(200);
        }
        let done = mina.room(&party).await;
        assert_eq!(done["state"], "completed");
        let ledger = juno.get(&format!("/v1/parties/{party}/ledger")).await.expect(200);
        assert_eq!(ledger["sum_krw"], 0);
        let host: i64 = ledger["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|leg| leg["account"] == "host")
            .map(|leg| leg["amount_krw"].as_i64().unwrap())
            .sum();
        assert_eq!(host, -(9_333 + 13_334), "what the guests owe is the host's");
    })
    .await;
}

#[tokio::test]
async fn a_transfer_party_with_both_sides_confirming() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let party = mina.opens(transfer_draft(&json!({}))).await;
        let order = juno.joins(&party, food(8_000)).await.expect(201);
        assert_eq!(order["state"], "joined");
        assert!(juno.room(&party).await.get("transfer_account").is_none(), "not confirmed yet");
        mina.does(&party, "lock").await.expect(200);
        assert_eq!(juno.room(&party).await["transfer_account"]["number"], "3333-01-1234567");
        let path = format!("/v1/orders/{}/transfer", order["id"].as_str().unwrap());
        assert_eq!(juno.put(&path, Value::Null).await.expect(200)["transfer_state"], "sent");
        assert_eq!(mina.put(&format!("{path}/receipt"), Value::Null).await.expect(200)["transfer_state"], "received");
        let ledger = juno.get(&format!("/v1/parties/{party}/ledger")).await.expect(200);
        assert_eq!(ledger["items"], json!([]));
    })
    .await;
}
