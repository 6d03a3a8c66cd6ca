//! From a message's header to the key that signed it: leaf, intermediate and root, verified once and then remembered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use x509_parser::der_parser::{Oid, oid};

use super::certificate::{self, Certificate, Uses};
use super::jws::{Jws, X5c};
use super::rejection::Rule;
use super::roots::{Root, Roots};
use super::shelf::Shelf;
use crate::domain::Time;

/// How Apple marks an intermediate of its Worldwide Developer Relations.
const INTERMEDIATE_MARK: Oid<'static> = oid!(1.2.840.113635.100.6.2.1);
/// How Apple marks what signs for the App Store.
const LEAF_MARK: Oid<'static> = oid!(1.2.840.113635.100.6.11.1);

/// What was verified is remembered at three depths, so that a forgery never costs more than the one signature that it fails at:
/// by header if the message was good too, by chain, and by intermediate. All bytes are compared, not a hash.
pub(super) struct Chains {
    roots: Vec<Root>,
    headers: Shelf<Signer>,
    leaves: Shelf<Leaf>,
    intermediates: Shelf<Span>,
    /// Certificates, for ever.
    revoked: Mutex<Vec<Vec<u8>>>,
}

/// Who signed under one header.
pub(super) struct Signer {
    leaf: Arc<Leaf>,
    /// The hash of header and dot, to which a message adds its payload.
    begun: Context,
}

pub(super) struct Leaf {
    key: ParsedPublicKey,
    /// When leaf, intermediate and root are all valid.
    span: Span,
    /// Itself, its intermediate and the configured root.
    certificates: [Vec<u8>; 3],
    is_revoked: AtomicBool,
}

/// From and until, in seconds since 1970, both included.
#[derive(Clone, Copy)]
struct Span(i64, i64);

impl Chains {
    pub(super) fn new(roots: Roots) -> Self {
        Self {
            roots: roots.0,
            headers: Shelf::new(),
            leaves: Shelf::new(),
            intermediates: Shelf::new(),
            revoked: Mutex::default(),
        }
    }

    /// Who signed this message. The chain and the signature hold; whether they did on the day it was signed, the caller has
    /// to ask, since the day stands in the payload.
    pub(super) fn signer(&self, jws: &Jws<'_>) -> Result<Arc<Signer>, Rule> {
        if let Some(known) = self.headers.get(jws.header.as_bytes()) {
            known.check(jws)?;
            return known.unrevoked();
        }
        let signer = Arc::new(Signer::new(self.leaf(&X5c::of_header(jws.header)?)?, jws.header));
        signer.check(jws)?;
        self.headers.keep(jws.header.as_bytes(), &signer);
        signer.unrevoked()
    }

    /// The chains in use.
    pub(super) fn known(&self) -> Vec<Arc<Leaf>> {
        self.leaves.all()
    }

    /// Nothing that stands on this certificate counts any more.
    pub(super) fn revoke(&self, der: &[u8]) {
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        if !revoked.iter().any(|it| it == der) {
            revoked.push(der.to_vec());
        }
        // Under the lock, which a new leaf takes after it is kept: one of the two sees the other.
        self.mark(&revoked);
    }

