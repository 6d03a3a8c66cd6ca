//! Purchases: whose they are, that each counts once however it comes, what notifications change, and what is not believed.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::person::{Answer, fresh_key};
use crate::store::with;
use crate::world::{World, world, world_with};

const ROWS: &str = "select (select count(*) from grants) + (select count(*) from purchases)
     + (select count(*) from app_store_notifications) + (select count(*) from main_idempotency)";

fn boosts(token: &str, transaction: &str) -> Value {
    json!({"product_id": "boost_5", "app_account_token": token, "transaction_id": transaction})
}

#[tokio::test]
async fn a_purchase_counts_once_however_often_and_in_whatever_bytes_it_comes() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let purchase = boosts(&mina.account_token().await, "2000000000000001");
        let first = world.mints(purchase.clone()).await;
        let (key, body) = (fresh_key(), json!({"signed_transaction": first}));
        let answer = mina.post_as(&key, "/v1/purchases/app-store", body.clone()).await;
        assert_eq!(answer.header("idempotency-replayed"), "");
        let had = answer.expect(200);
        assert_eq!(had, json!({"plus": {"active": false, "state": "none"}, "boosts": 5}));
        let again = mina.post_as(&key, "/v1/purchases/app-store", body).await;
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.expect(200), had);
        let other = json!({"signed_transaction": "another"});
        assert_eq!(mina.post_as(&key, "/v1/purchases/app-store", other).await.code(422), "idempotency_key_reused");

        mina.hands_in(&first).await.expect(200);
        world.moment().await;
        let signed_anew = world.mints(purchase.clone()).await;
        assert_ne!(signed_anew, first);
        mina.hands_in(&signed_anew).await.expect(200);
        world.notifies("ONE_TIME_CHARGE", None, &purchase).await;
        assert_eq!(mina.boosts().await, 5);
        world.notifies("ONE_TIME_CHARGE", None, &boosts(&mina.account_token().await, "2000000000000002")).await;
        assert_eq!(mina.boosts().await, 10, "a notification grants by itself");
        let elsewhere = with(purchase, &json!({"environment": "Production"}));
        mina.hands_in(&world.mints(elsewhere).await).await.expect(200);
        assert_eq!(mina.boosts().await, 15, "the other environment has ids of its own");
    })
    .await;
}

