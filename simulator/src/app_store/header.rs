//! The header of a token as JSON, genuine or forged.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use rcgen::PublicKeyData;
use serde_json::json;

use super::chain::Chain;
use super::tamper::Tamper;

pub fn genuine(chain: &Chain<'_>) -> String {
    json!({ "alg": "ES256", "x5c": encoded(chain, |der| STANDARD.encode(der)) }).to_string()
}

pub fn forged(tamper: Tamper, chain: &Chain<'_>) -> Vec<u8> {
    let x5c = encoded(chain, |der| STANDARD.encode(der));
    let written = |write: fn(&[u8]) -> String| json!({ "alg": "ES256", "x5c": encoded(chain, write) });
    let alg = |alg: &str| json!({ "alg": alg, "x5c": x5c });
    let also = |more: &str| format!(r#"{{"alg":"ES256","x5c":{},{more}}}"#, json!(x5c));
    let header = match tamper {
        Tamper::HeaderNotUtf8 => return [br#"{"alg":"ES256","typ":""#.as_slice(), b"\xC3\x28\"}"].concat(),
        Tamper::HeaderNotJson => "{alg:ES256}".to_owned(),
        Tamper::HeaderArray => json!(["ES256", x5c]).to_string(),
        Tamper::HeaderTrailing => format!("{}{{}}", alg("ES256")),
        Tamper::HeaderWrongType => json!({ "alg": "ES256", "x5c": x5c.first() }).to_string(),
        Tamper::AlgorithmTwice => also(r#""alg":"ES256""#),
        Tamper::CertificatesTwice => also(&format!(r#""x5c":{}"#, json!(x5c))),
        Tamper::KeyIdTwice => also(r#""kid":"a","kid":"b""#),
        Tamper::AlgorithmNone => alg("none").to_string(),
        Tamper::AlgorithmHs256 => alg("HS256").to_string(),
        Tamper::AlgorithmEs384 | Tamper::LeafEs384 => alg("ES384").to_string(),
        Tamper::AlgorithmLowerCase => alg("es256").to_string(),
        Tamper::AlgorithmMissing => json!({ "x5c": x5c }).to_string(),
        Tamper::CriticalUnknown => also(r#""crit":["urn:example"],"urn:example":1"#),
        Tamper::CriticalB64 => also(r#""crit":["b64"],"b64":false"#),
        Tamper::CriticalEmpty => also(r#""crit":[]"#),
        Tamper::CriticalNull => also(r#""crit":null"#),
        Tamper::OwnJwk => also(&format!(r#""jwk":{}"#, jwk(chain))),
        Tamper::OwnJku => {
            also(r#""kid":"mine","jku":"https://attacker.example/keys","x5u":"https://attacker.example/chain""#)
        }
        Tamper::CertificatesMissing => json!({ "alg": "ES256", "kid": "Apple_Xcode_Key" }).to_string(),
        Tamper::CertificateBase64Url => written(|der| URL_SAFE.encode(der)).to_string(),
        Tamper::CertificateUnpadded => written(unpadded).to_string(),
        Tamper::CertificateLineBreaks => written(broken).to_string(),
        Tamper::CertificateTooLong => {
            written(|der| format!("{}{}", STANDARD.encode(der), "A".repeat(4096))).to_string()
        }
        Tamper::RootNotBase64 => {
            let certificates: Vec<&str> = x5c.iter().map(String::as_str).take(2).chain(["!"]).collect();
            json!({ "alg": "ES256", "x5c": certificates }).to_string()
        }
        _ => genuine(chain),
    };
    header.into_bytes()
}

fn encoded(chain: &Chain<'_>, write: impl Fn(&[u8]) -> String) -> Vec<String> {
    chain.x5c.iter().map(|der| write(der)).collect()
}

/// Of a length that needs padding, without it.
fn unpadded(der: &[u8]) -> String {
    let more: &[u8] = if der.len().is_multiple_of(3) { &[0] } else { &[] };
    STANDARD_NO_PAD.encode([der, more].concat())
}

/// As in a PEM file.
fn broken(der: &[u8]) -> String {
    let mut text = String::new();
    for (at, letter) in STANDARD.encode(der).chars().enumerate() {
        if at > 0 && at.is_multiple_of(64) {
            text.push('\n');
        }
        text.push(letter);
    }
    text
}

fn jwk(chain: &Chain<'_>) -> String {
    let point = chain.key.der_bytes().iter().skip(1).copied().collect::<Vec<u8>>();
    let (x, y) = point.split_at(point.len() / 2);
    json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) }).to_string()
}
