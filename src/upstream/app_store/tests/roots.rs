//! Roots from files: what is right is taken, and what is wrong is told in a sentence.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

/// A file in a folder of this process's own.
fn file(name: &str, content: &[u8]) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("nbbang-roots-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn the_built_in_root_is_apples() {
    let labels = Roots::built_in().unwrap().labels();
    assert_eq!(labels.len(), 1);
    assert!(labels[0].contains("CN=Apple Root CA - G3"), "{}", labels[0]);
    assert!(
        labels[0].ends_with(
            "63:34:3A:BF:B8:9A:6A:03:EB:B5:7E:9B:3F:5F:A7:BE:7C:4F:5C:75:6F:30:17:B3:A8:C4:88:C3:65:3E:91:79"
        ),
        "{}",
        labels[0]
    );
}

#[test]
fn der_and_pem_are_taken() {
    let [apple, plain] = &*PKIS;
    let der = file("root.der", apple.root_der());
    let both = pem("CERTIFICATE", apple.root_der()) + &pem("CERTIFICATE", plain.root_der());
    let both = file("both.pem", both.as_bytes());
    let roots = Roots::from_files(&[der, both]).unwrap();
    assert_eq!(roots.labels().len(), 3);
    let verifier = Verifier::new(roots, BUNDLE_ID, None, vec![Environment::Sandbox]).unwrap();
    let claims = changed(transaction(), &json!({ "environment": "Sandbox" }));
    assert!(verifier.verify_transaction(&plain.sign(&claims).unwrap(), NOW).is_ok());
}

#[test]
fn a_wrong_root_stops_the_start() {
    let pki = &PKIS[0];
    let mut flipped = pki.root_der().to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    let wrong: [(&str, Vec<u8>, &str); 9] = [
        ("empty.der", Vec::new(), "neither DER nor PEM"),
        ("text.der", b"hello".to_vec(), "neither DER nor PEM"),
        ("cut.der", pki.root_der()[..200].to_vec(), "not one certificate as DER"),
        ("two.der", [pki.root_der(), pki.root_der()].concat(), "not one certificate as DER"),
        ("key.pem", pem("PRIVATE KEY", b"0").into_bytes(), "has a PRIVATE KEY"),
        (
            "broken.pem",
            b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n".to_vec(),
            "neither DER nor PEM",
        ),
        ("intermediate.der", pki.intermediate_der().to_vec(), "is not a root: it was issued by"),
        ("leaf.pem", pem("CERTIFICATE", pki.leaf_der()).into_bytes(), "is not a root: it was issued by"),
        ("flipped.der", flipped, "is not signed by itself"),
    ];
    for (name, content, why) in wrong {
        let sentence = Roots::from_files(&[file(name, &content)]).err().unwrap();
        assert!(sentence.contains(name) && sentence.contains(why), "{sentence}");
        assert!(sentence.contains("NBBANG_APP_STORE_ROOT_CERTS"), "it says what to do: {sentence}");
    }
    let missing = Roots::from_files(&["/nowhere/root.der"]).err().unwrap();
    assert!(missing.contains("/nowhere/root.der cannot be read"), "{missing}");
    assert!(Roots::from_files::<PathBuf>(&[]).is_err());
    assert!(Roots::from_der(vec![b"0".to_vec()]).err().unwrap().contains("A root certificate of the App Store"));
}
