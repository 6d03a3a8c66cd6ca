//! The compact form: three segments and a signature, genuine or forged.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PublicKeyData};

use super::chain::Chain;
use super::tamper::Tamper;

pub fn signed(header: &str, payload: &[u8], key: &KeyPair) -> Result<String, String> {
    let signing_input = joined(header.as_bytes(), payload);
    let signature = signature(&ECDSA_P256_SHA256_FIXED_SIGNING, key, signing_input.as_bytes())?;
    Ok(format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

pub fn forged(tamper: Tamper, header: &[u8], payload: &[u8], chain: &Chain<'_>) -> Result<String, String> {
    // Signed as it is written: only the writing is wrong.
    let input = match (tamper, joined(header, payload)) {
        (Tamper::LeadingSpace, input) => format!(" {input}"),
        (Tamper::SpaceInPayload, input) => input.replacen('.', ". ", 1),
        (Tamper::PaddedPayload, input) => format!("{input}="),
        (Tamper::StandardAlphabet, input) => input.replace('-', "+").replace('_', "/"),
        (_, input) => input,
    };
    let mut signature = forged_signature(tamper, &input, chain)?;
    let input = match tamper {
        Tamper::PayloadChanged => joined(header, &[payload, b" "].concat()),
        Tamper::HeaderChanged => joined(&[header, b" "].concat(), payload),
        _ => input,
    };
    if tamper == Tamper::SignatureBitFlipped {
        signature.iter_mut().skip(40).take(1).for_each(|byte| *byte ^= 0x10);
    }
    let last = URL_SAFE_NO_PAD.encode(&signature);
    let token = format!("{input}.{last}");
    Ok(match tamper {
        Tamper::Empty => String::new(),
        Tamper::TwoSegments => input,
        Tamper::FourSegments => format!("{token}.{last}"),
        Tamper::TooLong => format!("{token}{}", "A".repeat(64 * 1024)),
        Tamper::TrailingNewline => format!("{token}\n"),
        Tamper::PaddedSignature => format!("{token}=="),
        Tamper::LooseSignature => loosened(&token),
        _ => token,
    })
}

fn forged_signature(tamper: Tamper, input: &str, chain: &Chain<'_>) -> Result<Vec<u8>, String> {
    let input = input.as_bytes();
    Ok(match tamper {
        Tamper::AlgorithmNone | Tamper::SignatureEmpty => Vec::new(),
        Tamper::AlgorithmHs256 => {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, chain.key.der_bytes());
            hmac::sign(&secret, input).as_ref().to_vec()
        }
        Tamper::SignatureDer => signature(&ECDSA_P256_SHA256_ASN1_SIGNING, chain.key, input)?,
        Tamper::SignatureZero => vec![0; 64],
        Tamper::SignatureOfOnes => vec![0xFF; 64],
        Tamper::SignatureShort => genuine_signature(chain.key, input)?.into_iter().take(63).collect(),
        Tamper::SignatureLong => genuine_signature(chain.key, input)?.into_iter().chain([0]).collect(),
        // What a verifier that only looks at P-256 would be given with a key of P-384.
        Tamper::LeafP384 => genuine_signature(chain.key, input)?.into_iter().take(64).collect(),
        _ => genuine_signature(chain.key, input)?,
    })
}

fn genuine_signature(key: &KeyPair, input: &[u8]) -> Result<Vec<u8>, String> {
    if *key.algorithm() == PKCS_ECDSA_P384_SHA384 {
        signature(&ECDSA_P384_SHA384_FIXED_SIGNING, key, input)
    } else {
        signature(&ECDSA_P256_SHA256_FIXED_SIGNING, key, input)
    }
}

/// As certificates are signed, and the OID of how.
pub fn certificate_signature(key: &KeyPair, input: &[u8]) -> Result<(Vec<u8>, &'static [u64]), String> {
    if *key.algorithm() == PKCS_ECDSA_P384_SHA384 {
        Ok((signature(&ECDSA_P384_SHA384_ASN1_SIGNING, key, input)?, &[1, 2, 840, 10045, 4, 3, 3]))
    } else {
        Ok((signature(&ECDSA_P256_SHA256_ASN1_SIGNING, key, input)?, &[1, 2, 840, 10045, 4, 3, 2]))
    }
}

fn signature(algorithm: &'static EcdsaSigningAlgorithm, key: &KeyPair, input: &[u8]) -> Result<Vec<u8>, String> {
    let pair = EcdsaKeyPair::from_pkcs8(algorithm, key.serialized_der())
        .map_err(|e| format!("A key could not be read: {e}."))?;
    let signature = pair.sign(&SystemRandom::new(), input).map_err(|_| "A message could not be signed.".to_owned())?;
    Ok(signature.as_ref().to_vec())
}

fn joined(header: &[u8], payload: &[u8]) -> String {
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload))
}

/// 64 bytes leave four bits of the last letter unused; they are set here.
fn loosened(token: &str) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut letters = token.chars();
    let last = letters.next_back().and_then(|last| LETTERS.find(last)).unwrap_or_default();
    let loose = LETTERS.chars().nth(last | 1).unwrap_or('_');
    format!("{}{loose}", letters.as_str())
}
