//! Plus: what the store's messages make of a subscription, and what it allows while it lasts.

use serde_json::{Value, json};

use crate::crowd::place;
use crate::person::{Person, draft, id};
use crate::store::with;
use crate::world::{World, world};

fn plus(token: &str) -> Value {
    json!({"app_account_token": token, "transaction_id": "2000000000000001"})
}

async fn state(mina: &Person) -> String {
    let has = mina.has().await;
    let until = mina.get("/v1/me").await.expect(200).get("plus_until").cloned();
    let expected = has["plus"]["active"].as_bool().unwrap().then(|| has["plus"]["expires_at"].clone());
    assert_eq!(until, expected, "the profile says the same");
    has["plus"]["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_month_is_bought_renewed_failed_and_given_up() {
    world(|world| async move {
        let mina = world.person("mina").await;
        assert_eq!(mina.has().await["plus"], json!({"active": false, "state": "none"}));
        let bought = plus(&mina.account_token().await);
        world.notifies("SUBSCRIBED", Some("INITIAL_BUY"), &bought).await;
        let has = mina.has().await["plus"].clone();
        assert_eq!((&has["active"], &has["state"], &has["will_renew"]), (&json!(true), &json!("active"), &json!(true)));
        assert_eq!(has["environment"], "sandbox");
        let old = world.mints_notice("SUBSCRIBED", Some("RESUBSCRIBE"), &bought, &json!({})).await;
        world.later(29).await;
        assert_eq!(state(&mina).await, "active");

        // The second month: its renewal comes before the notice that renewal was switched off, and an old one after both.
        let second = with(
            bought,
            &json!({"transaction_id": "2000000000000002", "claims": {
                "originalTransactionId": "2000000000000001", "purchaseDate": world.days(0), "expiresDate": world.days(30),
            }}),
        );
        world.notifies("DID_RENEW", None, &second).await;
        world.moment().await;
        let off = json!({"renewal_claims": {"autoRenewStatus": 0}});
        world.notifies_with("DID_CHANGE_RENEWAL_STATUS", Some("AUTO_RENEW_DISABLED"), &second, &off).await;
        world.delivers(&old).await.expect(200);
        world.later(29).await;
        let has = mina.has().await["plus"].clone();
        assert_eq!((&has["state"], &has["will_renew"]), (&json!("active"), &json!(false)));
        let grace =
            json!({"renewal_claims": {"isInBillingRetryPeriod": true, "gracePeriodExpiresDate": world.days(17)}});
        world.later(1).await;
        world.moves_clocks(60).await;
        world.notifies_with("DID_FAIL_TO_RENEW", Some("GRACE_PERIOD"), &second, &grace).await;
        assert_eq!((state(&mina).await, mina.plus().await.0), ("grace".to_owned(), true));
        world.later(16).await;
        assert_eq!((state(&mina).await, mina.plus().await.0), ("billing_retry".to_owned(), false));
        let retry = json!({"renewal_claims": {"isInBillingRetryPeriod": true}});
        world.notifies_with("GRACE_PERIOD_EXPIRED", None, &second, &retry).await;
        assert_eq!(state(&mina).await, "billing_retry");

        let third = with(
            second.clone(),
            &json!({
                "transaction_id": "2000000000000003", "claims": {"originalTransactionId": "2000000000000001"},
            }),
        );
        world.notifies("DID_RENEW", Some("BILLING_RECOVERY"), &third).await;
        assert_eq!(state(&mina).await, "active");
        world.moment().await;
        // News of the second month, however new, is not about this one.
        world.notifies("EXPIRED", Some("BILLING_RETRY"), &second).await;
        assert_eq!(state(&mina).await, "active");
        world.later(31).await;
        assert_eq!((state(&mina).await, mina.plus().await.0), ("expired".to_owned(), false));
    })
    .await;
}

#[tokio::test]
async fn a_failed_renewal_without_grace_has_no_access_and_ends_by_itself() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let until = world.days(30);
        let bought = with(
            plus(&mina.account_token().await),
            &json!({"claims": {
                "purchaseDate": world.days(0), "expiresDate": until,
            }}),
        );
        mina.hands_in(&world.mints(bought.clone()).await).await.expect(200);
        world.later(30).await;
        world.moves_clocks(60).await;
        assert_eq!(state(&mina).await, "expired");
        let retry = json!({"renewal_claims": {"isInBillingRetryPeriod": true}});
        world.notifies_with("DID_FAIL_TO_RENEW", None, &bought, &retry).await;
        assert_eq!((state(&mina).await, mina.plus().await.0), ("billing_retry".to_owned(), false));
        world.later(60).await;
        assert_eq!(state(&mina).await, "expired");
    })
    .await;
}

