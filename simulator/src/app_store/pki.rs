//! A root, an intermediate and a leaf that sign like the App Store's, in the two shapes that there are.

use rcgen::{PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, SignatureAlgorithm};
use serde_json::Value;
use time::OffsetDateTime;
use time::macros::datetime;

use super::mold::{Authority, Held, INTERMEDIATE_MARK, LEAF_MARK, Mold, Usage};
use super::tamper::Tamper;
use super::{chain, header, payload, token};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// As Apple signs: P-384, P-384, P-256, with key usages and key identifiers.
    Apple,
    /// As the test certificates that Apple publishes: all P-256, without either, under a root without any extension.
    Plain,
}

impl Shape {
    pub const ALL: [Self; 2] = [Self::Apple, Self::Plain];

    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "apple" => Some(Self::Apple),
            "plain" => Some(Self::Plain),
            _ => None,
        }
    }

    pub(super) fn authority_algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::Apple => &PKCS_ECDSA_P384_SHA384,
            Self::Plain => &PKCS_ECDSA_P256_SHA256,
        }
    }

    pub(super) fn root_mold(self) -> Mold {
        let mold = self.mold(
            "Simulated Root CA - G3",
            None,
            (datetime!(2014-04-30 18:19 UTC), datetime!(2059-04-30 18:19 UTC)),
        );
        match self {
            Self::Apple => Mold { authority: Authority::Ca, usage: Usage::SignCertificates, ..mold },
            Self::Plain => mold,
        }
    }

    pub(super) fn intermediate_mold(self) -> Mold {
        let valid = (datetime!(2021-03-17 20:37 UTC), datetime!(2056-03-19 0:00 UTC));
        let usage = if self == Self::Apple { Usage::SignCertificates } else { Usage::Unsaid };
        let mold = self.mold("Simulated Developer Relations CA", Some(INTERMEDIATE_MARK), valid);
        Mold { authority: Authority::Ca, usage, ..mold }
    }

    pub(super) fn leaf_mold(self) -> Mold {
        let usage = if self == Self::Apple { Usage::SignMessages } else { Usage::Unsaid };
        let mold = self.mold("Simulated App Store Receipt Signing", Some(LEAF_MARK), LEAF_VALID);
        Mold { authority: Authority::NotCa, usage, ..mold }
    }

    fn mold(self, name: &'static str, mark: Option<&'static [u64]>, valid: (OffsetDateTime, OffsetDateTime)) -> Mold {
        Mold {
            name,
            authority: Authority::Unsaid,
            usage: Usage::Unsaid,
            mark,
            has_identifiers: self == Self::Apple,
            is_strange: false,
            repeats: false,
            responder: None,
            valid,
        }
    }
}

/// Longer than the simulator's clock can be put forward.
const LEAF_VALID: (OffsetDateTime, OffsetDateTime) = (datetime!(2022-01-01 0:00 UTC), datetime!(2050-01-01 0:00 UTC));

pub struct Pki {
    pub(super) shape: Shape,
    pub(super) root: Held,
    pub(super) intermediate: Held,
    pub(super) leaf: Held,
}

impl Pki {
    /// New keys; the error is a sentence.
    pub fn new(shape: Shape) -> Result<Self, String> {
        Self::with_responder(shape, None)
    }

    /// New keys, and certificates that say where one can ask whether they are revoked.
    pub fn with_responder(shape: Shape, responder: Option<&str>) -> Result<Self, String> {
        let with = |mold| Mold { responder: responder.map(str::to_owned), ..mold };
        let root = shape.root_mold().self_signed(shape.authority_algorithm())?;
        let intermediate = with(shape.intermediate_mold()).issued_by(&root, shape.authority_algorithm())?;
        let leaf = with(shape.leaf_mold()).issued_by(&intermediate, &PKCS_ECDSA_P256_SHA256)?;
        Ok(Self { shape, root, intermediate, leaf })
    }

    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// What the backend has to trust.
    pub fn root_der(&self) -> &[u8] {
        &self.root.der
    }

    pub fn intermediate_der(&self) -> &[u8] {
        &self.intermediate.der
    }

    pub fn leaf_der(&self) -> &[u8] {
        &self.leaf.der
    }

    /// The claims as Apple would sign them.
    pub fn sign(&self, claims: &Value) -> Result<String, String> {
        let chain = chain::genuine(self);
        token::signed(&header::genuine(&chain), claims.to_string().as_bytes(), chain.key)
    }

    /// A header and a payload of the caller's own making, signed by the leaf.
    pub fn sign_raw(&self, header: &str, payload: &[u8]) -> Result<String, String> {
        token::signed(header, payload, &self.leaf.key)
    }

    /// The header of a good token: JSON.
    pub fn header(&self) -> String {
        header::genuine(&chain::genuine(self))
    }

    /// The claims in a token that is wrong in one way.
    pub fn forge(&self, claims: &Value, tamper: Tamper) -> Result<String, String> {
        let stranger;
        let chain = match chain::forged(self, tamper)? {
            Some(forged) => {
                stranger = forged;
                stranger.borrowed()
            }
            None => chain::genuine(self),
        };
        let header = header::forged(tamper, &chain);
        token::forged(tamper, &header, &payload::forged(tamper, claims), &chain)
    }
}