#[tokio::test]
async fn a_purchase_has_one_owner_for_ever() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let minas = world.mints(boosts(&mina.account_token().await, "2000000000000001")).await;
        assert_eq!(juno.hands_in(&minas).await.code(409), "purchase_taken");
        assert_eq!(world.count_of(ROWS).await, 0, "a refusal leaves nothing");
        mina.hands_in(&minas).await.expect(200);
        assert_eq!(juno.hands_in(&minas).await.code(409), "purchase_taken");
        assert_eq!((mina.boosts().await, juno.boosts().await), (5, 0));

        // Made outside of the app: whoever claims it first.
        let nobodys = json!({"product_id": "plus_monthly", "transaction_id": "2000000000000003"});
        world.notifies("SUBSCRIBED", Some("INITIAL_BUY"), &nobodys).await;
        world.moment().await;
        juno.hands_in(&world.mints(nobodys.clone()).await).await.expect(200);
        world.moment().await;
        assert_eq!(mina.hands_in(&world.mints(nobodys.clone()).await).await.code(409), "purchase_taken");
        assert_eq!((mina.plus().await.0, juno.plus().await.0), (false, true));
        // A renewal under the same first transaction, with whatever token, is the owner's.
        let renewed = json!({
            "transaction_id": "2000000000000004", "app_account_token": mina.account_token().await,
            "claims": {"originalTransactionId": "2000000000000003"},
        });
        assert_eq!(mina.hands_in(&world.mints(renewed.clone()).await).await.code(409), "purchase_taken");
        world.notifies("DID_RENEW", None, &renewed).await;
        assert_eq!((mina.plus().await.0, juno.plus().await.0), (false, true));
        // The token of a purchase is compared as what it is.
        let shouted = boosts(&mina.account_token().await.to_uppercase(), "2000000000000005");
        mina.hands_in(&world.mints(shouted).await).await.expect(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_claims_at_once_one_wins_and_it_counts_once() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let signed = world.mints(json!({"product_id": "boost_5"})).await;
        let claims = (0..20).map(|n| if n % 2 == 0 { mina.hands_in(&signed) } else { juno.hands_in(&signed) });
        let answers = join_all(claims).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 10);
        assert!(answers.iter().all(|answer| matches!(answer.status, 200 | 409)));
        let mut had = [mina.boosts().await, juno.boosts().await];
        had.sort_unstable();
        assert_eq!(had, [0, 5]);

        let purchase = boosts(&mina.account_token().await, "2000000000000009");
        let (notice, signed) = (
            world.mints_notice("ONE_TIME_CHARGE", None, &purchase, &json!({})).await,
            world.mints(purchase.clone()).await,
        );
        let before = mina.boosts().await;
        let both = join_all((0..10).map(|_| async { tokio::join!(world.delivers(&notice), mina.hands_in(&signed)) }));
        for (delivered, handed_in) in both.await {
            delivered.expect(200);
            handed_in.expect(200);
        }
        assert_eq!(mina.boosts().await - before, 5);
        assert_eq!(world.count_of("select count(*) from app_store_notifications").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_refund_takes_back_even_what_is_older_by_arrival_and_its_reversal_returns() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let purchase = boosts(&mina.account_token().await, "2000000000000001");
        let charge = world.mints_notice("ONE_TIME_CHARGE", None, &purchase, &json!({})).await;
        let device = world.mints(purchase.clone()).await;
        world.moment().await;
        let refund = world.mints_notice("REFUND", None, &purchase, &json!({})).await;
        world.moment().await;
        let reversal = world.mints_notice("REFUND_REVERSED", None, &purchase, &json!({})).await;
        // The refund comes first; what was signed before it, later.
        for (notice, left) in [(&refund, 0), (&charge, 0), (&reversal, 5), (&refund, 5), (&charge, 5)] {
            world.delivers(notice).await.expect(200);
            assert_eq!(mina.boosts().await, left);
        }
        mina.hands_in(&device).await.expect(200);
        assert_eq!(mina.boosts().await, 5);
        world.moment().await;
        let revoked = with(purchase, &json!({"claims": {"revocationDate": world.days(0), "revocationReason": 0}}));
        mina.hands_in(&world.mints(revoked).await).await.expect(200);
        assert_eq!(mina.boosts().await, 0, "the device's own copy says so");
        let changed = world.count_of("select count(*) from app_store_notifications where changed").await;
        assert_eq!((changed, world.count_of("select count(*) from app_store_notifications").await), (2, 3));
    })
    .await;
}

#[tokio::test]
async fn every_kind_of_notification_is_kept_and_answered_200() {
    world(|world| async move {
        let mut sent = 0;
        for (kind, subtypes) in nbbang_simulator::app_store::messages::NOTIFICATIONS {
            for subtype in *subtypes {
                world.notifies(kind, *subtype, &json!({})).await;
                sent += 1;
            }
        }
        world.notifies("OF_2031", Some("ALSO_NEW"), &json!({"product_id": "not_ours"})).await;
        world.notifies("REFUND", None, &json!({"product_id": "not_ours"})).await;
        let test = world.mints_notice("TEST", None, &json!({}), &json!({})).await;
        for _ in 0..3 {
            world.delivers(&test).await.expect(200);
        }
        let kept = world.count_of("select count(*) from app_store_notifications").await;
        assert_eq!(kept, sent + 3);
        let texts = "select count(*) from app_store_notifications where kind = 'OF_2031' and subtype = 'ALSO_NEW'
             and effect = 'record' and not changed and payload::jsonb ? 'notificationUUID'";
        assert_eq!(world.count_of(texts).await, 1);
    })
    .await;
}