#[tokio::test]
async fn a_refund_revokes_its_reversal_returns_and_the_family_shares_until_it_does_not() {
    world(|world| async move {
        let (mina, juno) = (world.person("mina").await, world.person("juno").await);
        let bought = with(
            plus(&mina.account_token().await),
            &json!({"claims": {
                "purchaseDate": world.days(0), "expiresDate": world.days(30),
            }}),
        );
        let subscribed = world.mints_notice("SUBSCRIBED", None, &bought, &json!({})).await;
        world.moment().await;
        let refund = world.mints_notice("REFUND", None, &bought, &json!({})).await;
        world.moment().await;
        let reversal = world.mints_notice("REFUND_REVERSED", None, &bought, &json!({})).await;
        for (notice, expected) in
            [(&refund, "revoked"), (&subscribed, "revoked"), (&reversal, "active"), (&refund, "active")]
        {
            world.delivers(notice).await.expect(200);
            assert_eq!(state(&mina).await, expected);
        }
        // Somebody in the family: a purchase of his own, without an account's token.
        let shared = json!({"transaction_id": "2000000000000007", "claims": {
            "inAppOwnershipType": "FAMILY_SHARED", "purchaseDate": world.days(0), "expiresDate": world.days(30),
        }});
        juno.hands_in(&world.mints(shared.clone()).await).await.expect(200);
        assert_eq!(juno.plus().await, (true, "active".to_owned()));
        world.moment().await;
        world.notifies("REVOKE", None, &shared).await;
        assert_eq!((juno.plus().await, state(&mina).await), ((false, "revoked".to_owned()), "active".to_owned()));
    })
    .await;
}

async fn subscribes(world: &World, person: &Person) {
    world.notifies("SUBSCRIBED", Some("INITIAL_BUY"), &plus(&person.account_token().await)).await;
}

#[tokio::test]
async fn it_allows_two_parties_of_twenty_and_they_stay_so_when_it_lapses() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let deadline = |days: i64| {
            let at = world.app.clock.now() + time::Duration::days(days) - time::Duration::hours(1);
            at.format(&time::format_description::well_known::Rfc3339).unwrap()
        };
        let large = |n: usize, days| {
            draft(&json!({"capacity": 20, "min_members": 2, "pickup": place(n), "deadline_at": deadline(days)}))
        };
        assert_eq!(mina.post("/v1/parties", large(0, 1)).await.code(422), "invalid");
        subscribes(&world, &mina).await;
        world.later(29).await;
        world.moves_clocks(86_400 - 60).await;
        let answers = futures_util::future::join_all((0..6).map(|n| mina.post("/v1/parties", large(n, 1)))).await;
        let (opened, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(opened.len(), 2);
        for answer in refused {
            assert_eq!(answer.code(409), "already_hosting");
        }
        let parties: Vec<String> = opened.iter().map(|answer| id(&answer.body)).collect();

        world.moves_clocks(120).await;
        assert_eq!(mina.plus().await, (false, "expired".to_owned()));
        for party in &parties {
            assert_eq!(mina.room(party).await["capacity"], 20);
            let path = format!("/v1/parties/{party}");
            for capacity in [12, 20] {
                mina.patch(&path, json!({"capacity": capacity})).await.expect(200);
            }
            assert_eq!(mina.patch(&path, json!({"capacity": 21})).await.code(422), "invalid");
        }
        let small = || draft(&json!({"deadline_at": deadline(1)}));
        for party in &parties {
            assert_eq!(mina.post("/v1/parties", small()).await.code(409), "already_hosting");
            mina.cancels(party, "host").await.expect(200);
            world.settle().await;
        }
        let answers = futures_util::future::join_all((0..4).map(|_| mina.post("/v1/parties", small()))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    })
    .await;
}
