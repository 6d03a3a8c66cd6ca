//! Why a signed message is not believed: one word for each rule, for the log, the metric and the tests; a client learns none of them.

use std::fmt;

/// Which token broke which rule: a notification carries others inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rejection {
    pub token: Token,
    pub rule: Rule,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.token.word(), self.rule.word())
    }
}

impl std::error::Error for Rejection {}

crate::words! {
    /// A kind of signed message.
    pub enum Token {
        Notification => "notification",
        Transaction => "transaction",
        RenewalInfo => "renewal_info",
        AppTransaction => "app_transaction",
    }
}

crate::words! {
    /// A rule that a signed message can break.
    pub enum Rule {
        /// More than 64 KiB.
        TooLong => "too_long",
        /// Not three segments.
        Segments => "segments",
        /// A segment that is not canonical base64url without padding.
        Encoding => "encoding",
        /// Not UTF-8.
        Utf8 => "utf8",
        /// Not one JSON object.
        Json => "json",
        /// A name twice in one object.
        DuplicateName => "duplicate_name",
        /// A header whose fields are not of their types.
        HeaderField => "header_field",
        /// Any `alg` but ES256.
        Algorithm => "algorithm",
        /// A header with `crit`.
        Critical => "critical",
        /// Not exactly three certificates.
        ChainLength => "chain_length",
        /// A certificate that is not canonical base64 of at most 4 KiB.
        CertificateEncoding => "certificate_encoding",
        /// A certificate that is not DER to the last byte.
        CertificateDer => "certificate_der",
        /// A certificate that is not of version 3, or contradicts itself.
        CertificateForm => "certificate_form",
        /// A certificate signed by anything but ECDSA with SHA-256 or SHA-384.
        CertificateAlgorithm => "certificate_algorithm",
        /// The third certificate is not a configured root.
        UnknownRoot => "unknown_root",
        IntermediateIssuer => "intermediate_issuer",
        IntermediateSignature => "intermediate_signature",
        IntermediateNotCa => "intermediate_not_ca",
        IntermediateKeyUsage => "intermediate_key_usage",
        /// The intermediate lacks Apple's mark.
        IntermediateMark => "intermediate_mark",
        IntermediateCritical => "intermediate_critical",
        LeafIssuer => "leaf_issuer",
        LeafSignature => "leaf_signature",
        LeafIsCa => "leaf_is_ca",
        LeafKeyUsage => "leaf_key_usage",
        /// The leaf lacks Apple's mark.
        LeafMark => "leaf_mark",
        LeafCritical => "leaf_critical",
        /// The leaf's key is not an uncompressed point of P-256.
        LeafKey => "leaf_key",
        /// Not the leaf's signature of these bytes.
        Signature => "signature",
        /// Apple has revoked the leaf or the intermediate.
        Revoked => "revoked",
        /// A payload that lacks a field or has one of another type.
        PayloadField => "payload_field",
        /// A message of another kind than was asked for.
        Kind => "kind",
        SignedDateMissing => "signed_date_missing",
        /// Signed more than five minutes from now.
        SignedDateFuture => "signed_date_future",
        /// A certificate that was not valid when the message was signed.
        CertificateDates => "certificate_dates",
        /// Not exactly one of data, summary, token and app data.
        Content => "content",
        BundleId => "bundle_id",
        AppId => "app_id",
        Environment => "environment",
        /// What is inside belongs to something else than what is around it.
        Inconsistent => "inconsistent",
    }
}
