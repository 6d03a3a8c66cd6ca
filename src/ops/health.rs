//! Whether the process beside this one does its work, for container engines, whose images have no curl.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use crate::config::Config;
use crate::ops::{complain, print};
use crate::upstream::client;

const PATIENCE: Duration = Duration::from_secs(5);

/// `nbbang health`: exits 0 when the server at `NBBANG_LISTEN` can serve, or, of `nbbang work`, when it answers at all.
pub async fn ask(work: bool) -> ExitCode {
    let process = match Config::from_env() {
        Ok(config) => config.process,
        Err(mistakes) => return complain(&mistakes),
    };
    let url = if work {
        format!("http://{}/metrics", reachable(process.ops_listen))
    } else {
        format!("http://{}/readyz", reachable(process.listen))
    };
    let asked = async {
        client::http()
            .map_err(|error| error.to_string())?
            .get(&url)
            .timeout(PATIENCE)
            .send()
            .await
            .map_err(|error| error.to_string())
    };
    match asked.await {
        Ok(answer) if answer.status().is_success() => {
            print(&["healthy"]);
            ExitCode::SUCCESS
        }
        Ok(answer) => complain(&[format!("{url} answers {}.", answer.status())]),
        Err(error) => complain(&[format!("{url} does not answer: {error}.")]),
    }
}

/// Who listens on all addresses is reached on this machine's own.
fn reachable(mut listen: SocketAddr) -> SocketAddr {
    if listen.ip().is_unspecified() {
        listen.set_ip(match listen.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_are_reached_on_the_own_one() {
        for (listen, reached) in
            [("0.0.0.0:8080", "127.0.0.1:8080"), ("[::]:1", "[::1]:1"), ("192.0.2.7:80", "192.0.2.7:80")]
        {
            assert_eq!(reachable(listen.parse().unwrap()).to_string(), reached);
        }
    }
}
