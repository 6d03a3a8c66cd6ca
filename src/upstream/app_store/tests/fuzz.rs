//! Good tokens with anything done to their bytes: never a panic, and never accepted unless they still say the same.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::jws::X5c;
use super::*;

/// One change of a byte string.
#[derive(Clone, Debug)]
enum Edit {
    Flip(Index, u8),
    Set(Index, u8),
    Remove(Index),
    Insert(Index, u8),
    Cut(Index),
    Repeat(Index, Index),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let edit = prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Edit::Flip(at, bit)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        any::<Index>().prop_map(Edit::Remove),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Edit::Insert(at, byte)),
        any::<Index>().prop_map(Edit::Cut),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Edit::Repeat(from, to)),
    ];
    prop::collection::vec(edit, 1..4)
}

fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let length = bytes.len().max(1);
        if bytes.is_empty() {
            return bytes;
        }
        match edit {
            Edit::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Edit::Set(at, byte) => bytes[at.index(length)] = *byte,
            Edit::Remove(at) => drop(bytes.remove(at.index(length))),
            Edit::Insert(at, byte) => bytes.insert(at.index(length), *byte),
            Edit::Cut(at) => bytes.truncate(at.index(length)),
            Edit::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let part = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.extend(part);
            }
        }
    }
    bytes
}

fn any_verdict(verifier: &Verifier, jws: &str) {
    for token in Token::ALL.iter().copied() {
        let _ = wrong(verifier, token, jws);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_changed_token_is_refused(edits in edits(), shape in 0..2_usize) {
        let pki = &PKIS[shape];
        let good = pki.sign(&transaction()).unwrap();
        let bytes = edited(good.clone().into_bytes(), &edits);
        let jws = String::from_utf8_lossy(&bytes);
        let verdict = verifier(pki).verify_transaction(&jws, NOW);
        prop_assert_eq!(verdict.is_ok(), jws == good);
        any_verdict(&verifier(pki), &jws);
    }

    /// Changes of a certificate's DER inside of an otherwise good token.
    #[test]
    fn a_changed_certificate_is_refused(edits in edits(), which in 0..3_usize, shape in 0..2_usize) {
        let pki = &PKIS[shape];
        let good = [pki.leaf_der(), pki.intermediate_der(), pki.root_der()].map(<[u8]>::to_vec);
        let mut chain = good.clone();
        chain[which] = edited(chain[which].clone(), &edits);
        let header = json!({ "alg": "ES256", "x5c": chain.clone().map(|der| STANDARD.encode(der)) }).to_string();
        let jws = pki.sign_raw(&header, transaction().to_string().as_bytes()).unwrap();
        prop_assert_eq!(verifier(pki).verify_transaction(&jws, NOW).is_ok(), chain == good);
    }

    /// Changes of a header or payload that is signed as it then is: accepted or not, but never a panic.
    #[test]
    fn a_changed_payload_or_header_does_not_panic(edits in edits(), in_header in any::<bool>(), kind in 0..4_usize) {
        let pki = &PKIS[0];
        let claims = [transaction(), renewal_info(), app_transaction(), notification(&inside(pki))][kind].to_string();
        let (mut header, mut payload) = (pki.header().into_bytes(), claims.into_bytes());
        if in_header { header = edited(header, &edits) } else { payload = edited(payload, &edits) }
        let jws = pki.sign_raw(&String::from_utf8_lossy(&header), &payload).unwrap();
        any_verdict(&verifier(pki), &jws);
    }

    #[test]
    fn rubbish_is_refused(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..5)) {
        let pki = &PKIS[0];
        let parts: Vec<String> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        prop_assert!(verifier(pki).verify_transaction(&parts.join("."), NOW).is_err());
        any_verdict(&verifier(pki), &parts.join("."));
    }

    #[test]
    fn a_changed_root_file_is_refused_or_the_same(edits in edits(), shape in 0..2_usize) {
        let good = PKIS[shape].root_der().to_vec();
        let bytes = edited(good.clone(), &edits);
        prop_assert_eq!(Roots::from_der(vec![bytes.clone()]).is_ok(), bytes == good);
    }
}

/// Each bit of each certificate means something.
#[test]
fn no_bit_of_a_certificate_can_be_changed() {
    let mut accepted = Vec::new();
    for pki in PKIS.iter() {
        let good = [pki.leaf_der(), pki.intermediate_der(), pki.root_der()].map(<[u8]>::to_vec);
        let verifier = verifier(pki);
        assert!(verifier.chains.leaf(&X5c(good.clone())).is_ok());
        for (which, der) in good.iter().enumerate() {
            for bit in 0..der.len() * 8 {
                let mut chain = good.clone();
                chain[which][bit / 8] ^= 1 << (bit % 8);
                if verifier.chains.leaf(&X5c(chain)).is_ok() {
                    accepted.push(format!(
                        "{:?} {which}: byte {} of {}, bit {}",
                        pki.shape(),
                        bit / 8,
                        der.len(),
                        bit % 8
                    ));
                }
            }
        }
    }
    assert!(accepted.is_empty(), "{}", accepted.join("\n"));
}

/// A certificate cut at each of its bytes.
#[test]
fn cut_certificates_are_refused() {
    let (pki, verifier) = (&PKIS[0], verifier(&PKIS[0]));
    for (which, der) in [pki.leaf_der(), pki.intermediate_der(), pki.root_der()].into_iter().enumerate() {
        for length in 0..der.len() {
            let mut chain = [pki.leaf_der(), pki.intermediate_der(), pki.root_der()].map(<[u8]>::to_vec);
            chain[which].truncate(length);
            assert!(verifier.chains.leaf(&X5c(chain)).is_err());
        }
    }
}
