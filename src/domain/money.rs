//! Korean won as whole numbers, and sharing them out to the last won; it knows no prices and no parties.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount in whole won. Signed, because ledger entries are.
///
/// Arithmetic panics when it overflows: the product's limits keep every sum many orders below `i64::MAX`, and a
/// wrapped amount would be worse than a failed request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = i64, format = Int64, example = 3000)]
pub struct Krw(i64);

impl Krw {
    pub const ZERO: Self = Self(0);

    pub const fn new(won: i64) -> Self {
        Self(won)
    }

    pub const fn get(self) -> i64 {
        self.0
    }
}

/// Shares `total` in proportion to `weights` by largest remainder: the sum is exactly `total`, and equal remainders
/// are served from the front. A weight of zero (or below) gets nothing, unless all are: then the first takes the
/// whole total. Without weights nothing can be shared, and the answer is empty.
pub fn largest_remainder(total: Krw, weights: &[i64]) -> Vec<Krw> {
    let weight_of = |weight: &i64| i128::from((*weight).max(0));
    let weights_sum: i128 = weights.iter().map(weight_of).sum();
    if weights_sum == 0 {
        return (0..weights.len()).map(|index| if index == 0 { total } else { Krw::ZERO }).collect();
    }
    let exact: Vec<i128> = weights.iter().map(|weight| i128::from(total.0) * weight_of(weight)).collect();
    let mut shares: Vec<Krw> = exact.iter().map(|part| narrow(part.div_euclid(weights_sum))).collect();
    let left_over = total - shares.iter().sum();

    let mut by_remainder: Vec<(i128, &mut Krw)> =
        exact.iter().map(|part| part.rem_euclid(weights_sum)).zip(&mut shares).collect();
    by_remainder.sort_by_key(|(remainder, _)| std::cmp::Reverse(*remainder));
    for ((_, share), _) in by_remainder.into_iter().zip(0..left_over.0) {
        *share += Krw(1);
    }
    shares
}

/// ⌊`amount` · `part` / `whole`⌋ without overflow on the way; `part` is at most `whole`, and `whole` above zero.
pub(super) fn portion(amount: Krw, part: Krw, whole: Krw) -> Krw {
    narrow((i128::from(amount.0) * i128::from(part.0)).div_euclid(i128::from(whole.0)))
}

#[expect(clippy::expect_used, reason = "a part of an amount is no greater than the amount, which fitted")]
fn narrow(won: i128) -> Krw {
    Krw(i64::try_from(won).expect("a part of an amount fits"))
}

impl fmt::Display for Krw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[expect(clippy::expect_used, reason = "amounts are bounded by the product's limits")]
impl Add for Krw {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.checked_add(other.0).expect("amounts do not overflow"))
    }
}

#[expect(clippy::expect_used, reason = "amounts are bounded by the product's limits")]
impl Sub for Krw {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.checked_sub(other.0).expect("amounts do not overflow"))
    }
}

#[expect(clippy::expect_used, reason = "amounts are bounded by the product's limits")]
impl Mul<i64> for Krw {
    type Output = Self;

    fn mul(self, times: i64) -> Self {
        Self(self.0.checked_mul(times).expect("amounts do not overflow"))
    }
}

impl AddAssign for Krw {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Krw {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Neg for Krw {
    type Output = Self;

    fn neg(self) -> Self {
        Self::ZERO - self
    }
}

impl Sum for Krw {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl<'a> Sum<&'a Self> for Krw {
    fn sum<I: Iterator<Item = &'a Self>>(amounts: I) -> Self {
        amounts.copied().sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shared(total: i64, weights: &[i64]) -> Vec<i64> {
        largest_remainder(Krw(total), weights).into_iter().map(Krw::get).collect()
    }

    #[test]
    fn remainders_go_to_the_largest_and_ties_to_the_earlier() {
        assert_eq!(shared(10, &[1, 1, 1]), [4, 3, 3]);
        assert_eq!(shared(11, &[1, 1, 1]), [4, 4, 3]);
        assert_eq!(shared(10, &[1, 2, 4]), [1, 3, 6], "remainders 3/7, 6/7 and 5/7");
        assert_eq!(shared(10, &[0, 3, 0]), [0, 10, 0]);
    }

    #[test]
    fn nothing_to_weigh_by() {
        assert_eq!(shared(0, &[0, 0]), [0, 0]);
        assert_eq!(shared(7, &[0, 0]), [7, 0]);
        assert!(shared(7, &[]).is_empty());
    }

    #[test]
    fn the_whole_range_of_an_amount_is_shared_without_overflow() {
        assert_eq!(shared(i64::MAX, &[i64::MAX, i64::MAX]), [i64::MAX / 2 + 1, i64::MAX / 2]);
    }

    #[test]
    #[should_panic(expected = "overflow")]
    fn a_sum_that_does_not_fit_is_no_sum() {
        let _ = Krw(i64::MAX) + Krw(1);
    }

    #[test]
    fn in_json_an_amount_is_an_integer_and_nothing_else() {
        assert_eq!(serde_json::to_string(&Krw(3000)).unwrap(), "3000");
        assert_eq!(serde_json::from_str::<Krw>("-5").unwrap(), Krw(-5));
        for not_won in ["3000.0", "3e3", "\"3000\"", "9223372036854775808", "null"] {
            assert!(serde_json::from_str::<Krw>(not_won).is_err(), "{not_won}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn shares_sum_to_the_total_and_are_within_a_won(
            total in 0_i64..100_000_000,
            weights in prop::collection::vec(0_i64..5_000_000, 1..21),
        ) {
            let shares = shared(total, &weights);
            prop_assert_eq!(shares.iter().sum::<i64>(), total);
            let whole: i128 = weights.iter().map(|w| i128::from(*w)).sum();
            for (share, weight) in shares.iter().zip(&weights).filter(|_| whole > 0) {
                let off = i128::from(*share) * whole - i128::from(total) * i128::from(*weight);
                prop_assert!(off.abs() < whole);
            }
        }
    }
}
