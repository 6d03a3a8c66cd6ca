//! The roots that the operator trusts to sign for the App Store; a wrong one stops the start with a sentence that says what to do.

use std::path::Path;

use aws_lc_rs::digest;
use x509_parser::oid_registry::OID_EC_P256;
use x509_parser::pem::Pem;

use super::certificate::{self, Certificate};

/// Apple Root CA - G3, as Apple publishes it.
const BUILT_IN: &[u8] = include_bytes!("../../../assets/AppleRootCA-G3.cer");

const ADVICE: &str = "Leave NBBANG_APP_STORE_ROOT_CERTS empty for the built-in Apple Root CA - G3, or name files that hold a \
                      root certificate as DER or PEM (Apple's are at https://www.apple.com/certificateauthority/).";

/// At least one root, each looked through.
pub struct Roots(pub(super) Vec<Root>);

pub(super) struct Root {
    pub(super) der: Vec<u8>,
    /// What it issues has to say what it is for. Apple's real certificates do, under a root of P-384; those that it publishes
    /// for tests, all of P-256, do not.
    pub(super) demands_key_usage: bool,
    label: String,
}

impl Roots {
    pub fn built_in() -> Result<Self, String> {
        Self::from_der(vec![BUILT_IN.to_vec()])
    }

    pub fn from_der(certificates: Vec<Vec<u8>>) -> Result<Self, String> {
        let roots = certificates.into_iter().map(Root::new).collect::<Result<Vec<_>, _>>();
        Self::some(roots.map_err(|why| format!("A root certificate of the App Store {why}. {ADVICE}"))?)
    }

    /// From files with one certificate as DER, or with any number as PEM.
    pub fn from_files<P: AsRef<Path>>(paths: &[P]) -> Result<Self, String> {
        let mut roots = Vec::new();
        for path in paths.iter().map(AsRef::as_ref) {
            let told = |why: String| format!("{} {why}. {ADVICE}", path.display());
            let bytes = std::fs::read(path).map_err(|e| told(format!("cannot be read: {e}")))?;
            for der in certificates(bytes).map_err(told)? {
                roots.push(Root::new(der).map_err(told)?);
            }
        }
        Self::some(roots)
    }

    fn some(roots: Vec<Root>) -> Result<Self, String> {
        if roots.is_empty() {
            Err(format!("No root certificate of the App Store is given. {ADVICE}"))
        } else {
            Ok(Self(roots))
        }
    }

    /// Name and SHA-256 of each, for the log at the start.
    pub fn labels(&self) -> Vec<String> {
        self.0.iter().map(|root| root.label.clone()).collect()
    }
}

/// The DER of a file's certificates.
fn certificates(bytes: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
    // A SEQUENCE: DER. Text is taken for PEM.
    if bytes.first() == Some(&0x30) {
        return Ok(vec![bytes]);
    }
    let blocks = Pem::iter_from_buffer(&bytes).collect::<Result<Vec<_>, _>>();
    let blocks = blocks.map_err(|_| "is neither DER nor PEM".to_owned())?;
    match blocks.iter().find(|block| block.label != "CERTIFICATE") {
        Some(other) => Err(format!("has a {} where a CERTIFICATE should be", other.label)),
        None if blocks.is_empty() => Err("is neither DER nor PEM".to_owned()),
        None => Ok(blocks.into_iter().map(|block| block.contents).collect()),
    }
}

impl Root {
    fn new(der: Vec<u8>) -> Result<Self, String> {
        let parsed =
            certificate::parse(&der).map_err(|_| "is not one certificate as DER, to the last byte".to_owned())?;
        look_through(&parsed, &der)?;
        let demands_key_usage = certificate::curve(&parsed) != Some(OID_EC_P256);
        let label = format!("{}, SHA-256 {}", parsed.subject(), fingerprint(&der));
        Ok(Self { der, demands_key_usage, label })
    }
}

/// Whether it can be the root of a chain that we accept.
fn look_through(root: &Certificate<'_>, der: &[u8]) -> Result<(), String> {
    let name = root.subject();
    if root.issuer().as_raw() != root.subject().as_raw() {
        return Err(format!("({name}) is not a root: it was issued by {}", root.issuer()));
    }
    certificate::check_algorithm(root, der)
        .and_then(|()| certificate::check_signature(root, root))
        .map_err(|_| format!("({name}) is not signed by itself with ECDSA, as Apple Root CA - G3 is"))?;
    let uses = certificate::uses(root, None).map_err(|_| format!("({name}) has an extension that cannot be read"))?;
    // Apple's own test root is of version 1, which knows no extensions.
    let may_issue = uses.is_ca || root.version() != certificate::V3 || root.extensions().is_empty();
    if !may_issue || uses.key_usage.as_ref().is_some_and(|usage| !usage.key_cert_sign()) {
        return Err(format!("({name}) may not issue certificates"));
    }
    Ok(())
}

/// SHA-256 in capital hexadecimal digits, as `openssl x509 -fingerprint` writes it.
fn fingerprint(der: &[u8]) -> String {
    let digest = digest::digest(&digest::SHA256, der);
    digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}
