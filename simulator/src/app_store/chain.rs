//! The certificates of a token, genuine or forged.

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512};
use time::macros::datetime;

use super::mold::{Authority, Held, INTERMEDIATE_MARK, LEAF_MARK, Mold, Usage};
use super::pki::Pki;
use super::tamper::Tamper;

/// What goes into `x5c`, leaf first, and the key that signs.
pub struct Chain<'a> {
    pub x5c: Vec<&'a [u8]>,
    pub key: &'a KeyPair,
}

pub struct Forged {
    x5c: Vec<Vec<u8>>,
    key: KeyPair,
}

impl Forged {
    pub fn borrowed(&self) -> Chain<'_> {
        Chain { x5c: self.x5c.iter().map(Vec::as_slice).collect(), key: &self.key }
    }
}

pub fn genuine(pki: &Pki) -> Chain<'_> {
    Chain { x5c: vec![&pki.leaf.der, &pki.intermediate.der, &pki.root.der], key: &pki.leaf.key }
}

/// None where the certificates are not what is wrong.
pub fn forged(pki: &Pki, tamper: Tamper) -> Result<Option<Forged>, String> {
    if let Some(leaf) = bad_leaf(pki, tamper)? {
        return Ok(Some(under(leaf, &pki.intermediate.der, &pki.root.der)));
    }
    if let Some(intermediate) = bad_intermediate(pki, tamper)? {
        let leaf = pki.shape.leaf_mold().issued_by(&intermediate, &PKCS_ECDSA_P256_SHA256)?;
        return Ok(Some(under(leaf, &intermediate.der, &pki.root.der)));
    }
    let [leaf, intermediate, root] = [&pki.leaf.der, &pki.intermediate.der, &pki.root.der].map(Clone::clone);
    let x5c = match tamper {
        Tamper::LeafTrailingBytes => vec![with(leaf, &[0x05, 0x00]), intermediate, root],
        Tamper::IntermediateTrailingBytes => vec![leaf, with(intermediate, &[0x05, 0x00]), root],
        Tamper::RootTrailingBytes => vec![leaf, intermediate, with(root, &[0x05, 0x00])],
        Tamper::LeafTruncated => vec![leaf.iter().copied().take(leaf.len() - 9).collect(), intermediate, root],
        Tamper::LeafNotDer => vec![b"no certificate".to_vec(), intermediate, root],
        Tamper::LeafBitFlipped => vec![flipped(leaf), intermediate, root],
        Tamper::IntermediateBitFlipped => vec![leaf, flipped(intermediate), root],
        Tamper::RootBitFlipped => vec![leaf, intermediate, flipped(root)],
        Tamper::LeafAsRoot => vec![leaf.clone(), intermediate, leaf],
        Tamper::Reversed => vec![root, intermediate, leaf],
        Tamper::OneCertificate => vec![leaf],
        Tamper::TwoCertificates => vec![leaf, intermediate],
        Tamper::FourCertificates => vec![leaf, intermediate, root.clone(), root],
        Tamper::CertificatesEmpty => Vec::new(),
        Tamper::CertificateEmpty => vec![leaf, Vec::new(), root],
        _ => return other_chain(pki, tamper),
    };
    Ok(Some(Forged { x5c, key: copy(&pki.leaf.key)? }))
}

fn other_chain(pki: &Pki, tamper: Tamper) -> Result<Option<Forged>, String> {
    let forged = match tamper {
        Tamper::ForeignChain | Tamper::ForeignChainUnderRoot | Tamper::ForeignLeaf => {
            let foreign = Pki::new(pki.shape)?;
            match tamper {
                Tamper::ForeignChain => under(foreign.leaf, &foreign.intermediate.der, &foreign.root.der),
                Tamper::ForeignChainUnderRoot => under(foreign.leaf, &foreign.intermediate.der, &pki.root.der),
                _ => under(foreign.leaf, &pki.intermediate.der, &pki.root.der),
            }
        }
        Tamper::LeafAsIssuer => {
            let leaf = pki.shape.leaf_mold().issued_by(&pki.leaf, &PKCS_ECDSA_P256_SHA256)?;
            under(leaf, &pki.leaf.der, &pki.root.der)
        }
        Tamper::OtherKey | Tamper::OwnJwk | Tamper::OwnJku => {
            let x5c = genuine(pki).x5c.into_iter().map(<[u8]>::to_vec).collect();
            let key = KeyPair::generate().map_err(|e| format!("A key could not be made: {e}."))?;
            Forged { x5c, key }
        }
        _ => return Ok(None),
    };
    Ok(Some(forged))
}

