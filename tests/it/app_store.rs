//! What goes on between us and the App Store without being asked for: notifications that never came, and revoked certificates.

use serde_json::{Value, json};

use crate::world::{World, world, world_with};

const KEPT: &str = "select count(*) from app_store_notifications";

/// Goes through Apple's lists until there is nothing to go through, and says in how many steps.
async fn recovers(world: &World) -> usize {
    let mut steps = 0;
    while nbbang::app::app_store_history::recover(&world.app).await.unwrap() > 0 {
        steps += 1;
        assert!(steps < 200, "there is no end to it");
    }
    steps
}

/// A notification that Apple sends, and believes to have arrived.
async fn is_lost(world: &World, kind: &str, purchase: &Value) -> Value {
    world.fault(json!({"provider": "app_store", "operation": "notification", "do": "drop", "times": 1})).await;
    let sent = json!({"type": kind, "purchase": purchase, "deliver": true});
    let notice = world.sim("POST", "/__sim/app-store/notifications", sent).await;
    for _ in 0..1000 {
        if world.sim("GET", "/__sim/faults", Value::Null).await["faults"] == json!([]) {
            return json!({"signedPayload": notice["signedPayload"]});
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("it was not sent within ten seconds");
}

#[tokio::test]
async fn a_refund_of_which_no_notification_arrived_takes_back_what_was_bought() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let purchase = json!({"product_id": "boost_5", "app_account_token": mina.account_token().await, "transaction_id": "2000000000000001"});
        mina.hands_in(&world.mints(purchase.clone()).await).await.expect(200);
        recovers(&world).await;
        world.moment().await;
        let late = is_lost(&world, "REFUND", &crate::store::with(purchase, &json!({"claims": {"revocationDate": world.days(0)}}))).await;
        assert_eq!((mina.boosts().await, world.count_of(KEPT).await), (5, 0));
        // Not within the hour.
        assert_eq!(recovers(&world).await, 0);

        world.moves_clocks(3601).await;
        assert_eq!(recovers(&world).await, 2, "one step in each environment");
        assert_eq!((mina.boosts().await, world.count_of(KEPT).await), (0, 1));
        // The notification itself, late, and the list once more, change nothing.
        world.delivers(&late).await.expect(200);
        world.moves_clocks(3601).await;
        recovers(&world).await;
        assert_eq!((mina.boosts().await, world.count_of(KEPT).await), (0, 1));
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_kept_does_not_hold_up_what_comes_after_it() {
    world(|world| async move {
        let token = world.person("mina").await.account_token().await;
        let purchase = |id: String| json!({"product_id": "boost_1", "app_account_token": token, "transaction_id": id});
        is_lost(&world, "ONE_TIME_CHARGE", &purchase("2".repeat(101))).await;
        is_lost(&world, "ONE_TIME_CHARGE", &purchase("2000000000000002".to_owned())).await;
        world.moves_clocks(3601).await;
        recovers(&world).await;
        assert_eq!(world.count_of(KEPT).await, 1);
    })
    .await;
}

#[tokio::test]
async fn what_is_signed_under_a_revoked_certificate_counts_no_more() {
    world(|world| async move {
        let mina = world.person("mina").await;
        mina.buys(&world, "boost_1").await;
        nbbang::app::purchases::look_for_revoked(&world.app).await;
        mina.buys(&world, "boost_1").await;
        world.sim("PUT", "/__sim/app-store/ocsp", json!({"leaf": "revoked"})).await;
        // What was answered is in force for hours.
        nbbang::app::purchases::look_for_revoked(&world.app).await;
        mina.buys(&world, "boost_1").await;
        world.moves_clocks(86_400).await;
        nbbang::app::purchases::look_for_revoked(&world.app).await;
        let purchase = json!({"product_id": "boost_1", "app_account_token": mina.account_token().await});
        assert_eq!(mina.hands_in(&world.mints(purchase).await).await.code(422), "purchase_invalid");
        assert_eq!(mina.boosts().await, 3);
    })
    .await;
}

#[tokio::test]
async fn without_a_key_nothing_is_asked() {
    let without = |config: &mut nbbang::config::Config| {
        let settings = &mut config.app_store;
        (settings.api_base_url, settings.api_key_id) = (None, None);
        (settings.api_issuer_id, settings.api_key_file) = (None, None);
    };
    world_with(without, |world| async move {
        assert_eq!(recovers(&world).await, 0);
    })
    .await;
}
