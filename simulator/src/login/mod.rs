//! Sign in with Apple and Kakao, as the issuers of identity tokens: their keys, their tokens, their forgeries.

mod api;
mod control;
mod keys;
mod tokens;

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::ids::Ids;
use keys::Keys;

pub use api::answer;
pub use control::answer as control;

/// What faults can be planned for.
pub const OPERATIONS: &[&str] = &["jwks", "token", "revoke"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Issuer {
    Apple,
    Kakao,
}

impl Issuer {
    /// What its tokens say in `iss`, wherever this simulator runs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Apple => "https://appleid.apple.com",
            Self::Kakao => "https://kauth.kakao.com",
        }
    }
}

pub struct Login {
    apple: Mutex<Keys>,
    kakao: Mutex<Keys>,
    /// What Apple gave for authorization codes, and has been asked to forget.
    grants: Mutex<Vec<Grant>>,
    ids: Mutex<Ids>,
}

/// What a person has allowed an app, by one code of an hour ago or so.
#[derive(Clone, Serialize)]
struct Grant {
    subject: String,
    authorization_code: String,
    /// None until the code is exchanged.
    refresh_token: Option<String>,
    revoked: bool,
}

impl Default for Login {
    fn default() -> Self {
        Self {
            apple: Mutex::default(),
            kakao: Mutex::default(),
            grants: Mutex::default(),
            ids: Mutex::new(Ids::random()),
        }
    }
}

impl Login {
    fn keys(&self, issuer: Issuer) -> &Mutex<Keys> {
        match issuer {
            Issuer::Apple => &self.apple,
            Issuer::Kakao => &self.kakao,
        }
    }
}
