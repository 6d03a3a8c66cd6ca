//! Whether a certificate is revoked (OCSP, RFC 6960): the question, and what an answer is worth. It asks nobody.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use time::Duration;
use x509_parser::asn1_rs::BitString;
use x509_parser::der_parser::{Oid, oid};
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_PKCS1_SHA256WITHRSA, OID_PKCS1_SHA384WITHRSA, OID_PKCS1_SHA512WITHRSA, OID_SIG_ECDSA_WITH_SHA256,
    OID_SIG_ECDSA_WITH_SHA384,
};
use x509_parser::prelude::FromDer;
use x509_parser::verify::verify_signature;
use x509_parser::x509::AlgorithmIdentifier;

use super::certificate::{self, Certificate, element};
use super::der::{
    BIT_STRING, Der, ENUMERATED, GENERALIZED_TIME, INTEGER, NULL, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, around,
    instead,
};
use crate::domain::Time;

const RESPONDER: Oid<'static> = oid!(1.3.6.1.5.5.7.48.1);
const BASIC: Oid<'static> = oid!(1.3.6.1.5.5.7.48.1.1);
const SHA1: Oid<'static> = oid!(1.3.14.3.2.26);
/// How far a responder's clock may be ahead of ours.
const AHEAD: Duration = Duration::minutes(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Good,
    Revoked,
    /// The responder does not know it, or does not say.
    Unknown,
}

/// What is known, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) said: Said,
    pub(super) until: Time,
}

/// Why an answer says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worthless {
    /// Not what the standard describes.
    Malformed,
    /// The responder says that it cannot answer.
    Unsuccessful,
    /// About another certificate.
    Other,
    /// Signed by whom the issuer has not asked to.
    Signer,
    Signature,
    /// Not yet, or no longer.
    Stale,
}

/// Where one can ask about a certificate, if it says so.
pub(super) fn responder(certificate: &Certificate<'_>) -> Option<String> {
    certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
        ParsedExtension::AuthorityInfoAccess(access) => {
            access.accessdescs.iter().find_map(|it| match &it.access_location {
                GeneralName::URI(url) if it.access_method == RESPONDER => Some((*url).to_owned()),
                _ => None,
            })
        }
        _ => None,
    })
}

/// The question about one certificate, without a nonce: answers are made in advance.
pub(super) fn request(certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> Vec<u8> {
    let algorithm = element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[SHA1.as_bytes()]), &[0x05, 0x00]]);
    let id = element(
        SEQUENCE,
        &[
            &algorithm,
            &element(OCTET_STRING, &[&sha1(issuer.subject().as_raw())]),
            &element(OCTET_STRING, &[&sha1(&issuer.public_key().subject_public_key.data)]),
            &element(INTEGER, &[certificate.raw_serial()]),
        ],
    );
    // A request in a list of requests, in what could be signed, in what could carry the signature.
    (0..4).fold(id, |inner, _| element(SEQUENCE, &[&inner]))
}

/// What an answer says of the certificate at `now`.
pub(super) fn read(
    answer: &[u8],
    certificate: &Certificate<'_>,
    issuer: &Certificate<'_>,
    now: Time,
) -> Result<Verdict, Worthless> {
    let signed = Signed::read(answer)?;
    let data = Data::read(signed.data).ok_or(Worthless::Malformed)?;
    let single = data.about(certificate, issuer).ok_or(Worthless::Other)?;
    check_signer(&signed, &data, issuer, now)?;
    let until = single.until.ok_or(Worthless::Stale)?;
    if single.from > now + AHEAD || until <= now {
        return Err(Worthless::Stale);
    }
    Ok(Verdict { said: single.said, until })
}

/// An answer's outermost parts.
struct Signed<'a> {
    data: &'a [u8],
    algorithm: AlgorithmIdentifier<'a>,
    signature: &'a [u8],
    /// At most one is looked at: the responder's own.
    certificate: Option<&'a [u8]>,
}

