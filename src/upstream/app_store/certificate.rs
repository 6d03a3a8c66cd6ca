//! One X.509 certificate: read to the last byte, and what it says it may be used for. Whose it is, the chain says.

use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::Oid;
use x509_parser::extensions::{KeyUsage, ParsedExtension, X509Extension};
use x509_parser::oid_registry::{
    OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ECDSA_WITH_SHA256, OID_SIG_ECDSA_WITH_SHA384,
    OID_X509_EXT_BASIC_CONSTRAINTS, OID_X509_EXT_KEY_USAGE,
};
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Version;

use super::der::{BIT_STRING, OBJECT_IDENTIFIER, SEQUENCE};
use super::rejection::Rule;

pub(super) type Certificate<'a> = X509Certificate<'a>;

pub(super) const V3: X509Version = X509Version::V3;

pub(super) fn parse(der: &[u8]) -> Result<Certificate<'_>, Rule> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(Rule::CertificateDer),
    }
}

/// Version 3, and signed in a way that we know.
pub(super) fn check_form(certificate: &Certificate<'_>, der: &[u8]) -> Result<(), Rule> {
    if certificate.version() != V3 {
        return Err(Rule::CertificateForm);
    }
    check_algorithm(certificate, der)
}

/// One algorithm inside and outside, ECDSA with SHA-256 or SHA-384, and written in the one way that there is: the parser is lenient
/// with what lies around the signed part.
pub(super) fn check_algorithm(certificate: &Certificate<'_>, der: &[u8]) -> Result<(), Rule> {
    let (algorithm, signature) = (&certificate.signature_algorithm, &certificate.signature_value);
    if *algorithm != certificate.tbs_certificate.signature {
        return Err(Rule::CertificateForm);
    }
    let known = algorithm.algorithm == OID_SIG_ECDSA_WITH_SHA256 || algorithm.algorithm == OID_SIG_ECDSA_WITH_SHA384;
    if !known || algorithm.parameters.is_some() {
        return Err(Rule::CertificateAlgorithm);
    }
    let algorithm = element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[algorithm.algorithm.as_bytes()])]);
    let signature = element(BIT_STRING, &[&[0], &signature.data]);
    let written = element(SEQUENCE, &[certificate.tbs_certificate.as_ref(), &algorithm, &signature]);
    if written == der { Ok(()) } else { Err(Rule::CertificateDer) }
}

/// DER of a type, with the shortest form of the length.
pub(super) fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let length = length.iter().copied().skip_while(|byte| *byte == 0).collect::<Vec<u8>>();
    let header = match (content.len(), u8::try_from(length.len())) {
        (short @ 0..=0x7F, _) => vec![tag, u8::try_from(short).unwrap_or(0x7F)],
        (_, Ok(bytes)) => [vec![tag, 0x80 | bytes], length].concat(),
        (_, Err(_)) => Vec::new(),
    };
    [header, content].concat()
}

/// Whether `issuer`'s key signed it; the one step that costs anything.
pub(super) fn check_signature(certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> Result<(), Rule> {
    certificate.verify_signature(Some(issuer.public_key())).map_err(|_| Rule::Signature)
}

/// One name and one key.
pub(super) fn is_same_issuer(one: &Certificate<'_>, other: &Certificate<'_>) -> bool {
    one.subject().as_raw() == other.subject().as_raw() && one.public_key().raw == other.public_key().raw
}

/// What a certificate says about itself in its extensions.
pub(super) struct Uses {
    pub(super) is_ca: bool,
    pub(super) key_usage: Option<KeyUsage>,
    /// It carries the extension by which Apple marks what it is for.
    pub(super) has_mark: bool,
    /// It carries a critical extension that we do not understand.
    pub(super) is_strange: bool,
}

pub(super) fn uses(certificate: &Certificate<'_>, mark: Option<&Oid<'_>>) -> Result<Uses, Rule> {
    let extensions = certificate.extensions();
    let mut uses = Uses { is_ca: false, key_usage: None, has_mark: false, is_strange: false };
    for (at, extension) in extensions.iter().enumerate() {
        if extensions.iter().take(at).any(|before| before.oid == extension.oid) {
            return Err(Rule::CertificateForm);
        }
        take_note(extension, mark, &mut uses)?;
    }
    Ok(uses)
}

fn take_note(extension: &X509Extension<'_>, mark: Option<&Oid<'_>>, uses: &mut Uses) -> Result<(), Rule> {
    match extension.parsed_extension() {
        ParsedExtension::BasicConstraints(constraints) => uses.is_ca = constraints.ca,
        ParsedExtension::KeyUsage(usage) => uses.key_usage = Some(*usage),
        _ if mark.is_some_and(|mark| *mark == extension.oid) => uses.has_mark = true,
        // One of the two that decide, and not readable.
        _ if extension.oid == OID_X509_EXT_BASIC_CONSTRAINTS || extension.oid == OID_X509_EXT_KEY_USAGE => {
            return Err(Rule::CertificateForm);
        }
        _ => uses.is_strange |= extension.critical,
    }
    Ok(())
}

/// The key of a certificate as an uncompressed point of P-256.
pub(super) fn p256_point<'a>(certificate: &'a Certificate<'_>) -> Option<&'a [u8]> {
    let key = &certificate.public_key().subject_public_key;
    let point = key.data.as_ref();
    let fits = curve(certificate)? == OID_EC_P256 && key.unused_bits == 0;
    (fits && point.len() == 65 && point.first() == Some(&4)).then_some(point)
}

/// The named curve of an EC key.
pub(super) fn curve(certificate: &Certificate<'_>) -> Option<Oid<'static>> {
    let algorithm = &certificate.public_key().algorithm;
    let named = algorithm.parameters.as_ref()?.as_oid().ok()?;
    (algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY).then(|| named.to_owned())
}