    fn mark(&self, revoked: &[Vec<u8>]) {
        // A header may know its leaf for longer than the shelf of leaves does.
        let of_headers = self.headers.all().into_iter().map(|signer| Arc::clone(&signer.leaf));
        for leaf in self.leaves.all().into_iter().chain(of_headers) {
            if leaf.certificates.iter().any(|it| revoked.contains(it)) {
                leaf.is_revoked.store(true, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn leaf(&self, X5c([leaf, intermediate, root]): &X5c) -> Result<Arc<Leaf>, Rule> {
        let key = framed(&[leaf, intermediate, root]);
        if let Some(known) = self.leaves.get(&key) {
            return Ok(known);
        }
        let root = self.roots.iter().find(|it| it.der == *root).map_or_else(|| self.edition(root), Ok)?;
        let span = self.intermediate(intermediate, root)?;
        let verified = Arc::new(verify_leaf(leaf, intermediate, root, span)?);
        self.leaves.keep(&key, &verified);
        self.mark(&self.revoked.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(verified)
    }

    /// The configured root of which this is another edition: with the same name, the same key, and signed by it. Only the
    /// holder of that key can make one. Apple's published test messages carry an older edition of Apple's published test root.
    fn edition(&self, der: &[u8]) -> Result<&Root, Rule> {
        let edition = certificate::parse(der)?;
        let is_of =
            |root: &&Root| certificate::parse(&root.der).is_ok_and(|root| certificate::is_same_issuer(&root, &edition));
        let root = self.roots.iter().find(is_of).ok_or(Rule::UnknownRoot)?;
        certificate::check_algorithm(&edition, der)?;
        certificate::check_signature(&edition, &edition).map_err(|_| Rule::UnknownRoot)?;
        Ok(root)
    }

    fn intermediate(&self, der: &[u8], root: &Root) -> Result<Span, Rule> {
        let key = framed(&[der, &root.der]);
        if let Some(known) = self.intermediates.get(&key) {
            return Ok(*known);
        }
        let span = verify_intermediate(der, root)?;
        self.intermediates.keep(&key, &Arc::new(span));
        Ok(span)
    }

    #[cfg(test)]
    pub(super) fn remembered(&self) -> [usize; 3] {
        [self.headers.len(), self.leaves.len(), self.intermediates.len()]
    }
}

impl Signer {
    fn new(leaf: Arc<Leaf>, header: &str) -> Self {
        let mut begun = Context::new(&SHA256);
        begun.update(header.as_bytes());
        begun.update(b".");
        Self { leaf, begun }
    }

    fn check(&self, jws: &Jws<'_>) -> Result<(), Rule> {
        let mut hash = self.begun.clone();
        hash.update(jws.payload.as_bytes());
        self.leaf.key.verify_digest_sig(&hash.finish(), &jws.signature).map_err(|_| Rule::Signature)
    }

    fn unrevoked(self: Arc<Self>) -> Result<Arc<Self>, Rule> {
        if self.leaf.is_revoked.load(Ordering::Relaxed) { Err(Rule::Revoked) } else { Ok(self) }
    }

    pub(super) fn was_valid_at(&self, time: Time) -> bool {
        self.leaf.was_valid_at(time)
    }
}

impl Leaf {
    pub(super) fn certificates(&self) -> &[Vec<u8>; 3] {
        &self.certificates
    }

    pub(super) fn was_valid_at(&self, time: Time) -> bool {
        let Span(from, until) = self.span;
        (from..=until).contains(&time.unix_timestamp())
    }
}

impl Span {
    fn of(certificate: &Certificate<'_>) -> Self {
        let validity = certificate.validity();
        Self(validity.not_before.timestamp(), validity.not_after.timestamp())
    }

    fn within(self, other: Self) -> Self {
        Self(self.0.max(other.0), self.1.min(other.1))
    }
}

/// Everything that costs nothing comes before the signature.
fn verify_intermediate(der: &[u8], root: &Root) -> Result<Span, Rule> {
    let (intermediate, issuer) = (&certificate::parse(der)?, certificate::parse(&root.der)?);
    if intermediate.issuer().as_raw() != issuer.subject().as_raw() {
        return Err(Rule::IntermediateIssuer);
    }
    certificate::check_form(intermediate, der)?;
    let uses = certificate::uses(intermediate, Some(&INTERMEDIATE_MARK))?;
    let usage = uses.key_usage.as_ref().map(x509_parser::extensions::KeyUsage::key_cert_sign);
    for (holds, rule) in [
        (uses.is_ca, Rule::IntermediateNotCa),
        (usage.unwrap_or(!root.demands_key_usage), Rule::IntermediateKeyUsage),
        (uses.has_mark, Rule::IntermediateMark),
        (!uses.is_strange, Rule::IntermediateCritical),
    ] {
        if !holds {
            return Err(rule);
        }
    }
    certificate::check_signature(intermediate, &issuer).map_err(|_| Rule::IntermediateSignature)?;
    Ok(Span::of(intermediate).within(Span::of(&issuer)))
}

fn verify_leaf(der: &[u8], issuer: &[u8], root: &Root, span: Span) -> Result<Leaf, Rule> {
    let certificates = [der.to_vec(), issuer.to_vec(), root.der.clone()];
    let (leaf, issuer) = (&certificate::parse(der)?, &certificate::parse(issuer)?);
    if leaf.issuer().as_raw() != issuer.subject().as_raw() {
        return Err(Rule::LeafIssuer);
    }
    certificate::check_form(leaf, der)?;
    check_leaf_uses(&certificate::uses(leaf, Some(&LEAF_MARK))?, root)?;
    let point = certificate::p256_point(leaf).ok_or(Rule::LeafKey)?;
    let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).map_err(|_| Rule::LeafKey)?;
    certificate::check_signature(leaf, issuer).map_err(|_| Rule::LeafSignature)?;
    Ok(Leaf { key, span: Span::of(leaf).within(span), certificates, is_revoked: AtomicBool::new(false) })
}

fn check_leaf_uses(uses: &Uses, root: &Root) -> Result<(), Rule> {
    let usage = uses.key_usage.as_ref().map(x509_parser::extensions::KeyUsage::digital_signature);
    for (holds, rule) in [
        (!uses.is_ca, Rule::LeafIsCa),
        (usage.unwrap_or(!root.demands_key_usage), Rule::LeafKeyUsage),
        (uses.has_mark, Rule::LeafMark),
        (!uses.is_strange, Rule::LeafCritical),
    ] {
        if !holds {
            return Err(rule);
        }
    }
    Ok(())
}

/// Several byte strings as one, each with its length, so that no other division of the same bytes is equal.
fn framed(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|part| part.len().to_be_bytes().into_iter().chain(part.iter().copied())).collect()
}