#[track_caller]
fn is_refused(tamper: &str, answer: &Answer) {
    let expected = if tamper == "too_long" { (413, "payload_too_large") } else { (422, "purchase_invalid") };
    assert_eq!((answer.status, answer.body["code"].as_str().unwrap()), expected, "{tamper}");
}

#[tokio::test]
async fn nothing_forged_is_believed_or_kept() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let token = mina.account_token().await;
        let tampers = world.sim("GET", "/__sim/app-store/tampers", Value::Null).await;
        let tampers: Vec<&str> =
            tampers["tampers"].as_array().unwrap().iter().map(|tamper| tamper.as_str().unwrap()).collect();
        assert!(tampers.len() > 60, "{tampers:?}");
        for tamper in tampers {
            let purchase =
                with(boosts(&token, "2000000000000001"), &json!({"tamper": tamper, "environment": "Production"}));
            // A transaction names no app by number; only what is around it does.
            if !tamper.starts_with("app_id") && !matches!(tamper, "two_contents" | "no_content") {
                let signed = world.mints(purchase.clone()).await;
                let inside = world.mints_notice("ONE_TIME_CHARGE", None, &purchase, &json!({})).await;
                is_refused(tamper, &mina.hands_in(&signed).await);
                is_refused(tamper, &world.delivers(&inside).await);
            }
            let whole = with(boosts(&token, "2000000000000001"), &json!({"environment": "Production"}));
            let whole = world.mints_notice("ONE_TIME_CHARGE", None, &whole, &json!({"tamper": tamper})).await;
            is_refused(tamper, &world.delivers(&whole).await);
        }
        // The one for the other, and what is none at all.
        let purchase = boosts(&token, "2000000000000001");
        let signed = world.mints(purchase.clone()).await;
        let notice = world.mints_notice("ONE_TIME_CHARGE", None, &purchase, &json!({})).await;
        let notice = notice["signedPayload"].as_str().unwrap();
        assert_eq!(mina.hands_in(notice).await.code(422), "purchase_invalid");
        assert_eq!(world.delivers(&json!({"signedPayload": signed})).await.code(422), "purchase_invalid");
        for text in ["", "a.b.c", "a.b.c.d", "..", &"x".repeat(60_000)] {
            assert_eq!(mina.hands_in(text).await.code(422), "purchase_invalid");
            assert_eq!(world.delivers(&json!({"signedPayload": text})).await.code(422), "purchase_invalid");
        }
        for body in [json!({}), json!({"signedPayload": 1}), json!([]), json!({"signedPayload": null})] {
            assert_eq!(world.delivers(&body).await.code(400), "malformed", "{body}");
        }
        assert_eq!(world.count_of(ROWS).await, 0);
        assert_eq!(mina.boosts().await, 0);
    })
    .await;
}

