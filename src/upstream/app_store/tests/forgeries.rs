//! Every forgery that the simulator can make, of every kind of token, on both shapes of chain: each breaks the rule that it was made for.

use super::*;

/// The rule that it breaks; none where it changes nothing for this kind of token.
#[expect(clippy::match_same_arms, reason = "in the order of the forgeries")]
fn expected(tamper: Tamper, shape: Shape, token: Token) -> Option<Rule> {
    use Tamper as T;
    let names_an_app = token != Token::RenewalInfo;
    Some(match tamper {
        T::Empty | T::TwoSegments | T::FourSegments => Rule::Segments,
        T::TooLong => Rule::TooLong,
        T::LeadingSpace
        | T::TrailingNewline
        | T::SpaceInPayload
        | T::PaddedSignature
        | T::PaddedPayload
        | T::LooseSignature
        | T::StandardAlphabet => Rule::Encoding,
        T::HeaderNotJson | T::HeaderArray | T::HeaderTrailing => Rule::Json,
        T::HeaderNotUtf8 => Rule::Utf8,
        T::HeaderWrongType => Rule::HeaderField,
        T::AlgorithmTwice | T::CertificatesTwice | T::KeyIdTwice => Rule::DuplicateName,
        // Without 64 bytes there is no signature to speak of, whatever the header says.
        T::AlgorithmNone | T::AlgorithmHs256 | T::LeafEs384 => Rule::Signature,
        T::AlgorithmEs384 | T::AlgorithmLowerCase | T::AlgorithmMissing => Rule::Algorithm,
        T::CriticalUnknown | T::CriticalB64 | T::CriticalEmpty | T::CriticalNull => Rule::Critical,
        T::CertificatesMissing
        | T::CertificatesEmpty
        | T::OneCertificate
        | T::TwoCertificates
        | T::FourCertificates => Rule::ChainLength,
        T::CertificateBase64Url
        | T::CertificateLineBreaks
        | T::CertificateUnpadded
        | T::CertificateTooLong
        | T::RootNotBase64 => Rule::CertificateEncoding,
        T::LeafTrailingBytes
        | T::IntermediateTrailingBytes
        | T::RootTrailingBytes
        | T::LeafTruncated
        | T::LeafNotDer
        | T::CertificateEmpty => Rule::CertificateDer,
        T::ForeignChain | T::RootBitFlipped | T::LeafAsRoot | T::Reversed => Rule::UnknownRoot,
        T::ForeignChainUnderRoot | T::IntermediateBitFlipped => Rule::IntermediateSignature,
        T::ForeignLeaf | T::LeafBitFlipped => Rule::LeafSignature,
        T::LeafAsIssuer | T::IntermediateOfOtherName => Rule::IntermediateIssuer,
        T::IntermediateNotCa | T::IntermediateUnconstrained => Rule::IntermediateNotCa,
        T::IntermediateWrongUsage => Rule::IntermediateKeyUsage,
        // Apple's real certificates state their usage, its test certificates do not.
        T::IntermediateWithoutUsage if shape == Shape::Apple => Rule::IntermediateKeyUsage,
        T::LeafWithoutUsage if shape == Shape::Apple => Rule::LeafKeyUsage,
        T::IntermediateWithoutUsage | T::LeafWithoutUsage => return None,
        T::IntermediateUnmarked | T::IntermediateMarkedAsLeaf => Rule::IntermediateMark,
        T::IntermediateCritical => Rule::IntermediateCritical,
        T::IntermediateRepeats | T::LeafRepeats => Rule::CertificateForm,
        T::IntermediateP521 => Rule::CertificateAlgorithm,
        T::LeafOfOtherName => Rule::LeafIssuer,
        T::LeafIsCa => Rule::LeafIsCa,
        T::LeafWrongUsage => Rule::LeafKeyUsage,
        T::LeafUnmarked | T::LeafMarkedAsIntermediate => Rule::LeafMark,
        T::LeafCritical => Rule::LeafCritical,
        T::LeafP384 => Rule::LeafKey,
        T::IntermediateExpired | T::LeafExpired | T::SignedDateNegative | T::SignedDateTooEarly => {
            Rule::CertificateDates
        }
        T::OwnJwk
        | T::OwnJku
        | T::OtherKey
        | T::PayloadChanged
        | T::HeaderChanged
        | T::SignatureBitFlipped
        | T::SignatureEmpty
        | T::SignatureShort
        | T::SignatureLong
        | T::SignatureZero
        | T::SignatureOfOnes
        | T::SignatureDer => Rule::Signature,
        T::NotUtf8 => Rule::Utf8,
        T::NotJson | T::Array | T::Text | T::TrailingJson | T::ByteOrderMark | T::TooDeep => Rule::Json,
        T::NameTwice | T::UnknownNameTwice | T::NameTwiceEscaped | T::NameTwiceInside => Rule::DuplicateName,
        T::WrongType | T::SignedDateText | T::SignedDateFraction => Rule::PayloadField,
        T::SignedDateMissing => Rule::SignedDateMissing,
        T::SignedDateFuture | T::LeafNotYetValid => Rule::SignedDateFuture,
        T::BundleIdOther | T::BundleIdOtherCase if names_an_app => Rule::BundleId,
        T::BundleIdMissing if token == Token::Transaction => Rule::Kind,
        T::BundleIdMissing if names_an_app => Rule::BundleId,
        T::AppIdOther | T::AppIdMissing if matches!(token, Token::Notification | Token::AppTransaction) => Rule::AppId,
        T::BundleIdOther | T::BundleIdOtherCase | T::BundleIdMissing | T::AppIdOther | T::AppIdMissing => return None,
        T::EnvironmentMissing if matches!(token, Token::RenewalInfo | Token::AppTransaction) => Rule::Kind,
        T::EnvironmentXcode | T::EnvironmentLocalTesting | T::EnvironmentUnknown | T::EnvironmentMissing => {
            Rule::Environment
        }
        T::TwoContents | T::NoContent if token == Token::Notification => Rule::Content,
        T::TwoContents | T::NoContent => return None,
    })
}