impl<'a> Signed<'a> {
    fn read(answer: &'a [u8]) -> Result<Self, Worthless> {
        let mut response = Der::new(Der::only(answer, SEQUENCE).ok_or(Worthless::Malformed)?.content);
        let status = response.take(ENUMERATED).ok_or(Worthless::Malformed)?;
        if status.content != [0] {
            return Err(Worthless::Unsuccessful);
        }
        let bytes = response.take(around(0)).filter(|_| response.end().is_some());
        bytes.and_then(|bytes| Self::basic(bytes.content)).ok_or(Worthless::Malformed)
    }

    fn basic(bytes: &'a [u8]) -> Option<Self> {
        let mut typed = Der::new(Der::only(bytes, SEQUENCE)?.content);
        let is_basic = typed.take(OBJECT_IDENTIFIER)?.content == BASIC.as_bytes();
        let basic = typed.take(OCTET_STRING)?;
        typed.end().filter(|()| is_basic)?;
        let mut parts = Der::new(Der::only(basic.content, SEQUENCE)?.content);
        let data = parts.take(SEQUENCE)?.whole;
        let algorithm = parts.take(SEQUENCE)?.whole;
        // The parser is lenient with what lies around the signed part.
        let mut strict = Der::new(Der::only(algorithm, SEQUENCE)?.content);
        strict.take(OBJECT_IDENTIFIER)?;
        let has_content = strict.maybe(NULL).is_some_and(|null| !null.content.is_empty());
        strict.end().filter(|()| !has_content)?;
        let (rest, algorithm) = AlgorithmIdentifier::from_der(algorithm).ok()?;
        let signature = parts.take(BIT_STRING)?.content.strip_prefix(&[0])?;
        let certificates = parts.maybe(around(0));
        parts.end().filter(|()| rest.is_empty())?;
        let certificate = match certificates {
            Some(list) => Der::new(Der::only(list.content, SEQUENCE)?.content).take(SEQUENCE).map(|it| it.whole),
            None => None,
        };
        Some(Self { data, algorithm, signature, certificate })
    }

    /// Whether this key made the signature, in a way that we trust.
    fn is_by(&self, key: &Certificate<'_>) -> bool {
        const KNOWN: [Oid<'static>; 5] = [
            OID_SIG_ECDSA_WITH_SHA256,
            OID_SIG_ECDSA_WITH_SHA384,
            OID_PKCS1_SHA256WITHRSA,
            OID_PKCS1_SHA384WITHRSA,
            OID_PKCS1_SHA512WITHRSA,
        ];
        let signature = BitString::new(0, self.signature);
        KNOWN.contains(&self.algorithm.algorithm)
            && verify_signature(key.public_key(), &self.algorithm, &signature, self.data).is_ok()
    }
}

/// What was signed.
struct Data<'a> {
    /// A name, or the hash of a key.
    name: Option<&'a [u8]>,
    key_hash: Option<&'a [u8]>,
    singles: Vec<Single<'a>>,
}

struct Single<'a> {
    hash: &'a [u8],
    issuer_name: &'a [u8],
    issuer_key: &'a [u8],
    serial: &'a [u8],
    said: Said,
    from: Time,
    until: Option<Time>,
}

impl<'a> Data<'a> {
    fn read(whole: &'a [u8]) -> Option<Self> {
        let mut data = Der::new(Der::only(whole, SEQUENCE)?.content);
        // The version, which is the first one and then has to be left out, but is written by some.
        if let Some(version) = data.maybe(around(0)) {
            (version.content == [INTEGER, 1, 0]).then_some(())?;
        }
        let responder = data.next()?;
        let (name, key_hash) = match responder.tag {
            tag if tag == around(1) => (Some(Der::only(responder.content, SEQUENCE)?.whole), None),
            tag if tag == around(2) => (None, Some(Der::only(responder.content, OCTET_STRING)?.content)),
            _ => return None,
        };
        time(data.take(GENERALIZED_TIME)?.content)?;
        let mut list = Der::new(data.take(SEQUENCE)?.content);
        data.maybe(around(1));
        data.end()?;
        let mut singles = Vec::new();
        while list.end().is_none() {
            singles.push(Single::read(list.take(SEQUENCE)?.content)?);
        }
        Some(Self { name, key_hash, singles })
    }

