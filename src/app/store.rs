//! The app store as the settings know it: what is for sale, who decides what Apple has signed, and whom to ask. It sells nothing by itself.

use std::fs;
use std::sync::Arc;

use secrecy::SecretSlice;

use crate::app::app_store_api;
use crate::config::{self, Config};
use crate::domain::error::Error;
use crate::domain::purchase::Catalogue;
use crate::upstream::app_store::server_api::ServerApi;
use crate::upstream::app_store::{Revocation, Roots, Verifier};

pub struct Store {
    pub catalogue: Catalogue,
    pub verifier: Arc<Verifier>,
    pub revocation: Revocation,
    /// None: we have no key for it, so what was missed stays missed.
    pub api: Option<ServerApi>,
}

impl Store {
    /// None when the settings name no app. What is wrong with the files that they name is told in a sentence. `api_key` is the
    /// one for Apple's Server API.
    pub fn open(config: &Config, api_key: Option<&SecretSlice<u8>>) -> Result<Option<Self>, String> {
        let settings = &config.app_store;
        // Looked through even when nothing is sold: whoever sets it means it.
        let roots = roots(settings, config.is_dev())?;
        let catalogue = catalogue(settings)?;
        let Some(bundle_id) = &settings.bundle_id else { return Ok(None) };
        for root in roots.labels() {
            tracing::info!(bundle_id, "purchases are believed that are signed under {root}");
        }
        let verifier = Verifier::new(roots, bundle_id, settings.app_apple_id, settings.environments.clone())?;
        let verifier = Arc::new(verifier);
        let told = |error: Error| error.to_string();
        let revocation = Revocation::new(Arc::clone(&verifier)).map_err(told)?;
        let api = app_store_api::open(settings, api_key, Arc::clone(&verifier)).map_err(told)?;
        Ok(Some(Self { catalogue, verifier, revocation, api }))
    }

    /// What the settings come to, for `nbbang doctor`.
    pub fn summary(&self, config: &Config) -> String {
        let environments: Vec<&str> = config.app_store.environments.iter().map(|it| it.word()).collect();
        format!("{} products, {} purchases", self.catalogue.products().len(), environments.join(" and "))
    }
}

/// Whoever has a root's key gives himself whatever he likes, so in prod there is none but Apple's.
fn roots(settings: &config::AppStore, is_dev: bool) -> Result<Roots, String> {
    let built_in = Roots::built_in()?;
    if settings.root_certs.is_empty() {
        return Ok(built_in);
    }
    let roots = Roots::from_files(&settings.root_certs)?;
    let apples = built_in.labels();
    match roots.labels().into_iter().find(|label| !apples.contains(label)) {
        Some(other) if !is_dev => Err(format!(
            "NBBANG_APP_STORE_ROOT_CERTS names a root that is not Apple's: {other}. In prod leave it empty; purchases are \
             then verified against the built-in Apple Root CA - G3."
        )),
        _ => Ok(roots),
    }
}

fn catalogue(settings: &config::AppStore) -> Result<Catalogue, String> {
    let Some(path) = &settings.products else { return Ok(Catalogue::built_in()) };
    let told = |why: String| format!("NBBANG_APP_STORE_PRODUCTS: {} {why}.", path.display());
    let json = fs::read_to_string(path).map_err(|error| told(format!("cannot be read: {error}")))?;
    Catalogue::read(&json).map_err(told)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn settings(root_certs: Vec<PathBuf>) -> config::AppStore {
        config::AppStore {
            root_certs,
            bundle_id: Some("com.example".to_owned()),
            app_apple_id: Some(1),
            environments: vec![crate::domain::purchase::Environment::Production],
            api_base_url: None,
            api_key_id: None,
            api_issuer_id: None,
            api_key_file: None,
            products: None,
        }
    }

    #[test]
    fn in_prod_there_is_no_root_but_apples() {
        let apples = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/AppleRootCA-G3.cer"));
        assert!(roots(&settings(vec![apples.clone()]), false).is_ok());
        let other = std::env::temp_dir().join(format!("nbbang-root-{}.der", crate::app::random()));
        let pki = nbbang_simulator::app_store::Pki::new(nbbang_simulator::app_store::Shape::Apple).unwrap();
        fs::write(&other, pki.root_der()).unwrap();
        assert!(roots(&settings(vec![other.clone()]), true).is_ok());
        for files in [vec![other.clone()], vec![apples, other.clone()]] {
            let told = roots(&settings(files), false).err().unwrap();
            assert!(told.contains("not Apple's"), "{told}");
        }
        fs::write(&other, "no certificate").unwrap();
        assert!(roots(&settings(vec![other.clone()]), true).is_err());
        fs::remove_file(other).unwrap();
    }

    #[test]
    fn products_that_cannot_be_read_are_told() {
        let mut settings = settings(Vec::new());
        settings.products = Some(PathBuf::from("/nowhere/products.json"));
        assert!(catalogue(&settings).unwrap_err().contains("/nowhere/products.json"));
    }
}