fn claims(pki: &Pki, token: Token) -> Value {
    match token {
        Token::Transaction => transaction(),
        Token::RenewalInfo => renewal_info(),
        Token::AppTransaction => app_transaction(),
        Token::Notification => notification(&inside(pki)),
    }
}

#[test]
fn each_breaks_the_rule_that_it_was_made_for() {
    let mut faults = Vec::new();
    for pki in PKIS.iter() {
        let verifier = verifier(pki);
        for token in Token::ALL.iter().copied() {
            let claims = claims(pki, token);
            assert_eq!(wrong(&verifier, token, &pki.sign(&claims).unwrap()), None);
            for tamper in Tamper::ALL.iter().copied() {
                let jws = pki.forge(&claims, tamper).unwrap();
                let found = wrong(&verifier, token, &jws);
                let expected = expected(tamper, pki.shape(), token).map(|rule| Rejection { token, rule });
                if found != expected {
                    faults.push(format!("{:?} {token:?} {tamper:?}: {found:?}, not {expected:?}", pki.shape()));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_rule_is_broken_by_some_forgery() {
    let broken = |rule: Rule| {
        let shapes = Shape::ALL.iter().flat_map(|shape| Token::ALL.iter().map(move |token| (*shape, *token)));
        let mut all = shapes.flat_map(|(shape, token)| Tamper::ALL.iter().map(move |it| expected(*it, shape, token)));
        all.any(|expected| expected == Some(rule)) || [Rule::Inconsistent, Rule::Revoked].contains(&rule)
    };
    let unbroken: Vec<&Rule> = Rule::ALL.iter().filter(|rule| !broken(**rule)).collect();
    assert!(unbroken.is_empty(), "{unbroken:?}");
}

/// Under a verifier that has seen no good token before, so that nothing is remembered that could stand in for a check.
#[test]
fn nothing_of_it_depends_on_what_was_seen_before() {
    for pki in PKIS.iter() {
        let claims = transaction();
        for tamper in Tamper::ALL.iter().copied() {
            let found = wrong(&verifier(pki), Token::Transaction, &pki.forge(&claims, tamper).unwrap());
            assert_eq!(found.map(|it| it.rule), expected(tamper, pki.shape(), Token::Transaction), "{tamper:?}");
        }
    }
}

#[test]
fn a_forgery_inside_a_good_notification_is_found() {
    for pki in PKIS.iter() {
        let verifier = verifier(pki);
        for tamper in Tamper::ALL.iter().copied().filter(|it| *it != Tamper::TooLong) {
            let forged = |token| pki.forge(&claims(pki, token), tamper).unwrap();
            for (token, inside) in [
                (Token::Transaction, Inside { transaction: Some(forged(Token::Transaction)), ..inside(pki) }),
                (Token::RenewalInfo, Inside { renewal_info: Some(forged(Token::RenewalInfo)), ..inside(pki) }),
            ] {
                let jws = pki.sign(&notification(&inside)).unwrap();
                let expected = expected(tamper, pki.shape(), token).map(|rule| Rejection { token, rule });
                assert_eq!(wrong(&verifier, Token::Notification, &jws), expected, "{tamper:?} in {token:?}");
            }
            let inside = Inside { app_transaction: Some(forged(Token::AppTransaction)), ..inside(pki) };
            let claims = messages::notification(&app("Production"), "RESCIND_CONSENT", None, UUID, &inside, NOW);
            let token = Token::AppTransaction;
            let expected = expected(tamper, pki.shape(), token).map(|rule| Rejection { token, rule });
            assert_eq!(wrong(&verifier, Token::Notification, &pki.sign(&claims).unwrap()), expected, "{tamper:?}");
        }
    }
}

#[test]
fn what_is_inside_belongs_to_what_is_around_it() {
    let pki = &PKIS[0];
    let sign = |claims: &Value| Some(pki.sign(claims).unwrap());
    let sandbox = json!({ "environment": "Sandbox" });
    let inconsistent = [
        Inside { transaction: sign(&changed(transaction(), &sandbox)), ..inside(pki) },
        Inside { renewal_info: sign(&changed(renewal_info(), &sandbox)), ..inside(pki) },
        Inside {
            renewal_info: sign(&changed(renewal_info(), &json!({ "originalTransactionId": "1" }))),
            ..inside(pki)
        },
        Inside { transaction: None, ..inside(pki) },
    ];
    for inside in inconsistent {
        let found = wrong(&verifier(pki), Token::Notification, &pki.sign(&notification(&inside)).unwrap());
        assert_eq!(found, Some(Rejection { token: Token::Notification, rule: Rule::Inconsistent }));
    }
    let strangers = Inside {
        transaction: sign(&changed(transaction(), &json!({ "bundleId": "com.example.other" }))),
        ..inside(pki)
    };
    let found = wrong(&verifier(pki), Token::Notification, &pki.sign(&notification(&strangers)).unwrap());
    assert_eq!(found, Some(Rejection { token: Token::Transaction, rule: Rule::BundleId }));
}

#[test]
fn one_kind_is_not_taken_for_another() {
    let pki = &PKIS[0];
    let verifier = verifier(pki);
    for made in Token::ALL.iter().copied() {
        let jws = pki.sign(&claims(pki, made)).unwrap();
        for asked in Token::ALL.iter().copied().filter(|asked| *asked != made) {
            let found = wrong(&verifier, asked, &jws);
            assert_eq!(found, Some(Rejection { token: asked, rule: Rule::Kind }), "{made:?} as {asked:?}");
        }
    }
    // And not inside a notification either, where they lie side by side.
    let swapped =
        Inside { transaction: inside(pki).renewal_info, renewal_info: inside(pki).transaction, app_transaction: None };
    let found = wrong(&verifier, Token::Notification, &pki.sign(&notification(&swapped)).unwrap());
    assert_eq!(found, Some(Rejection { token: Token::Transaction, rule: Rule::Kind }));
}

#[test]
fn only_configured_environments_are_accepted() {
    let pki = &PKIS[0];
    for (accepted, other) in [(Environment::Production, "Sandbox"), (Environment::Sandbox, "Production")] {
        let verifier = trusting(pki, &[accepted]);
        let claims = changed(transaction(), &json!({ "environment": other }));
        let found = wrong(&verifier, Token::Transaction, &pki.sign(&claims).unwrap());
        assert_eq!(found, Some(Rejection { token: Token::Transaction, rule: Rule::Environment }));
    }
}

/// A leaf under Apple's chain that is valid only later cannot be used by dating the message into the future.
#[test]
fn a_date_in_the_future_ends_at_five_minutes() {
    let pki = &PKIS[0];
    let dated = |after: Duration| {
        let claims = changed(transaction(), &json!({ "signedDate": messages::millis(NOW + after) }));
        wrong(&verifier(pki), Token::Transaction, &pki.sign(&claims).unwrap()).map(|it| it.rule)
    };
    assert_eq!(dated(Duration::minutes(5)), None);
    assert_eq!(dated(Duration::minutes(5) + Duration::MILLISECOND), Some(Rule::SignedDateFuture));
}