#[tokio::test]
async fn what_no_store_would_sign_is_refused_though_it_is_signed() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let long = "2".repeat(5_000);
        let claims = [
            json!({"transactionId": "2\u{0}"}),
            json!({"transactionId": ""}),
            json!({"originalTransactionId": "2\u{0}"}),
            json!({"originalTransactionId": long}),
            json!({"productId": "boost_5\u{0}"}),
            json!({"productId": "boost_50"}),
            json!({"type": "Non-Consumable"}),
            json!({"type": "Auto-Renewable Subscription"}),
            json!({"quantity": -1}),
            json!({"quantity": 4_294_967_296_i64}),
            json!({"appAccountToken": "mina"}),
            json!({"purchaseDate": -62_167_219_200_001_i64}),
            json!({"revocationDate": 253_402_300_799_999_i64}),
        ];
        for claims in claims {
            let purchase = json!({"product_id": "boost_5", "claims": claims});
            let answer = mina.hands_in(&world.mints(purchase.clone()).await).await;
            assert_eq!(answer.code(422), "purchase_invalid", "{claims:.200}");
            let notice = world.mints_notice("ONE_TIME_CHARGE", None, &purchase, &json!({})).await;
            let answer = world.delivers(&notice).await;
            assert!(matches!(answer.status, 200 | 422), "{claims:.200}: {}", answer.text);
        }
        let endless = json!({"product_id": "plus_monthly", "claims": {"expiresDate": null}});
        assert_eq!(mina.hands_in(&world.mints(endless).await).await.code(422), "purchase_invalid");
        for odd in [json!({"notificationType": "A\u{0}"}), json!({"subtype": "\u{0}"}), json!({"subtype": long})] {
            let notice = world.mints_notice("TEST", None, &json!({}), &json!({"claims": odd})).await;
            assert_eq!(world.delivers(&notice).await.code(422), "purchase_invalid");
        }
        // None at all, and more than can be counted.
        for quantity in [0_u32, u32::MAX] {
            let purchase = json!({"product_id": "boost_5", "claims": {"quantity": quantity}});
            mina.hands_in(&world.mints(purchase).await).await.expect(200);
        }
        assert_eq!(mina.boosts().await, 0);
        assert_eq!(mina.plus().await, (false, "none".to_owned()));
    })
    .await;
}

#[tokio::test]
async fn the_sandbox_counts_for_testers_alone() {
    world_with(
        |config| config.sandbox_for_all = false,
        |world| async move {
            let mina = world.person("mina").await;
            let token = mina.account_token().await;
            let sandbox = boosts(&token, "2000000000000001");
            assert_eq!(mina.hands_in(&world.mints(sandbox.clone()).await).await.code(403), "not_a_tester");
            assert_eq!(world.count_of(ROWS).await, 0);
            world.notifies("ONE_TIME_CHARGE", None, &sandbox).await;
            let plus = json!({"app_account_token": token, "transaction_id": "2000000000000002"});
            world.notifies("SUBSCRIBED", None, &plus).await;
            assert_eq!(mina.has().await, json!({"plus": {"active": false, "state": "none"}, "boosts": 0}));
            assert!(mina.get("/v1/me").await.expect(200).get("plus_until").is_none());

            let id = nbbang::domain::id::Id::parse(&mina.id).unwrap();
            nbbang::app::entitlements::add_tester(&world.app, id).await.unwrap();
            nbbang::app::entitlements::add_tester(&world.app, id).await.unwrap();
            mina.hands_in(&world.mints(sandbox).await).await.expect(200);
            let has = mina.has().await;
            assert_eq!((&has["boosts"], &has["plus"]["environment"]), (&json!(5), &json!("sandbox")));
            nbbang::app::entitlements::remove_tester(&world.app, id).await.unwrap();
            assert!(nbbang::app::entitlements::remove_tester(&world.app, id).await.is_err());
            assert_eq!((mina.boosts().await, mina.plus().await.0), (0, false));

            let real = with(boosts(&token, "2000000000000003"), &json!({"environment": "Production"}));
            mina.hands_in(&world.mints(real).await).await.expect(200);
            assert_eq!(mina.boosts().await, 5);
        },
    )
    .await;
}

#[tokio::test]
async fn without_an_app_nothing_is_sold() {
    world_with(
        |config| config.app_store.bundle_id = None,
        |world: std::sync::Arc<World>| async move {
            let mina = world.person("mina").await;
            assert_eq!(mina.get("/v1/products").await.code(404), "not_found");
            let signed = world.mints(json!({})).await;
            assert_eq!(mina.hands_in(&signed).await.code(404), "not_found");
            assert_eq!(world.delivers(&json!({"signedPayload": signed})).await.code(404), "not_found");
            assert_eq!(mina.plus().await, (false, "none".to_owned()));
        },
    )
    .await;
}
