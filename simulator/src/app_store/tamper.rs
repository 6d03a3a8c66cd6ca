//! The ways in which a token can be wrong, by name.

macro_rules! tampers {
    ($($(#[doc = $doc:literal])* $variant:ident => $word:literal),* $(,)?) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Tamper { $($(#[doc = $doc])* $variant),* }

        impl Tamper {
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|tamper| tamper.word() == word)
            }
        }
    };
}

tampers! {
    // The compact form.
    Empty => "empty",
    TwoSegments => "two_segments",
    FourSegments => "four_segments",
    TooLong => "too_long",
    LeadingSpace => "leading_space",
    TrailingNewline => "trailing_newline",
    SpaceInPayload => "space_in_payload",
    PaddedSignature => "padded_signature",
    PaddedPayload => "padded_payload",
    /// The same bytes, written with other bits at the end.
    LooseSignature => "loose_signature",
    /// With `+` and `/` in place of `-` and `_`.
    StandardAlphabet => "standard_alphabet",

    // The header.
    HeaderNotJson => "header_not_json",
    HeaderArray => "header_array",
    HeaderNotUtf8 => "header_not_utf8",
    HeaderTrailing => "header_trailing",
    HeaderWrongType => "header_wrong_type",
    AlgorithmTwice => "algorithm_twice",
    CertificatesTwice => "certificates_twice",
    KeyIdTwice => "key_id_twice",
    AlgorithmNone => "algorithm_none",
    /// HMAC with the leaf's public key as the secret.
    AlgorithmHs256 => "algorithm_hs256",
    AlgorithmEs384 => "algorithm_es384",
    AlgorithmLowerCase => "algorithm_lower_case",
    AlgorithmMissing => "algorithm_missing",
    CriticalUnknown => "critical_unknown",
    CriticalB64 => "critical_b64",
    CriticalEmpty => "critical_empty",
    CriticalNull => "critical_null",
    /// The attacker's own key, named by the header's `jwk`.
    OwnJwk => "own_jwk",
    /// The attacker's own key, named by `jku` and `kid`.
    OwnJku => "own_jku",
    CertificatesMissing => "certificates_missing",
    CertificatesEmpty => "certificates_empty",
    /// As Xcode signs.
    OneCertificate => "one_certificate",
    TwoCertificates => "two_certificates",
    FourCertificates => "four_certificates",
    CertificateBase64Url => "certificate_base64url",
    CertificateLineBreaks => "certificate_line_breaks",
    CertificateUnpadded => "certificate_unpadded",
    CertificateTooLong => "certificate_too_long",
    CertificateEmpty => "certificate_empty",
    RootNotBase64 => "root_not_base64",

    // Certificates.
    LeafTrailingBytes => "leaf_trailing_bytes",
    IntermediateTrailingBytes => "intermediate_trailing_bytes",
    RootTrailingBytes => "root_trailing_bytes",
    /// Its name and its key, and a signature that is not its own.
    RootBitFlipped => "root_bit_flipped",
    LeafTruncated => "leaf_truncated",
    LeafNotDer => "leaf_not_der",
    /// A whole chain of the attacker's, names and all like the real one.
    ForeignChain => "foreign_chain",
    /// That chain, with the real root at its end.
    ForeignChainUnderRoot => "foreign_chain_under_root",
    /// The attacker's leaf under the real intermediate and root.
    ForeignLeaf => "foreign_leaf",
    /// The leaf in place of the root.
    LeafAsRoot => "leaf_as_root",
    /// A certificate that the real leaf has issued.
    LeafAsIssuer => "leaf_as_issuer",
    Reversed => "reversed",
    IntermediateOfOtherName => "intermediate_of_other_name",
    IntermediateNotCa => "intermediate_not_ca",
    IntermediateUnconstrained => "intermediate_unconstrained",
    IntermediateWrongUsage => "intermediate_wrong_usage",
    IntermediateWithoutUsage => "intermediate_without_usage",
    IntermediateUnmarked => "intermediate_unmarked",
    IntermediateMarkedAsLeaf => "intermediate_marked_as_leaf",
    IntermediateCritical => "intermediate_critical",
    IntermediateRepeats => "intermediate_repeats",
    IntermediateExpired => "intermediate_expired",
    /// Signs the leaf with SHA-512 on P-521.
    IntermediateP521 => "intermediate_p521",
    IntermediateBitFlipped => "intermediate_bit_flipped",
    LeafOfOtherName => "leaf_of_other_name",
    LeafIsCa => "leaf_is_ca",
    LeafWrongUsage => "leaf_wrong_usage",
    LeafWithoutUsage => "leaf_without_usage",
    LeafUnmarked => "leaf_unmarked",
    LeafMarkedAsIntermediate => "leaf_marked_as_intermediate",
    LeafCritical => "leaf_critical",
    LeafRepeats => "leaf_repeats",
    LeafExpired => "leaf_expired",
    LeafNotYetValid => "leaf_not_yet_valid",
    LeafP384 => "leaf_p384",
    /// With `alg` ES384 and a signature to match.
    LeafEs384 => "leaf_es384",
    LeafBitFlipped => "leaf_bit_flipped",

    // The signature.
    OtherKey => "other_key",
    PayloadChanged => "payload_changed",
    HeaderChanged => "header_changed",
    SignatureBitFlipped => "signature_bit_flipped",
    SignatureEmpty => "signature_empty",
    SignatureShort => "signature_short",
    SignatureLong => "signature_long",
    SignatureZero => "signature_zero",
    SignatureOfOnes => "signature_of_ones",
    /// As ASN.1, as certificates are signed.
    SignatureDer => "signature_der",

    // The payload's form.
    NotUtf8 => "not_utf8",
    NotJson => "not_json",
    Array => "array",
    Text => "text",
    TrailingJson => "trailing_json",
    ByteOrderMark => "byte_order_mark",
    NameTwice => "name_twice",
    UnknownNameTwice => "unknown_name_twice",
    /// Once as it is and once with an escape.
    NameTwiceEscaped => "name_twice_escaped",
    NameTwiceInside => "name_twice_inside",
    TooDeep => "too_deep",
    WrongType => "wrong_type",

    // What it says.
    SignedDateMissing => "signed_date_missing",
    SignedDateFuture => "signed_date_future",
    SignedDateText => "signed_date_text",
    SignedDateFraction => "signed_date_fraction",
    SignedDateNegative => "signed_date_negative",
    /// Before there were certificates.
    SignedDateTooEarly => "signed_date_too_early",
    BundleIdOther => "bundle_id_other",
    BundleIdOtherCase => "bundle_id_other_case",
    BundleIdMissing => "bundle_id_missing",
    AppIdOther => "app_id_other",
    AppIdMissing => "app_id_missing",
    EnvironmentXcode => "environment_xcode",
    EnvironmentLocalTesting => "environment_local_testing",
    EnvironmentUnknown => "environment_unknown",
    EnvironmentMissing => "environment_missing",
    /// A notification about two things.
    TwoContents => "two_contents",
    NoContent => "no_content",
}
