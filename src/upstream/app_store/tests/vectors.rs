//! What Apple publishes to test its own libraries, read from where cargo has put the crate that carries it.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::super::jws::X5c;
use super::*;

const CARRIER: &str = "app-store-server-library";

/// The source of the crate, of the version that Cargo.lock has: it is a dependency of these tests, so it is always there.
static SOURCE: LazyLock<PathBuf> = LazyLock::new(|| {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let told = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "host-tuple"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    let packages = told["packages"].as_array().unwrap();
    let manifest = packages.iter().find(|it| it["name"] == CARRIER).unwrap()["manifest_path"].as_str().unwrap();
    Path::new(manifest).parent().unwrap().to_owned()
});

fn bytes(name: &str) -> Vec<u8> {
    let path = SOURCE.join("tests/resources").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub fn text(name: &str) -> String {
    String::from_utf8(bytes(name)).unwrap()
}

/// The verifier that Apple's suite makes, here for these environments.
fn apples(environments: &[Environment], app_apple_id: i64) -> Verifier {
    let roots = Roots::from_der(vec![bytes("certs/testCA.der")]).unwrap();
    Verifier::new(roots, "com.example", Some(app_apple_id), environments.to_vec()).unwrap()
}

fn rule<T>(verdict: Result<T, Rejection>) -> Option<Rule> {
    verdict.err().map(|it| it.rule)
}

#[test]
fn apples_signed_messages() {
    let sandbox = apples(&[Environment::Sandbox], 1234);
    let jws = text("mock_signed_data/testNotification");
    let accepted = sandbox.verify_notification(&jws, NOW).unwrap();
    assert_eq!(accepted.body().notification_type.word(), "TEST");
    assert_eq!(accepted.body().notification_uuid.to_string(), "9ad56bd2-0bc6-42e0-af24-fd996d87a1e6");
    assert_eq!(messages::millis(accepted.body().signed_at()), 1_681_314_324_000);
    assert_eq!(rule(apples(&[Environment::Production], 1234).verify_notification(&jws, NOW)), Some(Rule::Environment));
    let other = Roots::from_der(vec![bytes("certs/testCA.der")]).unwrap();
    let other = Verifier::new(other, "com.examplex", Some(1234), vec![Environment::Sandbox]).unwrap();
    assert_eq!(rule(other.verify_notification(&jws, NOW)), Some(Rule::BundleId));

    let refused = |name| rule(sandbox.verify_notification(&text(name), NOW));
    assert_eq!(refused("mock_signed_data/missingX5CHeaderClaim"), Some(Rule::ChainLength));
    // Signed well, for another app and without a date; Apple's libraries would take the present for it.
    assert_eq!(refused("mock_signed_data/wrongBundleId"), Some(Rule::SignedDateMissing));
    for name in ["mock_signed_data/transactionInfo", "mock_signed_data/renewalInfo"] {
        assert_eq!(refused(name), Some(Rule::Kind), "{name}");
    }
    for jws in ["a.b.c", "a.b.c.d", "", &text("mock_signed_data/legacyTransaction")] {
        assert!(sandbox.verify_transaction(jws, NOW).is_err() && sandbox.verify_notification(jws, NOW).is_err());
    }
}

/// They pass every rule of cryptography, and then lack what a real one has: Apple's libraries leave that to their callers.
#[test]
fn apples_signed_stubs() {
    let sandbox = apples(&[Environment::Sandbox], 1234);
    let (transaction, renewal) = (text("mock_signed_data/transactionInfo"), text("mock_signed_data/renewalInfo"));
    assert_eq!(rule(sandbox.verify_transaction(&transaction, NOW)), Some(Rule::PayloadField));
    assert_eq!(rule(sandbox.verify_renewal_info(&renewal, NOW)), Some(Rule::PayloadField));
    for jws in [&transaction, &renewal] {
        sandbox.chains.signer(&Jws::split(jws).unwrap()).unwrap();
    }
    assert_eq!(rule(sandbox.verify_transaction(&renewal, NOW)), Some(Rule::Kind));
}

#[test]
fn what_xcode_signs_is_refused() {
    let sandbox = apples(&[Environment::Sandbox, Environment::Production], 1234);
    for name in ["xcode-signed-transaction", "xcode-signed-app-transaction", "xcode-signed-renewal-info"] {
        let jws = text(&format!("xcode/{name}"));
        for token in Token::ALL.iter().copied() {
            assert_eq!(wrong(&sandbox, token, &jws).map(|it| it.rule), Some(Rule::ChainLength), "{name}");
        }
    }
    for name in ["xcode-app-receipt-empty", "xcode-app-receipt-with-transaction", "xcode-app-receipt-legacy"] {
        assert!(sandbox.verify_transaction(&text(&format!("xcode/{name}")), NOW).is_err());
    }
}

/// Apple's payloads, signed by us in place of Apple.
#[test]
fn apples_payloads() {
    let pki = &PKIS[1];
    let roots = || Roots::from_der(vec![pki.root_der().to_vec()]).unwrap();
    let verifier =
        |app_apple_id| Verifier::new(roots(), "com.example", Some(app_apple_id), vec![Environment::Sandbox]).unwrap();
    let signed = |name: &str, over: &Value| {
        let claims: Value = serde_json::from_str(&text(&format!("models/{name}.json"))).unwrap();
        pki.sign(&changed(claims, over)).unwrap()
    };
    let sandbox = json!({ "environment": "Sandbox" });
    let (transaction, renewal) = (signed("signedTransaction", &sandbox), signed("signedRenewalInfo", &sandbox));
    let app_transaction = signed("appTransaction", &json!({ "receiptType": "Sandbox" }));
    let it = verifier(41234);
    let bought = it.verify_transaction(&transaction, NOW).unwrap();
    assert_eq!((bought.transaction_id.as_str(), bought.original_transaction_id.as_str()), ("23456", "12345"));
    let revoked = it.verify_transaction(&signed("signedTransactionWithRevocation", &sandbox), NOW).unwrap();
    assert!(revoked.revocation_date.is_some());
    assert_eq!(it.verify_renewal_info(&renewal, NOW).unwrap().is_in_billing_retry_period, Some(true));
    assert!(it.verify_app_transaction(&app_transaction, NOW).is_ok());

    let data = json!({ "data": { "environment": "Sandbox", "signedTransactionInfo": transaction, "signedRenewalInfo": renewal } });
    for name in ["signedNotification", "signedConsumptionRequestNotification"] {
        let accepted = it.verify_notification(&signed(name, &data), NOW).unwrap();
        assert!(accepted.transaction().is_some() && accepted.renewal_info().is_some(), "{name}");
    }
    let stub = it.verify_notification(&signed("signedNotification", &json!({ "data": sandbox })), NOW).err().unwrap();
    assert_eq!(
        stub,
        Rejection { token: Token::Transaction, rule: Rule::Segments },
        "\"signed_transaction_info_value\""
    );
    let summary = json!({ "summary": { "environment": "Sandbox" } });
    assert!(it.verify_notification(&signed("signedSummaryNotification", &summary), NOW).is_ok());
    let app_data = json!({ "appData": { "environment": "Sandbox", "signedAppTransactionInfo": app_transaction } });
    let rescinded = it.verify_notification(&signed("signedRescindConsentNotification", &app_data), NOW).unwrap();
    assert!(rescinded.app_transaction().is_some());
    let token = |name| verifier(55555).verify_notification(&signed(name, &json!({})), NOW);
    assert!(token("signedExternalPurchaseTokenSandboxNotification").is_ok());
    assert_eq!(rule(token("signedExternalPurchaseTokenNotification")), Some(Rule::Environment));
}

/// One of the certificates that stand in the sources of the library's tests.
fn certificate(name: &str) -> Vec<u8> {
    let source = std::fs::read_to_string(SOURCE.join("tests/common/mod.rs")).unwrap();
    let (_, rest) = source.split_once(&format!("const {name}_BASE64_ENCODED: &str = \"")).unwrap();
    STANDARD.decode(rest.split_once('"').unwrap().0).unwrap()
}

/// The header with these certificates, as far as the key that it leads to.
fn chain(verifier: &Verifier, names: [&str; 3]) -> Option<Rule> {
    let x5c = names.map(certificate);
    verifier.chains.leaf(&X5c(x5c)).err()
}

/// Nobody but Apple has the key to sign a message with; this goes as far as that.
#[test]
fn apples_real_certificates() {
    assert_eq!(bytes("certs/AppleRootCA-G3.cer"), certificate("REAL_APPLE_ROOT"));
    let names = ["REAL_APPLE_SIGNING_CERTIFICATE", "REAL_APPLE_INTERMEDIATE", "REAL_APPLE_ROOT"];
    let built_in =
        Verifier::new(Roots::built_in().unwrap(), "com.example", Some(1), vec![Environment::Production]).unwrap();
    let leaf = built_in.chains.leaf(&X5c(names.map(certificate))).unwrap();
    assert!(leaf.was_valid_at(Time::from_unix_timestamp(1_761_962_975).unwrap()));
    assert!(!leaf.was_valid_at(datetime!(2025-09-01 0:00 UTC)) && !leaf.was_valid_at(datetime!(2028-01-01 0:00 UTC)));
    assert_eq!(chain(&apples(&[Environment::Sandbox], 1), names), Some(Rule::UnknownRoot));

    // And a message that borrows them.
    let header = json!({ "alg": "ES256", "x5c": names.map(|name| STANDARD.encode(certificate(name))) });
    let jws = PKIS[0].sign_raw(&header.to_string(), transaction().to_string().as_bytes()).unwrap();
    assert_eq!(rule(built_in.verify_transaction(&jws, NOW)), Some(Rule::Signature));
    let none = format!("{}.{}.", URL_SAFE_NO_PAD.encode(br#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode(b"{}"));
    assert!(built_in.verify_transaction(&none, NOW).is_err());
}

#[test]
fn apples_test_certificates() {
    let verifier = apples(&[Environment::Sandbox], 1);
    assert_eq!(chain(&verifier, ["LEAF_CERT", "INTERMEDIATE_CA", "ROOT_CA"]), None);
    for (names, rule) in [
        (["LEAF_CERT_INVALID_OID", "INTERMEDIATE_CA", "ROOT_CA"], Rule::LeafMark),
        (
            ["LEAF_CERT_FOR_INTERMEDIATE_CA_INVALID_OID", "INTERMEDIATE_CA_INVALID_OID", "ROOT_CA"],
            Rule::IntermediateMark,
        ),
        (["INTERMEDIATE_CA", "LEAF_CERT", "ROOT_CA"], Rule::IntermediateIssuer),
        (["LEAF_CERT", "INTERMEDIATE_CA", "REAL_APPLE_ROOT"], Rule::UnknownRoot),
        (["REAL_APPLE_SIGNING_CERTIFICATE", "INTERMEDIATE_CA", "ROOT_CA"], Rule::LeafIssuer),
    ] {
        assert_eq!(chain(&verifier, names), Some(rule), "{names:?}");
    }
}
