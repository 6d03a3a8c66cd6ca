//! What is as it should be is accepted, with everything that Apple may add.

use super::*;
use crate::domain::purchase::{NotificationType, Ownership, ProductType, Subtype};

#[test]
fn a_transaction_says_what_was_bought() {
    for pki in PKIS.iter() {
        let more = json!({
            "appAccountToken": "7E3FB20B-4CDB-47CC-936D-99D65F608138",
            "revocationDate": 1_698_148_950_000_i64, "revocationReason": 1, "isUpgraded": true,
        });
        let jws = pki.sign(&changed(transaction(), &more)).unwrap();
        let bought = verifier(pki).verify_transaction(&jws, NOW).unwrap();
        assert_eq!((bought.transaction_id.as_str(), bought.product_id.as_str()), ("2000000900000001", "plus_monthly"));
        assert_eq!(bought.product_type, ProductType::AutoRenewable);
        assert_eq!(bought.in_app_ownership_type, Some(Ownership::Purchased));
        assert_eq!(bought.app_account_token.unwrap().to_string(), "7e3fb20b-4cdb-47cc-936d-99d65f608138");
        assert_eq!((bought.environment(), bought.signed_at()), (Environment::Production, NOW));
        assert_eq!(bought.expires_date, Some(NOW + Duration::days(30)));
        assert_eq!(
            (bought.revocation_date, bought.is_upgraded),
            (Some(datetime!(2023-10-24 12:02:30 UTC)), Some(true))
        );
        assert_eq!(serde_json::from_str::<Value>(bought.text()).unwrap()["storefront"], "KOR", "all of it is kept");
    }
}

#[test]
fn every_type_of_notification_is_accepted_in_both_environments() {
    for pki in PKIS.iter() {
        let verifier = verifier(pki);
        for environment in ["Production", "Sandbox"] {
            let to = |claims: Value| changed(claims, &json!({ "environment": environment }));
            let inside = Inside {
                transaction: Some(pki.sign(&to(transaction())).unwrap()),
                renewal_info: Some(pki.sign(&to(renewal_info())).unwrap()),
                app_transaction: Some(
                    pki.sign(&changed(app_transaction(), &json!({ "receiptType": environment }))).unwrap(),
                ),
            };
            for (kind, subtypes) in messages::NOTIFICATIONS {
                for subtype in *subtypes {
                    let claims = messages::notification(&app(environment), kind, *subtype, UUID, &inside, NOW);
                    let accepted = verifier.verify_notification(&pki.sign(&claims).unwrap(), NOW).unwrap();
                    assert_eq!(accepted.body().notification_type.word(), *kind);
                    assert_eq!(accepted.body().subtype.as_ref().map(Subtype::word), *subtype);
                    assert!(!matches!(accepted.body().notification_type, NotificationType::Unknown(_)), "{kind}");
                    assert!(!matches!(accepted.body().subtype, Some(Subtype::Unknown(_))), "{subtype:?}");
                    let has_data = claims["data"]["signedTransactionInfo"].is_string();
                    assert_eq!(accepted.transaction().is_some(), has_data);
                    assert_eq!(accepted.renewal_info().is_some(), has_data);
                    assert_eq!(accepted.app_transaction().is_some(), *kind == "RESCIND_CONSENT");
                }
            }
        }
    }
    let known: Vec<&str> = messages::NOTIFICATIONS.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(known, NotificationType::WORDS, "the simulator sends every type that we know");
}

#[test]
fn what_apple_adds_is_no_reason_to_refuse() {
    let pki = &PKIS[0];
    let verifier = verifier(pki);
    let added =
        json!({ "notificationType": "FIRST_SEEN_IN_2031", "subtype": "SO_IS_THIS", "new": { "a": [1.5, true, "x"] } });
    let jws = pki.sign(&changed(notification(&inside(pki)), &added)).unwrap();
    let accepted = verifier.verify_notification(&jws, NOW).unwrap();
    assert_eq!(accepted.body().notification_type, NotificationType::Unknown("FIRST_SEEN_IN_2031".into()));
    assert_eq!(accepted.body().subtype, Some(Subtype::Unknown("SO_IS_THIS".into())));
    assert!(accepted.body().text().contains(r#""new":{"a":[1.5,true,"x"]}"#));

    let added = json!({ "type": "Lease", "inAppOwnershipType": "LENT", "offerDiscountType": "HALF", "price": null });
    let bought = verifier.verify_transaction(&pki.sign(&changed(transaction(), &added)).unwrap(), NOW).unwrap();
    assert_eq!(bought.product_type, ProductType::Unknown("Lease".into()));
    assert_eq!(bought.in_app_ownership_type, Some(Ownership::Unknown("LENT".into())));
}

/// They are hints of where to find a key, and ours is in `x5c`.
#[test]
fn hints_in_the_header_are_ignored() {
    let pki = &PKIS[0];
    let open = pki.header();
    let header = format!(
        r#"{},"typ":"JWT","kid":"k","jku":"https://a.example","x5u":"https://b.example","jwk":{{}}}}"#,
        &open[..open.len() - 1]
    );
    let jws = pki.sign_raw(&header, transaction().to_string().as_bytes()).unwrap();
    assert!(verifier(pki).verify_transaction(&jws, NOW).is_ok());
}

/// The sandbox does not know the app's number; production has to.
#[test]
fn the_sandbox_may_leave_out_the_apps_number() {
    let pki = &PKIS[0];
    for over in [json!({ "data": { "appAppleId": null } }), json!({ "data": { "appAppleId": 1 } })] {
        let claims = messages::notification(&app("Sandbox"), "TEST", None, UUID, &Inside::default(), NOW);
        let jws = pki.sign(&changed(claims, &over)).unwrap();
        assert!(verifier(pki).verify_notification(&jws, NOW).is_ok());
    }
}

/// Devices hold transactions for years, and certificates do not last that long.
#[test]
fn an_old_transaction_is_good_after_its_certificates_have_expired() {
    let pki = &PKIS[0];
    let jws = pki.sign(&transaction()).unwrap();
    assert!(verifier(pki).verify_transaction(&jws, datetime!(2070-01-01 0:00 UTC)).is_ok());
}

#[test]
fn production_needs_the_apps_number() {
    let roots = || Roots::from_der(vec![PKIS[0].root_der().to_vec()]).unwrap();
    let sentence = Verifier::new(roots(), BUNDLE_ID, None, vec![Environment::Production]).err().unwrap();
    assert!(sentence.contains("NBBANG_APP_STORE_APP_APPLE_ID"), "{sentence}");
    assert!(Verifier::new(roots(), BUNDLE_ID, None, vec![Environment::Sandbox]).is_ok());
}
