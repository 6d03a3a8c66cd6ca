//! The App Store Server API as the settings know it, and whether Apple takes our key.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::EncodingKey;
use secrecy::{ExposeSecret, SecretSlice};

use crate::app::clock;
use crate::config;
use crate::domain::error::{Code, Error, Result};
use crate::domain::purchase::Environment;
use crate::upstream::Fault;
use crate::upstream::app_store::Verifier;
use crate::upstream::app_store::server_api::{ApiKey, ServerApi, UNAUTHENTICATED, When};
use crate::upstream::client::Deadline;

/// How often it is asked, a second apart, what became of a test notification.
const LOOKS: usize = 15;
const BREATH: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(10);
/// Apple has no address of ours.
const NO_ADDRESS: &str = "4040007";

/// None when the settings name no key.
pub fn open(
    settings: &config::AppStore,
    key: Option<&SecretSlice<u8>>,
    verifier: Arc<Verifier>,
) -> Result<Option<ServerApi>> {
    let (Some(base_url), Some(key_id), Some(issuer_id), Some(key)) =
        (&settings.api_base_url, &settings.api_key_id, &settings.api_issuer_id, key)
    else {
        return Ok(None);
    };
    let key = EncodingKey::from_ec_pem(key.expose_secret()).map_err(|error| Error::internal(Code::Internal, error))?;
    let key = ApiKey { key_id: key_id.clone(), issuer_id: issuer_id.clone(), key };
    ServerApi::new(base_url, key, verifier, clock::real).map(Some)
}

/// Asks Apple for a test notification in each environment: what came of it, or what to do.
pub async fn examine(api: &ServerApi) -> Vec<(Environment, Result<String, String>)> {
    let mut found = Vec::new();
    for environment in api.environments() {
        found.push((environment, examine_one(api, environment).await));
    }
    found
}

async fn examine_one(api: &ServerApi, environment: Environment) -> Result<String, String> {
    let when = || When { now: clock::real(), deadline: Deadline::within(PATIENCE) };
    let token = api.request_test(environment, when()).await.map_err(|fault| advice(&fault))?;
    for _ in 0..LOOKS {
        match api.tested(environment, &token, when()).await.map_err(|fault| advice(&fault))? {
            Some(tested) if tested.result == "SUCCESS" => {
                return Ok("Apple takes our key, and its test notification has arrived".to_owned());
            }
            Some(tested) => {
                return Err(format!(
                    "Apple takes our key, but its test notification did not arrive ({}). The address of this server's \
                     /v1/webhooks/app-store belongs under App Information, App Store Server Notifications, in App Store \
                     Connect, version 2, and Apple (17.0.0.0/8) has to reach it.",
                    tested.result
                ));
            }
            None => tokio::time::sleep(BREATH).await,
        }
    }
    Ok("Apple takes our key; whether its test notification arrives is not known yet".to_owned())
}

fn advice(fault: &Fault) -> String {
    match fault {
        Fault::Refused(code) if code == UNAUTHENTICATED => {
            "Apple does not take our key. NBBANG_APP_STORE_API_KEY_ID, _ISSUER_ID and _KEY_FILE must be those of one \
             In-App Purchase key (App Store Connect, Users and Access, Integrations), and NBBANG_APP_STORE_BUNDLE_ID the \
             app's. Production also says so until the app was released once."
                .to_owned()
        }
        Fault::Refused(code) if code == NO_ADDRESS => {
            "Apple takes our key, but has no address for notifications. Set that of this server's /v1/webhooks/app-store \
             under App Information, App Store Server Notifications, in App Store Connect, version 2."
                .to_owned()
        }
        Fault::Busy { retry_after_ms } => {
            let wait_s = retry_after_ms.unwrap_or_default().div_ceil(1000);
            format!("Apple wants no more questions now. Try again in {wait_s} seconds.")
        }
        other => format!(
            "the App Store Server API gave no usable answer ({}). Look at NBBANG_APP_STORE_API_BASE_URL and the network.",
            other.word()
        ),
    }
}
