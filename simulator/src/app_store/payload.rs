//! The payload of a token as bytes, genuine or forged.

use serde_json::{Value, json};

use super::tamper::Tamper;

pub fn forged(tamper: Tamper, claims: &Value) -> Vec<u8> {
    let text = said(tamper, claims.clone()).to_string();
    let open = text.strip_suffix('}').unwrap_or(&text);
    let with = |more: &str| format!("{open},{more}}}");
    let (first, value) =
        claims.as_object().and_then(|it| it.iter().next()).map_or(("a", &Value::Null), |(a, b)| (a.as_str(), b));
    match tamper {
        Tamper::NotUtf8 => [open.as_bytes(), b",\"note\":\"\xFF\xFE\"}"].concat(),
        Tamper::ByteOrderMark => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        Tamper::NotJson => format!("{text},").into_bytes(),
        Tamper::TrailingJson => format!("{text}{text}").into_bytes(),
        Tamper::Array => format!("[{text}]").into_bytes(),
        Tamper::Text => json!(text).to_string().into_bytes(),
        // Letters that the two alphabets write differently, wherever they fall.
        Tamper::StandardAlphabet => with(r#""note":"???>>>""#).into_bytes(),
        Tamper::NameTwice => with(&format!("{}:{value}", json!(first))).into_bytes(),
        Tamper::UnknownNameTwice => with(r#""note":1,"note":2"#).into_bytes(),
        Tamper::NameTwiceEscaped => with(&format!("\"{}\":{value}", escaped(first))).into_bytes(),
        Tamper::NameTwiceInside => with(r#""note":[{"inside":{"a":1,"b":2,"a":1}}]"#).into_bytes(),
        Tamper::TooDeep => with(&format!("\"note\":{}{}", "[".repeat(500), "]".repeat(500))).into_bytes(),
        _ => text.into_bytes(),
    }
}

/// The first letter as `\u0061`.
fn escaped(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| format!("\\u{:04x}", u32::from(letter))).unwrap_or_default();
    first + letters.as_str()
}

/// The claims with one thing in them changed.
fn said(tamper: Tamper, mut claims: Value) -> Value {
    let date = if claims.get("receiptType").is_some() { "receiptCreationDate" } else { "signedDate" };
    let signed_at = claims.get(date).and_then(Value::as_i64).unwrap_or_default();
    match tamper {
        Tamper::SignedDateMissing => set(&mut claims, date, None),
        // In ten years; the simulator's clock does not go farther.
        Tamper::SignedDateFuture => set(&mut claims, date, Some(json!(signed_at + 315_360_000_000))),
        Tamper::LeafNotYetValid => set(&mut claims, date, Some(json!(2_522_000_000_000_i64))),
        Tamper::SignedDateText => set(&mut claims, date, Some(json!(signed_at.to_string()))),
        Tamper::SignedDateFraction => set(&mut claims, date, Some(json!(1_700_000_000_000.5))),
        Tamper::SignedDateNegative => set(&mut claims, date, Some(json!(-signed_at))),
        Tamper::SignedDateTooEarly => set(&mut claims, date, Some(json!(946_684_800_000_i64))),
        Tamper::WrongType => {
            for name in ["transactionId", "originalTransactionId", "notificationUUID", "appTransactionId"] {
                if claims.get(name).is_some() {
                    set(&mut claims, name, Some(json!({ "is": 12345 })));
                }
            }
        }
        Tamper::BundleIdOther => everywhere(&mut claims, &["bundleId"], Some(&json!("com.example.other"))),
        Tamper::BundleIdOtherCase => {
            let shouted = bundle_id(&claims).to_uppercase();
            everywhere(&mut claims, &["bundleId"], Some(&json!(shouted)));
        }
        Tamper::BundleIdMissing => everywhere(&mut claims, &["bundleId"], None),
        Tamper::AppIdOther => everywhere(&mut claims, &["appAppleId"], Some(&json!(1))),
        Tamper::AppIdMissing => everywhere(&mut claims, &["appAppleId"], None),
        Tamper::EnvironmentXcode => everywhere(&mut claims, ENVIRONMENT, Some(&json!("Xcode"))),
        Tamper::EnvironmentLocalTesting => everywhere(&mut claims, ENVIRONMENT, Some(&json!("LocalTesting"))),
        Tamper::EnvironmentUnknown => everywhere(&mut claims, ENVIRONMENT, Some(&json!("production"))),
        Tamper::EnvironmentMissing => everywhere(&mut claims, ENVIRONMENT, None),
        Tamper::TwoContents => {
            let first = CONTENTS.iter().find_map(|name| claims.get(name).cloned()).unwrap_or_default();
            let second = if claims.get("summary").is_some() { "data" } else { "summary" };
            set(&mut claims, second, Some(first));
        }
        Tamper::NoContent => CONTENTS.iter().for_each(|name| set(&mut claims, name, None)),
        _ => {}
    }
    claims
}

const CONTENTS: [&str; 4] = ["data", "summary", "externalPurchaseToken", "appData"];
const ENVIRONMENT: &[&str] = &["environment", "receiptType"];

fn bundle_id(claims: &Value) -> &str {
    let inside = CONTENTS.iter().find_map(|name| claims.get(name));
    inside.unwrap_or(claims).get("bundleId").and_then(Value::as_str).unwrap_or_default()
}

/// Sets these names where they stand, outermost and in a notification's content.
fn everywhere(claims: &mut Value, names: &[&str], value: Option<&Value>) {
    for name in names {
        if claims.get(name).is_some() {
            set(claims, name, value.cloned());
        }
        for content in CONTENTS {
            if let Some(inside) = claims.get_mut(content).filter(|it| it.get(name).is_some()) {
                set(inside, name, value.cloned());
            }
        }
    }
}

/// None removes.
pub fn set(object: &mut Value, name: &str, value: Option<Value>) {
    if let Some(fields) = object.as_object_mut() {
        match value {
            Some(value) => fields.insert(name.to_owned(), value),
            None => fields.remove(name),
        };
    }
}
