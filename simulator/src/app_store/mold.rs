//! What a certificate is made from, good or bad; every extension is written by hand, since a forgery needs those that no tool offers.

use aws_lc_rs::digest;
use rcgen::{
    CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, Issuer, KeyPair, PublicKeyData,
    SignatureAlgorithm,
};
use time::OffsetDateTime;

/// Apple's extensions for an intermediate of Worldwide Developer Relations and for what signs App Store messages.
pub const INTERMEDIATE_MARK: &[u64] = &[1, 2, 840, 113_635, 100, 6, 2, 1];
pub const LEAF_MARK: &[u64] = &[1, 2, 840, 113_635, 100, 6, 11, 1];

const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const KEY_USAGE: &[u64] = &[2, 5, 29, 15];
const SUBJECT_KEY_IDENTIFIER: &[u64] = &[2, 5, 29, 14];
const AUTHORITY_KEY_IDENTIFIER: &[u64] = &[2, 5, 29, 35];
const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
const AUTHORITY_INFORMATION: &[u64] = &[1, 3, 6, 1, 5, 5, 7, 1, 1];
/// A sequence of the one OID 1.3.6.1.5.5.7.3.9.
const OCSP_SIGNING: &[u8] = &[0x30, 0x0A, 0x06, 0x08, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09];
/// Of no meaning to anybody.
const STRANGE: &[u64] = &[1, 3, 6, 1, 4, 1, 99_999, 1];

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Authority {
    Ca,
    NotCa,
    Unsaid,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Usage {
    SignCertificates,
    SignMessages,
    /// To say which certificates of its issuer are revoked.
    SignAnswers,
    /// `cRLSign` for a CA and `keyEncipherment` for the others: stated, and the wrong one.
    Wrong,
    Unsaid,
}

#[derive(Clone)]
pub struct Mold {
    pub name: &'static str,
    pub authority: Authority,
    pub usage: Usage,
    pub mark: Option<&'static [u64]>,
    pub has_identifiers: bool,
    /// With a critical extension that nobody knows.
    pub is_strange: bool,
    /// With its basic constraints twice.
    pub repeats: bool,
    /// Where that is said of it.
    pub responder: Option<String>,
    pub valid: (OffsetDateTime, OffsetDateTime),
}

/// A certificate and its key.
pub struct Held {
    pub mold: Mold,
    pub key: KeyPair,
    pub der: Vec<u8>,
}

impl Mold {
    pub fn self_signed(self, algorithm: &'static SignatureAlgorithm) -> Result<Held, String> {
        let key = KeyPair::generate_for(algorithm).map_err(|e| told(&e))?;
        let der = self.params(&key, &key).self_signed(&key).map_err(|e| told(&e))?.der().to_vec();
        Ok(Held { mold: self, key, der })
    }

    pub fn issued_by(self, issuer: &Held, algorithm: &'static SignatureAlgorithm) -> Result<Held, String> {
        self.issued(&issuer.mold, &issuer.key, algorithm)
    }

    /// `named` is said to be the issuer, and `signing` signs.
    pub fn issued(
        self,
        named: &Self,
        signing: &KeyPair,
        algorithm: &'static SignatureAlgorithm,
    ) -> Result<Held, String> {
        let key = KeyPair::generate_for(algorithm).map_err(|e| told(&e))?;
        let issuer = named.params(signing, signing);
        let certificate = self.params(&key, signing).signed_by(&key, &Issuer::from_params(&issuer, signing));
        let der = certificate.map_err(|e| told(&e))?.der().to_vec();
        Ok(Held { mold: self, key, der })
    }

    fn params(&self, own: &KeyPair, issuer: &KeyPair) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = self.distinguished_name();
        (params.not_before, params.not_after) = self.valid;
        params.custom_extensions = self.extensions(own, issuer);
        params
    }

    fn distinguished_name(&self) -> DistinguishedName {
        let mut name = DistinguishedName::new();
        for (kind, text) in [
            (DnType::CommonName, self.name),
            (DnType::OrganizationalUnitName, "nbbang simulator, not Apple"),
            (DnType::CountryName, "US"),
        ] {
            name.push(kind, DnValue::Utf8String(text.to_owned()));
        }
        name
    }

    fn extensions(&self, own: &KeyPair, issuer: &KeyPair) -> Vec<CustomExtension> {
        let constraints = match self.authority {
            Authority::Ca => Some(extension(BASIC_CONSTRAINTS, &[0x30, 0x03, 0x01, 0x01, 0xFF], true)),
            Authority::NotCa => Some(extension(BASIC_CONSTRAINTS, &[0x30, 0x00], true)),
            Authority::Unsaid => None,
        };
        let usage = match (self.usage, self.authority) {
            (Usage::SignCertificates, _) => Some([0x03, 0x02, 0x01, 0x06]),
            (Usage::SignMessages | Usage::SignAnswers, _) => Some([0x03, 0x02, 0x07, 0x80]),
            (Usage::Wrong, Authority::Ca) => Some([0x03, 0x02, 0x01, 0x02]),
            (Usage::Wrong, _) => Some([0x03, 0x02, 0x05, 0x20]),
            (Usage::Unsaid, _) => None,
        };
        let repeated = constraints.clone().filter(|_| self.repeats);
        let mut extensions: Vec<CustomExtension> = constraints.into_iter().chain(repeated).collect();
        extensions.extend(usage.map(|bits| extension(KEY_USAGE, &bits, true)));
        extensions.extend(self.mark.map(|mark| extension(mark, &[0x05, 0x00], false)));
        if self.has_identifiers {
            let (own, issuer) = (identifier(own), identifier(issuer));
            extensions.push(extension(SUBJECT_KEY_IDENTIFIER, &[&[0x04, 0x14], &own[..]].concat(), false));
            extensions.push(extension(
                AUTHORITY_KEY_IDENTIFIER,
                &[&[0x30, 0x16, 0x80, 0x14], &issuer[..]].concat(),
                false,
            ));
        }
        if self.usage == Usage::SignAnswers {
            extensions.push(extension(EXTENDED_KEY_USAGE, OCSP_SIGNING, false));
        }
        if let Some(url) = &self.responder {
            extensions.push(extension(AUTHORITY_INFORMATION, &access(url), false));
        }
        if self.is_strange {
            extensions.push(extension(STRANGE, &[0x05, 0x00], true));
        }
        extensions
    }
}

fn extension(oid: &[u64], content: &[u8], is_critical: bool) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content.to_vec());
    extension.set_criticality(is_critical);
    extension
}

/// One place, for OCSP.
fn access(url: &str) -> Vec<u8> {
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_sequence(|writer| {
                writer.next().write_oid(&yasna::models::ObjectIdentifier::from_slice(&[1, 3, 6, 1, 5, 5, 7, 48, 1]));
                let url = |writer: yasna::DERWriter<'_>| writer.write_ia5_string(url);
                writer.next().write_tagged_implicit(yasna::Tag::context(6), url);
            });
        });
    })
}

/// The SHA-1 of the key's point: 20 bytes.
fn identifier(key: &KeyPair) -> Vec<u8> {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, key.der_bytes()).as_ref().to_vec()
}

fn told(error: &rcgen::Error) -> String {
    format!("A certificate could not be made: {error}.")
}
