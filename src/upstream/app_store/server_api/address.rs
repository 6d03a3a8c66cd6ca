//! Where the two environments are, from the one address that is set.

use reqwest::Url;

/// How Apple names its hosts, now and before.
const HOSTS: &str = "api.storekit.";
const SANDBOX_HOSTS: &str = "api.storekit-sandbox.";

pub(super) fn production(base_url: &str) -> Result<Url, String> {
    Url::parse(base_url).map_err(|error| format!("the address of the App Store Server API: {error}"))
}

/// Apple's other host, or at any other server a path beside the one that is given.
pub(super) fn sandbox(base_url: &str) -> Result<Url, String> {
    let mut url = production(base_url)?;
    if let Some(rest) = url.host_str().and_then(|host| host.strip_prefix(HOSTS)) {
        let host = format!("{SANDBOX_HOSTS}{rest}");
        url.set_host(Some(&host)).map_err(|error| format!("the App Store's sandbox: {error}"))?;
    } else {
        let path = format!("{}-sandbox", url.path().trim_end_matches('/'));
        url.set_path(&path);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_is_beside_production() {
        for (given, expected) in [
            ("https://api.storekit.apple.com", "https://api.storekit-sandbox.apple.com/"),
            ("https://api.storekit.itunes.apple.com", "https://api.storekit-sandbox.itunes.apple.com/"),
            ("http://127.0.0.1:8090/app-store", "http://127.0.0.1:8090/app-store-sandbox"),
        ] {
            assert_eq!(sandbox(given).unwrap().as_str(), expected);
        }
    }
}
