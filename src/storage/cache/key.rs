//! Everything that is ever cached, and on which terms: a key's text, how long it lives, whether this process may keep it too.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};

use crate::domain::geo::Tile;
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::user::User;

/// What is cached. Never seats, money, quotes, payments, what is spent, or tokens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CacheKey {
    /// A party's public view, and who is in it.
    Party(Id<Party>),
    /// Which parties are open in a tile.
    Tile(Tile),
    /// What users see of a user.
    Profile(Id<User>),
    /// Whom a user keeps away, and who keeps him away.
    Blocks(Id<User>),
    /// What a provider of maps answered to a question of this kind.
    Map { kind: &'static str, question: String },
}

/// On which terms one kind of value is cached.
#[derive(Debug)]
pub struct Terms {
    /// In metrics.
    pub name: &'static str,
    /// A value of another schema counts for nothing. It is in the value and not in the key, so that a process of yesterday
    /// forgets what one of today has cached.
    pub schema: u16,
    /// How long a value lives.
    pub hard: Duration,
    /// From when on it is fetched anew, while the old one is served.
    pub soft: Duration,
    /// How long it is kept that there is nothing.
    pub absent: Duration,
    /// How long this process trusts its own copy without asking.
    pub near: Duration,
    /// Whether the copy may be served, up to a minute old, when neither cache nor database can be asked.
    pub in_need: bool,
}

const PARTY: Terms = Terms {
    name: "party",
    schema: 2,
    hard: Duration::from_mins(1),
    soft: Duration::from_secs(10),
    absent: Duration::from_secs(5),
    near: Duration::ZERO,
    in_need: true,
};

/// Only who is listed: what a party is like by now, and whether it is open still, is the party's own view to tell.
const TILE: Terms = Terms {
    name: "tile",
    schema: 1,
    hard: Duration::from_secs(5),
    soft: Duration::from_secs(2),
    absent: Duration::from_secs(2),
    near: Duration::ZERO,
    in_need: true,
};

const PROFILE: Terms = Terms {
    name: "profile",
    schema: 1,
    hard: Duration::from_mins(10),
    soft: Duration::from_mins(1),
    absent: Duration::from_secs(5),
    near: Duration::from_secs(1),
    in_need: true,
};

/// Nothing repeats the forgetting of these but time, so they are short; and better no answer than an old one.
const BLOCKS: Terms = Terms {
    name: "blocks",
    schema: 1,
    hard: Duration::from_mins(1),
    soft: Duration::from_secs(10),
    absent: Duration::from_secs(10),
    near: Duration::ZERO,
    in_need: false,
};

const MAP: Terms = Terms {
    name: "map",
    schema: 1,
    hard: Duration::from_hours(7 * 24),
    soft: Duration::from_hours(24),
    absent: Duration::from_mins(10),
    near: Duration::from_secs(1),
    in_need: true,
};

impl CacheKey {
    pub fn terms(&self) -> &'static Terms {
        match self {
            Self::Party(_) => &PARTY,
            Self::Tile(_) => &TILE,
            Self::Profile(_) => &PROFILE,
            Self::Blocks(_) => &BLOCKS,
            Self::Map { .. } => &MAP,
        }
    }

    /// The braces hold what keys of one thing share: a cluster has them on one node.
    pub fn text(&self) -> String {
        match self {
            Self::Party(id) => format!("c:{{party:{id}}}:v"),
            Self::Tile(tile) => format!("c:{{tile:{tile}}}:v"),
            Self::Profile(id) => format!("c:{{user:{id}}}:v"),
            Self::Blocks(id) => format!("c:{{user:{id}}}:blocks"),
            // Hashed: what people look for is nobody's business who looks at keys.
            Self::Map { kind, question } => {
                let hash = digest(&SHA256, question.as_bytes());
                let [_, half @ ..] = hash.as_ref().first_chunk::<17>().copied().unwrap_or_default();
                format!("c:{{map:{kind}:{:032x}}}:a", u128::from_be_bytes(half))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_tell_kinds_apart_and_hide_what_people_look_for() {
        assert_eq!(CacheKey::Party(Id::from_raw(7)).text(), "c:{party:7}:v");
        assert_eq!(CacheKey::Profile(Id::from_raw(7)).text(), "c:{user:7}:v");
        assert_eq!(CacheKey::Blocks(Id::from_raw(7)).text(), "c:{user:7}:blocks");
        let map = CacheKey::Map { kind: "places", question: "강남역 치킨".to_owned() }.text();
        assert!(map.starts_with("c:{map:places:") && map.is_ascii() && map.len() == 49, "{map}");
        let other = CacheKey::Map { kind: "places", question: "강남역 피자".to_owned() }.text();
        assert_ne!(map, other);
    }

    #[test]
    fn the_terms_agree_with_themselves() {
        for terms in [PARTY, TILE, PROFILE, BLOCKS, MAP] {
            assert!(terms.soft < terms.hard && terms.near <= Duration::from_secs(1), "{}", terms.name);
            assert!(terms.absent <= terms.hard.max(Duration::from_secs(10)), "{}", terms.name);
        }
    }
}
