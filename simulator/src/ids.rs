//! Made-up names and dice: splitmix64 from a seed, so that the same seed gives the same run. Not for secrets.

use std::hash::{BuildHasher, RandomState};

pub struct Ids {
    state: u64,
}

impl Ids {
    pub fn from_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Different in each process: a database that outlives the simulator must not meet the same key twice.
    pub fn random() -> Self {
        Self::from_seed(RandomState::new().hash_one("nbbang-simulator"))
    }

    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// True in `probability` of the draws.
    #[expect(clippy::float_arithmetic, reason = "a probability comes as a fraction; no money is near")]
    pub fn happens(&mut self, probability: f64) -> bool {
        let draw = u32::try_from(self.draw() >> 32).unwrap_or(u32::MAX);
        f64::from(draw) < probability * 4_294_967_296.0
    }

    /// 32 capital hexadecimal digits.
    pub fn hex(&mut self) -> String {
        format!("{:016X}{:016X}", self.draw(), self.draw())
    }

    pub fn digits(&mut self, count: usize) -> String {
        let drawn = format!("{:020}", self.draw());
        drawn.chars().rev().take(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dice_follow_seed_and_probability() {
        let throw = |seed, probability| {
            let mut ids = Ids::from_seed(seed);
            (0..1000).map(|_| ids.happens(probability)).collect::<Vec<_>>()
        };
        assert_eq!(throw(7, 0.5), throw(7, 0.5));
        assert_ne!(throw(7, 0.5), throw(8, 0.5));
        assert!(throw(7, 1.0).iter().all(|hit| *hit));
        assert!(!throw(7, 0.0).iter().any(|hit| *hit));
        let hits = throw(7, 0.25).iter().filter(|hit| **hit).count();
        assert!((200..300).contains(&hits), "{hits}");
    }
}
