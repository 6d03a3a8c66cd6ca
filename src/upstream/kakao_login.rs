//! Kakao Login: whose identity a token is.

use super::client::Deadline;
use super::oidc::{Identity, Issuer, Refusal};
use crate::domain::Time;
use crate::domain::error::Result;

const NAME: &str = "https://kauth.kakao.com";

pub struct KakaoLogin(Issuer);

impl KakaoLogin {
    /// `audiences` are app keys: the native one and the REST one differ.
    pub fn new(base_url: &str, audiences: &[String]) -> Result<Self> {
        Issuer::new("kakao_login", NAME, base_url, "/.well-known/jwks.json", audiences).map(Self)
    }

    pub async fn verify(&self, token: &str, nonce: &str, now: Time, deadline: Deadline) -> Result<Identity, Refusal> {
        self.0.verify(token, nonce, now, deadline).await
    }
}
