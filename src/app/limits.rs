//! Rate limits: in this process always, and in Redis, for all processes together, what costs or can do harm.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use crate::app::{App, clock};
use crate::config::Network;
use crate::domain::id::Id;
use crate::domain::limit::{Class, Standing};
use crate::domain::user::User;

/// More clients than this are not remembered one by one.
const MOST: usize = 100_000;

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    User(Id<User>),
    /// Of IPv6 the network, since one client has all of it.
    Address(IpAddr),
}

impl Client {
    pub fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::Address(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            v4 @ IpAddr::V4(_) => Self::Address(v4),
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(id) => write!(f, "u{id}"),
            Self::Address(address) => write!(f, "a{address}"),
        }
    }
}

/// The peer's address, or if that is a proxy of ours, the last in its `X-Forwarded-For` that is not.
pub fn address(proxies: &[Network], peer: IpAddr, forwarded_for: &[&str]) -> IpAddr {
    let is_ours = |address: IpAddr| proxies.iter().any(|network| network.contains(address));
    let mut nearest = peer;
    for hop in forwarded_for.iter().flat_map(|line| line.split(',')).rev() {
        if !is_ours(nearest) {
            break;
        }
        let Ok(hop) = hop.trim().parse() else { break };
        nearest = hop;
    }
    nearest
}

/// What this process has counted: by whom and what, when the debt is paid, in µs since 1970.
#[derive(Default)]
pub struct Limits(Mutex<HashMap<(Class, Client), u64>>);

impl Limits {
    /// Counts one request, or only looks.
    pub fn take(&self, class: Class, client: Client, now_us: u64, charge: bool) -> Standing {
        let mut paid_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paid_at.len() >= MOST {
            paid_at.retain(|_, paid| *paid > now_us);
            if paid_at.len() >= MOST {
                // So many at once are an attack, and what one of them has asked for does not matter then.
                paid_at.clear();
            }
        }
        let debt_us = paid_at.get(&(class, client)).map_or(0, |paid| paid.saturating_sub(now_us));
        let debt_us = class.quota().credible(debt_us);
        let (standing, after) = class.quota().take(debt_us);
        if charge && standing.is_allowed {
            paid_at.insert((class, client), now_us + after);
            return standing;
        }
        class.quota().standing(standing.is_allowed, debt_us)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

/// Counts one request of a client.
pub async fn charge(app: &App, class: Class, client: Client) -> Standing {
    let standing = ask(app, class, client, true).await;
    let outcome = if standing.is_allowed { "allowed" } else { "refused" };
    metrics::counter!("nbbang_rate_limits_total", "class" => class.word(), "outcome" => outcome).increment(1);
    standing
}

/// How a client stands, before it is known whether this request counts.
pub async fn look(app: &App, class: Class, client: Client) -> Standing {
    ask(app, class, client, false).await
}

async fn ask(app: &App, class: Class, client: Client, charge: bool) -> Standing {
    let here = app.limits.take(class, client, clock::real_unix_ms() * 1000, charge);
    if !here.is_allowed || class.is_local() {
        return here;
    }
    // A Redis that is slow or away makes nobody's quota larger than what one process allows.
    app.cache.take(class, &client.to_string(), class.quota(), charge).await.unwrap_or(here)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(n: i64) -> Client {
        Client::User(Id::from_raw(n))
    }

    #[test]
    fn each_client_and_class_has_a_quota_of_its_own_that_comes_back() {
        let (limits, now) = (Limits::default(), 1_000_000_000);
        let quota = Class::Map.quota();
        for n in 0..quota.count {
            assert_eq!(limits.take(Class::Map, user(1), now, true).remaining, quota.count - n - 1);
        }
        assert!(!limits.take(Class::Map, user(1), now, true).is_allowed);
        assert!(limits.take(Class::Map, user(2), now, true).is_allowed);
        assert!(limits.take(Class::Read, user(1), now, true).is_allowed);
        let later = now + quota.interval_us();
        assert!(limits.take(Class::Map, user(1), later, false).is_allowed, "a look");
        assert!(limits.take(Class::Map, user(1), later, true).is_allowed, "costs nothing");
        assert!(!limits.take(Class::Map, user(1), later, false).is_allowed);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out() {
        let (limits, now, hour) = (Limits::default(), 10_000_000_000, 3_600_000_000);
        while limits.take(Class::Report, user(1), now, true).is_allowed {}
        let standing = limits.take(Class::Report, user(1), now - hour, true);
        assert!(standing.is_allowed, "{standing:?}");
        assert_eq!(standing.remaining, Class::Report.quota().count - 1);
    }

    #[test]
    fn it_remembers_no_more_than_so_many() {
        let limits = Limits::default();
        for n in 0..250_000 {
            limits.take(Class::Read, user(n), 1, true);
        }
        assert!(limits.len() <= MOST, "{}", limits.len());
        // Those who have paid go first.
        for n in 0..i64::try_from(MOST).unwrap() {
            limits.take(Class::Read, user(n), 1_000_000_000_000 + u64::try_from(n).unwrap() * 10_000_000, true);
        }
        assert!(limits.len() < MOST);
    }

    #[test]
    fn only_proxies_of_ours_are_believed() {
        let proxies = ["10.0.0.0/8", "192.0.2.1"].map(|text| Network::parse(text).unwrap());
        for (peer, forwarded, expected) in [
            ("203.0.113.9", vec!["198.51.100.1"], "203.0.113.9"),
            ("10.1.1.1", vec!["198.51.100.1"], "198.51.100.1"),
            ("10.1.1.1", vec!["1.1.1.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
            ("10.1.1.1", vec!["1.1.1.1", "198.51.100.1", "10.9.9.9"], "198.51.100.1"),
            ("192.0.2.1", vec!["198.51.100.1,10.2.2.2"], "198.51.100.1"),
            ("192.0.2.2", vec!["198.51.100.1"], "192.0.2.2"),
            ("10.1.1.1", vec![], "10.1.1.1"),
            ("10.1.1.1", vec!["198.51.100.1, nonsense"], "10.1.1.1"),
        ] {
            let address = address(&proxies, peer.parse().unwrap(), &forwarded);
            assert_eq!(address.to_string(), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let at = |address: &str| Client::at(address.parse().unwrap());
        assert_eq!(at("2001:db8:1:2::1"), at("2001:db8:1:2:ffff::9"));
        assert_ne!(at("2001:db8:1:2::1"), at("2001:db8:1:3::1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
    }
}
