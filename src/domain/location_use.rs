//! The record that the law asks for whenever somebody's position is used: who, when, what for and how we came by it, and not
//! where he was.

use crate::domain::Time;
use crate::domain::id::Id;
use crate::domain::user::User;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocationUse {
    pub user_id: Id<User>,
    pub purpose: LocationPurpose,
    pub used_at: Time,
}

crate::words! {
    /// What a position was used for.
    pub enum LocationPurpose {
        /// Finding parties near it: `GET /v1/parties`.
        NearbyParties => "nearby_parties",
        /// Finding places near it: `GET /v1/places`.
        Places => "places",
        /// Naming the regions that it is in: `GET /v1/places/regions`.
        Regions => "regions",
    }
}

crate::words! {
    /// How we came by a position.
    pub enum LocationSource {
        /// The user's app sent it with his request.
        App => "app",
    }
}
