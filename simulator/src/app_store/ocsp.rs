//! The responder that says which certificates of the simulated App Store are revoked (RFC 6960), and says it wrongly when asked to.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData};
use time::{Duration, OffsetDateTime};
use yasna::models::{GeneralizedTime, ObjectIdentifier};
use yasna::{DERWriterSeq, Tag};

use super::mold::{Authority, Held, Mold, Usage};
use super::pki::Pki;
use super::token;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    #[default]
    Good,
    Revoked,
    Unknown,
    /// Good, signed by somebody else's key.
    Forged,
    /// Revoked, signed by somebody else's key.
    ForgedRevoked,
    /// Good, and no longer in force.
    Stale,
    /// Good, about another certificate.
    OtherSerial,
    /// Good, signed by a certificate of the issuer's that is not for this.
    Unauthorized,
}

impl Status {
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "good" => Self::Good,
            "revoked" => Self::Revoked,
            "unknown" => Self::Unknown,
            "forged" => Self::Forged,
            "forged_revoked" => Self::ForgedRevoked,
            "stale" => Self::Stale,
            "other_serial" => Self::OtherSerial,
            "unauthorized" => Self::Unauthorized,
            _ => return None,
        })
    }
}

/// What a request asks about: the hash of the issuer's name, of its key, and the serial number.
pub struct Question {
    id: Vec<u8>,
    key_hash: Vec<u8>,
}

impl Question {
    pub fn read(request: &[u8]) -> Option<Self> {
        let id = yasna::parse_der(request, |reader| {
            reader.read_sequence(|reader| {
                reader.next().read_sequence(|reader| {
                    reader.next().read_sequence(|reader| reader.next().read_sequence(|reader| reader.next().read_der()))
                })
            })
        });
        let id = id.ok()?;
        let key_hash = yasna::parse_der(&id, |reader| {
            reader.read_sequence(|reader| {
                reader.next().read_der()?;
                reader.next().read_bytes()?;
                let key_hash = reader.next().read_bytes()?;
                reader.next().read_der()?;
                Ok(key_hash)
            })
        });
        key_hash.ok().map(|key_hash| Self { id, key_hash })
    }
}

impl Pki {
    /// Whether the question is about a leaf; the root's own are about the intermediate. None if it is none of ours.
    pub fn is_about_leaf(&self, question: &Question) -> Option<bool> {
        let hash = |held: &Held| digest(&SHA1_FOR_LEGACY_USE_ONLY, held.key.der_bytes()).as_ref().to_vec();
        match &question.key_hash {
            of if *of == hash(&self.intermediate) => Some(true),
            of if *of == hash(&self.root) => Some(false),
            _ => None,
        }
    }

    /// The intermediate lets a certificate of its own answer, as Apple's does, and the root answers itself.
    pub fn ocsp(&self, question: &Question, status: Status, now: OffsetDateTime) -> Result<Vec<u8>, String> {
        let about_leaf = self.is_about_leaf(question).ok_or("The question is about somebody else's certificate.")?;
        let issuer = if about_leaf { &self.intermediate } else { &self.root };
        let delegate = (about_leaf || status == Status::Unauthorized)
            .then(|| delegate(issuer, status != Status::Unauthorized))
            .transpose()?;
        let stranger = KeyPair::generate().map_err(|e| format!("A key could not be made: {e}."))?;
        let responder = delegate.as_ref().unwrap_or(issuer);
        let data = data(question, status, now, &responder.key);
        let key = if matches!(status, Status::Forged | Status::ForgedRevoked) { &stranger } else { &responder.key };
        let (signature, algorithm) = token::certificate_signature(key, &data)?;
        let basic = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_der(&data);
                writer.next().write_sequence(|writer| writer.next().write_oid(&oid(algorithm)));
                writer.next().write_bitvec_bytes(&signature, signature.len() * 8);
                if let Some(delegate) = &delegate {
                    let certificates = |writer: yasna::DERWriter<'_>| {
                        writer.write_sequence(|writer| writer.next().write_der(&delegate.der));
                    };
                    writer.next().write_tagged(Tag::context(0), certificates);
                }
            });
        });
        Ok(yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                writer.next().write_enum(0);
                writer.next().write_tagged(Tag::context(0), |writer| {
                    writer.write_sequence(|writer| {
                        writer.next().write_oid(&oid(&[1, 3, 6, 1, 5, 5, 7, 48, 1, 1]));
                        writer.next().write_bytes(&basic);
                    });
                });
            });
        }))
    }
}

fn delegate(issuer: &Held, is_for_it: bool) -> Result<Held, String> {
    let mold = Mold {
        name: "Simulated OCSP Responder",
        authority: Authority::NotCa,
        usage: if is_for_it { Usage::SignAnswers } else { Usage::SignMessages },
        mark: None,
        is_strange: false,
        repeats: false,
        responder: None,
        ..issuer.mold.clone()
    };
    mold.issued_by(issuer, &PKCS_ECDSA_P256_SHA256)
}

/// What is signed.
fn data(question: &Question, status: Status, now: OffsetDateTime, key: &KeyPair) -> Vec<u8> {
    let (from, until) = match status {
        Status::Stale => (now - Duration::days(9), now - Duration::days(2)),
        _ => (now - Duration::HOUR, now + Duration::hours(12)),
    };
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, key.der_bytes());
    let mut id = question.id.clone();
    if status == Status::OtherSerial
        && let Some(last) = id.last_mut()
    {
        *last ^= 1;
    }
    yasna::construct_der(|writer| {
        writer.write_sequence(|writer| {
            writer.next().write_tagged(Tag::context(2), |writer| writer.write_bytes(hash.as_ref()));
            write_time(writer, now);
            writer.next().write_sequence(|writer| {
                writer.next().write_sequence(|writer| {
                    writer.next().write_der(&id);
                    match status {
                        Status::Revoked | Status::ForgedRevoked => {
                            let info = |writer: &mut DERWriterSeq<'_>| write_time(writer, from);
                            writer.next().write_tagged_implicit(Tag::context(1), |writer| writer.write_sequence(info));
                        }
                        Status::Unknown => {
                            writer.next().write_tagged_implicit(Tag::context(2), write_null);
                        }
                        _ => writer.next().write_tagged_implicit(Tag::context(0), write_null),
                    }
                    write_time(writer, from);
                    let next = GeneralizedTime::from_datetime(whole(until));
                    writer.next().write_tagged(Tag::context(0), |writer| writer.write_generalized_time(&next));
                });
            });
        });
    })
}

fn write_time(writer: &mut DERWriterSeq<'_>, time: OffsetDateTime) {
    writer.next().write_generalized_time(&GeneralizedTime::from_datetime(whole(time)));
}

fn write_null(writer: yasna::DERWriter<'_>) {
    writer.write_null();
}

fn whole(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_nanosecond(0).unwrap_or(time)
}

fn oid(numbers: &[u64]) -> ObjectIdentifier {
    ObjectIdentifier::from_slice(numbers)
}