    fn about(&self, certificate: &Certificate<'_>, issuer: &Certificate<'_>) -> Option<&Single<'a>> {
        let name = sha1(issuer.subject().as_raw());
        let key = sha1(&issuer.public_key().subject_public_key.data);
        self.singles.iter().find(|it| {
            it.hash == SHA1.as_bytes()
                && it.issuer_name == name
                && it.issuer_key == key
                && it.serial == certificate.raw_serial()
        })
    }

    /// Whether the answer says that it comes from this one.
    fn is_of(&self, responder: &Certificate<'_>) -> bool {
        self.name.is_some_and(|name| name == responder.subject().as_raw())
            || self.key_hash.is_some_and(|hash| hash == sha1(&responder.public_key().subject_public_key.data))
    }
}

impl<'a> Single<'a> {
    fn read(content: &'a [u8]) -> Option<Self> {
        let mut single = Der::new(content);
        let mut id = Der::new(single.take(SEQUENCE)?.content);
        let hash = Der::new(id.take(SEQUENCE)?.content).take(OBJECT_IDENTIFIER)?.content;
        let (issuer_name, issuer_key) = (id.take(OCTET_STRING)?.content, id.take(OCTET_STRING)?.content);
        let serial = id.take(INTEGER)?.content;
        id.end()?;
        let status = single.next()?;
        let said = match status.tag {
            tag if tag == instead(0) && status.content.is_empty() => Said::Good,
            tag if tag == around(1) => {
                time(Der::new(status.content).take(GENERALIZED_TIME)?.content)?;
                Said::Revoked
            }
            tag if tag == instead(2) && status.content.is_empty() => Said::Unknown,
            _ => return None,
        };
        let from = time(single.take(GENERALIZED_TIME)?.content)?;
        let until = match single.maybe(around(0)) {
            Some(next) => Some(time(Der::only(next.content, GENERALIZED_TIME)?.content)?),
            None => None,
        };
        single.maybe(around(1));
        single.end()?;
        Some(Self { hash, issuer_name, issuer_key, serial, said, from, until })
    }
}

/// The issuer itself, or whom it has given a certificate for that very purpose, which is good now.
fn check_signer(signed: &Signed<'_>, data: &Data<'_>, issuer: &Certificate<'_>, now: Time) -> Result<(), Worthless> {
    if data.is_of(issuer) {
        return if signed.is_by(issuer) { Ok(()) } else { Err(Worthless::Signature) };
    }
    let der = signed.certificate.ok_or(Worthless::Signer)?;
    let delegate = &certificate::parse(der).map_err(|_| Worthless::Malformed)?;
    let may_answer = delegate.extensions().iter().any(|extension| match extension.parsed_extension() {
        ParsedExtension::ExtendedKeyUsage(usage) => usage.ocsp_signing,
        _ => false,
    });
    let validity = delegate.validity();
    let is_valid = (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now.unix_timestamp());
    let is_asked = data.is_of(delegate)
        && delegate.issuer().as_raw() == issuer.subject().as_raw()
        && may_answer
        && is_valid
        && certificate::check_form(delegate, der).is_ok()
        && certificate::check_signature(delegate, issuer).is_ok();
    match (is_asked, signed.is_by(delegate)) {
        (false, _) => Err(Worthless::Signer),
        (true, false) => Err(Worthless::Signature),
        (true, true) => Ok(()),
    }
}

/// The standard's one way to write a time: to the second, in UTC.
fn time(text: &[u8]) -> Option<Time> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let is_one = text.len() == 14 && text.bytes().all(|byte| byte.is_ascii_digit());
    let part = |from: usize, to: usize| text.get(from..to)?.parse::<u8>().ok();
    is_one.then_some(())?;
    let year = text.get(..4)?.parse().ok()?;
    let month = time::Month::try_from(part(4, 6)?).ok()?;
    let date = time::Date::from_calendar_date(year, month, part(6, 8)?).ok()?;
    let time = time::Time::from_hms(part(8, 10)?, part(10, 12)?, part(12, 14)?).ok()?;
    Some(time::PrimitiveDateTime::new(date, time).assume_utc())
}

fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}
