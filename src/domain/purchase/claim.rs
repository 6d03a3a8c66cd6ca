//! Whose purchase it is, and whether it counts.

use uuid::Uuid;

use super::words::Environment;
use crate::domain::id::Id;
use crate::domain::user::User;

/// Who may have a purchase that `caller` hands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is the caller's from now on.
    First,
    /// It was already.
    Again,
    /// It is somebody else's.
    Another,
}

/// `token` is the account token in the purchase, `owner` who has the original transaction. A purchase made for an account
/// belongs to it; one made outside of the app belongs to whoever claims it first; and neither ever moves.
pub fn claim(caller: (Id<User>, Uuid), token: Option<Uuid>, owner: Option<Id<User>>) -> Claim {
    let is_callers = token.is_none_or(|token| token == caller.1);
    match owner {
        Some(owner) if owner == caller.0 => Claim::Again,
        None if is_callers => Claim::First,
        Some(_) | None => Claim::Another,
    }
}

/// What was bought in the sandbox was not paid for: it counts for testers, App Review among them, and for all in development.
pub fn counts(environment: Environment, is_tester: bool, for_all: bool) -> bool {
    match environment {
        Environment::Production => true,
        Environment::Sandbox => is_tester || for_all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purchase_has_one_owner() {
        let (me, you) = (Id::from_raw(1), Id::from_raw(2));
        let (mine, yours) = (Uuid::from_u128(1), Uuid::from_u128(2));
        for (token, owner, expected) in [
            (Some(mine), None, Claim::First),
            (None, None, Claim::First),
            (Some(yours), None, Claim::Another),
            (Some(mine), Some(me), Claim::Again),
            (None, Some(me), Claim::Again),
            (None, Some(you), Claim::Another),
            (Some(mine), Some(you), Claim::Another),
            (Some(yours), Some(you), Claim::Another),
        ] {
            assert_eq!(claim((me, mine), token, owner), expected, "{token:?} {owner:?}");
        }
    }

    #[test]
    fn the_sandbox_counts_for_testers() {
        assert!(counts(Environment::Production, false, false));
        assert!(!counts(Environment::Sandbox, false, false));
        assert!(counts(Environment::Sandbox, true, false) && counts(Environment::Sandbox, false, true));
    }
}
