//! The compact form of a signed message, taken apart to the letter; it trusts nothing and knows no certificate.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::json;
use super::rejection::Rule;

/// A notification of Apple's has 12 to 20 KB with all that is inside.
pub(super) const LONGEST: usize = 64 * 1024;

/// The longest certificate, as base64. Apple's have 1.5 KB.
const LONGEST_CERTIFICATE: usize = 4 * 1024;

pub(super) struct Jws<'a> {
    /// Header and payload as they came: these bytes are signed, with a dot between them.
    pub(super) header: &'a str,
    pub(super) payload: &'a str,
    pub(super) signature: [u8; 64],
}

impl<'a> Jws<'a> {
    pub(super) fn split(text: &'a str) -> Result<Self, Rule> {
        if text.len() > LONGEST {
            return Err(Rule::TooLong);
        }
        let mut segments = text.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (segments.next(), segments.next(), segments.next(), segments.next())
        else {
            return Err(Rule::Segments);
        };
        let signature = decode(signature)?.try_into().map_err(|_| Rule::Signature)?;
        Ok(Self { header, payload, signature })
    }

    pub(super) fn payload(&self) -> Result<String, Rule> {
        text(self.payload)
    }
}

/// The crate refuses padding, white space and bits that are left over at the end.
fn decode(segment: &str) -> Result<Vec<u8>, Rule> {
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| Rule::Encoding)
}

fn text(segment: &str) -> Result<String, Rule> {
    String::from_utf8(decode(segment)?).map_err(|_| Rule::Utf8)
}

/// The three certificates of a header, leaf first, as DER that nobody has looked at yet.
pub(super) struct X5c(pub(super) [Vec<u8>; 3]);

/// `kid`, `jwk`, `jku` and `x5u` say what to trust in an attacker's words: they are not read.
#[derive(Deserialize)]
struct Header {
    alg: Option<String>,
    crit: Option<IgnoredAny>,
    x5c: Option<Vec<String>>,
}

impl X5c {
    pub(super) fn of_header(segment: &str) -> Result<Self, Rule> {
        let text = text(segment)?;
        let names = json::scan(&text)?;
        let header: Header = serde_json::from_str(&text).map_err(|_| Rule::HeaderField)?;
        if header.alg.as_deref() != Some("ES256") {
            return Err(Rule::Algorithm);
        }
        // By name: `"crit": null` is also a `crit`.
        if header.crit.is_some() || names.any_of(&["crit"]) {
            return Err(Rule::Critical);
        }
        let chain: [String; 3] = header.x5c.unwrap_or_default().try_into().map_err(|_| Rule::ChainLength)?;
        let [leaf, intermediate, root] = &chain;
        Ok(Self([certificate(leaf)?, certificate(intermediate)?, certificate(root)?]))
    }
}

fn certificate(text: &str) -> Result<Vec<u8>, Rule> {
    if text.len() > LONGEST_CERTIFICATE {
        return Err(Rule::CertificateEncoding);
    }
    STANDARD.decode(text).map_err(|_| Rule::CertificateEncoding)
}
