//! What is remembered saves work, and is never a way around a check.

use super::*;

#[test]
fn only_what_was_verified_is_remembered() {
    let pki = &PKIS[0];
    let verifier = verifier(pki);
    let before_any_leaf = [
        Tamper::ForeignChain,
        Tamper::ForeignChainUnderRoot,
        Tamper::LeafAsIssuer,
        Tamper::IntermediateNotCa,
        Tamper::IntermediateWrongUsage,
        Tamper::IntermediateUnmarked,
        Tamper::IntermediateBitFlipped,
        Tamper::AlgorithmEs384,
        Tamper::CriticalUnknown,
        Tamper::LeafAsRoot,
    ];
    for tamper in before_any_leaf {
        assert!(verifier.verify_transaction(&pki.forge(&transaction(), tamper).unwrap(), NOW).is_err());
    }
    assert_eq!(verifier.chains.remembered(), [0, 0, 0]);
    // Under the real intermediate: that one is remembered, and the leaf is not.
    for tamper in [Tamper::ForeignLeaf, Tamper::LeafUnmarked, Tamper::LeafIsCa, Tamper::LeafBitFlipped] {
        assert!(verifier.verify_transaction(&pki.forge(&transaction(), tamper).unwrap(), NOW).is_err());
    }
    assert_eq!(verifier.chains.remembered(), [0, 0, 1]);
    // Under the real chain: that one is remembered, and a header is not that nobody has signed.
    for tamper in
        [Tamper::OtherKey, Tamper::PayloadChanged, Tamper::HeaderChanged, Tamper::OwnJwk, Tamper::SignatureZero]
    {
        assert!(verifier.verify_transaction(&pki.forge(&transaction(), tamper).unwrap(), NOW).is_err());
    }
    assert_eq!(verifier.chains.remembered(), [0, 1, 1]);
    for _ in 0..3 {
        assert!(verifier.verify_transaction(&pki.sign(&transaction()).unwrap(), NOW).is_ok());
    }
    assert_eq!(verifier.chains.remembered(), [1, 1, 1]);
}

#[test]
fn what_is_remembered_has_an_end() {
    let pki = &PKIS[0];
    let verifier = verifier(pki);
    for at in 0..100 {
        let header = pki.header().replace("ES256\"", &format!("ES256\",\"kid\":\"{at}\""));
        let jws = pki.sign_raw(&header, transaction().to_string().as_bytes()).unwrap();
        assert!(verifier.verify_transaction(&jws, NOW).is_ok());
    }
    assert_eq!(verifier.chains.remembered(), [32, 1, 1]);
}

/// The dates are asked at each use, of a chain that is remembered too.
#[test]
fn dates_are_checked_each_time() {
    let pki = &PKIS[0];
    let verifier = verifier(pki);
    let dated = |date: &Value| pki.sign(&changed(transaction(), &json!({ "signedDate": date }))).unwrap();
    for _ in 0..2 {
        assert!(verifier.verify_transaction(&dated(&json!(messages::millis(NOW))), NOW).is_ok());
        // The leaf is valid from 2022-01-01 to 2050-01-01, both included.
        let from = dated(&json!(1_640_995_200_000_i64));
        assert!(verifier.verify_transaction(&from, NOW).is_ok());
        let before = verifier.verify_transaction(&dated(&json!(1_640_995_199_999_i64)), NOW).err();
        assert_eq!(before, Some(Rejection { token: Token::Transaction, rule: Rule::CertificateDates }));
        let after =
            verifier.verify_transaction(&dated(&json!(2_524_608_001_000_i64)), datetime!(2055-01-01 0:00 UTC)).err();
        assert_eq!(after, Some(Rejection { token: Token::Transaction, rule: Rule::CertificateDates }));
        let last = dated(&json!(2_524_608_000_000_i64));
        assert!(verifier.verify_transaction(&last, datetime!(2055-01-01 0:00 UTC)).is_ok());
    }
    assert_eq!(verifier.chains.remembered(), [1, 1, 1]);
}

#[test]
fn what_is_remembered_of_one_root_does_not_serve_another() {
    let [apple, plain] = &*PKIS;
    let roots = Roots::from_der(vec![apple.root_der().to_vec(), plain.root_der().to_vec()]).unwrap();
    let verifier = Verifier::new(roots, BUNDLE_ID, Some(APP_APPLE_ID), vec![Environment::Production]).unwrap();
    for pki in PKIS.iter() {
        assert!(verifier.verify_transaction(&pki.sign(&transaction()).unwrap(), NOW).is_ok());
    }
    let header: Value = serde_json::from_str(&apple.header()).unwrap();
    let other: Value = serde_json::from_str(&plain.header()).unwrap();
    let mixed = json!({ "alg": "ES256", "x5c": [header["x5c"][0], header["x5c"][1], other["x5c"][2]] });
    let jws = apple.sign_raw(&mixed.to_string(), transaction().to_string().as_bytes()).unwrap();
    let found = wrong(&verifier, Token::Transaction, &jws);
    assert_eq!(found, Some(Rejection { token: Token::Transaction, rule: Rule::IntermediateSignature }));
}