/// A leaf that the real intermediate has signed, as no real one would be.
fn bad_leaf(pki: &Pki, tamper: Tamper) -> Result<Option<Held>, String> {
    let good = pki.shape.leaf_mold();
    let (from, until) = good.valid;
    let algorithm = match tamper {
        Tamper::LeafP384 | Tamper::LeafEs384 => &PKCS_ECDSA_P384_SHA384,
        _ => &PKCS_ECDSA_P256_SHA256,
    };
    let mold = match tamper {
        Tamper::LeafOfOtherName => {
            let named = Mold { name: "Some Other CA", ..pki.intermediate.mold.clone() };
            return good.issued(&named, &pki.intermediate.key, algorithm).map(Some);
        }
        Tamper::LeafP384 | Tamper::LeafEs384 => good,
        Tamper::LeafIsCa => Mold { authority: Authority::Ca, ..good },
        Tamper::LeafWrongUsage => Mold { usage: Usage::Wrong, ..good },
        Tamper::LeafWithoutUsage => Mold { usage: Usage::Unsaid, ..good },
        Tamper::LeafUnmarked => Mold { mark: None, ..good },
        Tamper::LeafMarkedAsIntermediate => Mold { mark: Some(INTERMEDIATE_MARK), ..good },
        Tamper::LeafCritical => Mold { is_strange: true, ..good },
        Tamper::LeafRepeats => Mold { repeats: true, ..good },
        Tamper::LeafExpired => Mold { valid: (from, datetime!(2022-02-01 0:00 UTC)), ..good },
        Tamper::LeafNotYetValid => Mold { valid: (datetime!(2049-12-01 0:00 UTC), until), ..good },
        _ => return Ok(None),
    };
    mold.issued_by(&pki.intermediate, algorithm).map(Some)
}

fn bad_intermediate(pki: &Pki, tamper: Tamper) -> Result<Option<Held>, String> {
    let good = pki.shape.intermediate_mold();
    let (from, _) = good.valid;
    let algorithm = match tamper {
        Tamper::IntermediateP521 => &PKCS_ECDSA_P521_SHA512,
        _ => pki.shape.authority_algorithm(),
    };
    let mold = match tamper {
        Tamper::IntermediateOfOtherName => {
            let named = Mold { name: "Some Other Root", ..pki.root.mold.clone() };
            return good.issued(&named, &pki.root.key, algorithm).map(Some);
        }
        Tamper::IntermediateP521 => good,
        Tamper::IntermediateNotCa => Mold { authority: Authority::NotCa, ..good },
        Tamper::IntermediateUnconstrained => Mold { authority: Authority::Unsaid, ..good },
        Tamper::IntermediateWrongUsage => Mold { usage: Usage::Wrong, ..good },
        Tamper::IntermediateWithoutUsage => Mold { usage: Usage::Unsaid, ..good },
        Tamper::IntermediateUnmarked => Mold { mark: None, ..good },
        Tamper::IntermediateMarkedAsLeaf => Mold { mark: Some(LEAF_MARK), ..good },
        Tamper::IntermediateCritical => Mold { is_strange: true, ..good },
        Tamper::IntermediateRepeats => Mold { repeats: true, ..good },
        Tamper::IntermediateExpired => Mold { valid: (from, datetime!(2022-02-01 0:00 UTC)), ..good },
        _ => return Ok(None),
    };
    mold.issued_by(&pki.root, algorithm).map(Some)
}

fn under(leaf: Held, intermediate: &[u8], root: &[u8]) -> Forged {
    Forged { x5c: vec![leaf.der, intermediate.to_vec(), root.to_vec()], key: leaf.key }
}

fn with(mut bytes: Vec<u8>, more: &[u8]) -> Vec<u8> {
    bytes.extend_from_slice(more);
    bytes
}

/// With the lowest bit of the last byte changed, which is in the signature.
fn flipped(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes
}

fn copy(key: &KeyPair) -> Result<KeyPair, String> {
    KeyPair::try_from(key.serialized_der()).map_err(|e| format!("A key could not be read: {e}."))
}
