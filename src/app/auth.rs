//! Signing in, staying signed in and signing out; what a token looks like is in `keys.rs`.

use std::sync::Arc;

use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use time::Duration;

use crate::app::users::{Me, with_plus};
use crate::app::{App, access, clock, keys, random_bytes};
use crate::config;
use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::id::{Id, Shard};
use crate::domain::user::{self, FIRST_TRUST, Language, User};
use crate::storage::auth::{self, Provider, Stored};
use crate::storage::tx::Tx;
use crate::storage::{access as stored_access, bounded, users};
use crate::upstream::apple_login::{AppleLogin, ClientKey};
use crate::upstream::client::Deadline;
use crate::upstream::kakao_login::KakaoLogin;
use crate::upstream::oidc::{Identity, Refusal};
use crate::upstream::{Fault, why};

pub use crate::storage::auth::Session;

/// How long a session lives without being refreshed.
const REFRESH_LIFETIME: Duration = Duration::days(60);

/// How long a used refresh token still gets its answer again, for a phone that lost it.
const GRACE: Duration = Duration::seconds(10);

/// A session that has just begun or gone on.
pub struct SignedIn {
    pub access_token: String,
    pub refresh_token: String,
    pub expires_in: Duration,
    pub user: User,
    /// As in `users::Me`.
    pub plus_until: Option<Time>,
}

/// Signs in the made-up user of that name; makes one on first use.
pub async fn sign_in_dev(app: &App, handle: &str, language: Language) -> Result<SignedIn> {
    sign_in(app, NewUser { provider: Provider::Dev, subject: handle, nickname: handle, language }).await
}

/// Signs in by an identity token of Apple's; `nonce` is what the app made for this sign-in.
pub async fn sign_in_apple(
    app: &Arc<App>,
    token: &str,
    nonce: &str,
    authorization_code: Option<String>,
    language: Language,
) -> Result<SignedIn> {
    let apple = app.apple_login.as_ref().ok_or(Code::NotFound)?;
    let deadline = Deadline::within(app.config.patience.phone);
    let identity = apple.verify(token, nonce, clock::real(), deadline).await.map_err(|refusal| refused(&refusal))?;
    let signed_in = sign_in_as(app, Provider::Apple, &identity, language).await?;
    if let Some(code) = authorization_code {
        // Nobody waits for it, and nobody is kept out by it.
        app.go_on(keep_grant(Arc::clone(app), signed_in.user.id, identity, code));
    }
    Ok(signed_in)
}

/// What Apple has to be told when the account is deleted.
#[derive(Serialize, Deserialize)]
pub(super) struct Grant {
    pub refresh_token: String,
    pub audience: String,
}

async fn keep_grant(app: Arc<App>, user: Id<User>, identity: Identity, code: String) -> Result<()> {
    let Some(apple) = &app.apple_login else { return Ok(()) };
    let deadline = Deadline::within(app.config.patience.background);
    let refresh_token = match apple.exchange(&code, &identity.audience, clock::real(), deadline).await {
        Ok(Some(refresh_token)) => refresh_token,
        Ok(None) => return Ok(()),
        Err(fault) => {
            tracing::warn!(%user, outcome = fault.word(), "an authorization code of Apple's was not exchanged");
            return Ok(());
        }
    };
    let sealed = app.vault.seal(user, &Grant { refresh_token, audience: identity.audience })?;
    let mut conn = bounded(app.databases.main().acquire()).await?;
    auth::keep_grant(&mut conn, Provider::Apple, &identity.subject, &sealed).await
}

pub(super) fn apple_login(settings: &config::AppleLogin, key: Option<&SecretSlice<u8>>) -> Result<Option<AppleLogin>> {
    let Some(base_url) = &settings.base_url else { return Ok(None) };
    let key = match (&settings.team_id, &settings.key_id, key) {
        (Some(team_id), Some(key_id), Some(key)) => {
            let key = EncodingKey::from_ec_pem(key.expose_secret());
            let key = key.map_err(|error| Error::internal(Code::Internal, error))?;
            Some(ClientKey { team_id: team_id.clone(), key_id: key_id.clone(), key })
        }
        _ => None,
    };
    AppleLogin::new(base_url, &settings.audiences, key).map(Some)
}

pub(super) fn kakao_login(settings: &config::KakaoLogin) -> Result<Option<KakaoLogin>> {
    settings.base_url.as_deref().map(|url| KakaoLogin::new(url, &settings.audiences)).transpose()
}

/// Signs in by an identity token of Kakao's; `nonce` is what the app made for this sign-in.
pub async fn sign_in_kakao(app: &App, token: &str, nonce: &str, language: Language) -> Result<SignedIn> {
    let kakao = app.kakao_login.as_ref().ok_or(Code::NotFound)?;
    let deadline = Deadline::within(app.config.patience.phone);
    let identity = kakao.verify(token, nonce, clock::real(), deadline).await.map_err(|refusal| refused(&refusal))?;
    sign_in_as(app, Provider::Kakao, &identity, language).await
}

/// Keys that cannot be had say nothing about the token: that is never a 401.
fn refused(refusal: &Refusal) -> Error {
    let code = match refusal {
        Refusal::Token(_) => Code::IdentityTokenInvalid,
        Refusal::Keys(Fault::Unreachable | Fault::Busy { .. } | Fault::NotNow) => Code::SignInUnavailable,
        Refusal::Keys(Fault::Unknown(why::TIMEOUT)) => Code::SignInTimedOut,
        Refusal::Keys(Fault::Untrusted | Fault::Unknown(_) | Fault::Rejected(_) | Fault::Already) => {
            Code::SignInUnusable
        }
        Refusal::Keys(Fault::Refused(_)) => Code::Internal,
    };
    Error::internal(code, format_args!("{refusal:?}"))
}

async fn sign_in_as(app: &App, provider: Provider, identity: &Identity, language: Language) -> Result<SignedIn> {
    let nickname = identity.nickname.as_deref().and_then(|name| user::nickname(name, &app.words).ok());
    let nickname = match nickname {
        Some(nickname) => nickname,
        None => user::made_up_nickname(random_bytes()?, language),
    };
    sign_in(app, NewUser { provider, subject: &identity.subject, nickname: &nickname, language }).await
}

async fn sign_in(app: &App, user: NewUser<'_>) -> Result<SignedIn> {
    let now = clock::real();
    let mut tx = Tx::begin(&app.databases.main()).await?;
    let mut id = auth::user_of(&mut tx, user.provider, user.subject).await?;
    if id.is_none() {
        id = sign_up(app, &mut tx, &user).await?;
    }
    if id.is_none() {
        // Somebody made the same user just now.
        drop(tx);
        tx = Tx::begin(&app.databases.main()).await?;
        id = auth::user_of(&mut tx, user.provider, user.subject).await?;
    }
    let id = id.ok_or(Code::Busy)?;
    let signed_in = begin_session(app, &mut tx, id, now).await?;
    tx.commit().await?;
    Ok(signed_in)
}

struct NewUser<'a> {
    provider: Provider,
    subject: &'a str,
    nickname: &'a str,
    language: Language,
}

/// None when the identity is taken; the transaction must not commit then.
async fn sign_up(app: &App, conn: &mut PgConnection, new: &NewUser<'_>) -> Result<Option<Id<User>>> {
    let now = app.clock.now();
    let user = User {
        id: Id::from_raw(app.ids.next(Shard::of_hash(0)).await?),
        nickname: new.nickname.to_owned(),
        trust: FIRST_TRUST,
        created_at: now,
        app_account_token: uuid::Builder::from_random_bytes(random_bytes()?).into_uuid(),
        language: new.language,
    };
    users::insert(conn, &user).await?;
    let ours = auth::insert_identity(conn, new.provider, new.subject, user.id, now).await?;
    Ok(ours.then_some(user.id))
}

async fn begin_session(app: &App, conn: &mut PgConnection, user_id: Id<User>, now: Time) -> Result<SignedIn> {
    must_not_be_suspended(conn, user_id).await?;
    let session = auth::insert_session(conn, user_id, &random_bytes()?, now).await?;
    let token = RefreshToken(random_bytes()?);
    auth::insert_refresh_token(conn, &token.hash(), session, now, now + REFRESH_LIFETIME).await?;
    signed_in(app, conn, user_id, session, &token, now).await
}

async fn must_not_be_suspended(conn: &mut PgConnection, user: Id<User>) -> Result<()> {
    if stored_access::is_suspended(conn, user).await? { Err(Code::Suspended.into()) } else { Ok(()) }
}

async fn signed_in(
    app: &App,
    conn: &mut PgConnection,
    user_id: Id<User>,
    session: Id<Session>,
    token: &RefreshToken,
    now: Time,
) -> Result<SignedIn> {
    let user = users::find(conn, user_id).await?.ok_or(Code::RefreshTokenInvalid)?;
    let Me { user, plus_until } = with_plus(app, conn, user).await?;
    Ok(SignedIn {
        access_token: app.keys.sign(user_id, session, now)?,
        refresh_token: token.text(),
        expires_in: keys::LIFETIME,
        user,
        plus_until,
    })
}

/// Gives a refresh token's session its next one. A token that is used twice has been copied, so its session ends; only
/// within `GRACE`, and as long as nobody has used the successor, does it get the same successor again.
pub async fn refresh(app: &App, text: &str) -> Result<SignedIn> {
    let now = clock::real();
    let token = RefreshToken::parse(text).ok_or(Code::RefreshTokenInvalid)?;
    let mut tx = Tx::begin(&app.databases.main()).await?;
    let stored = auth::lock_refresh_token(&mut tx, &token.hash()).await?.ok_or(Code::RefreshTokenInvalid)?;
    must_not_be_suspended(&mut tx, stored.user_id).await?;
    let next = token.successor(&stored.chain_key);
    let next_is_used = auth::is_refresh_token_used(&mut tx, &next.hash()).await?;
    match turn(&stored, next_is_used, now) {
        Turn::Rotate => {
            auth::use_refresh_token(&mut tx, &token.hash(), now).await?;
            auth::insert_refresh_token(&mut tx, &next.hash(), stored.session_id, now, now + REFRESH_LIFETIME).await?;
        }
        Turn::Repeat => {}
        Turn::Refuse => return Err(Code::RefreshTokenInvalid.into()),
        Turn::Revoke => {
            auth::revoke(&mut tx, stored.session_id, now).await?;
            tx.commit().await?;
            access::told(app).await;
            let internal = format_args!("a refresh token of session {} was used twice", stored.session_id);
            return Err(Error::internal(Code::RefreshTokenInvalid, internal));
        }
    }
    let signed_in = signed_in(app, &mut tx, stored.user_id, stored.session_id, &next, now).await?;
    tx.commit().await?;
    Ok(signed_in)
}

#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Rotate,
    Repeat,
    Refuse,
    Revoke,
}

fn turn(stored: &Stored, next_is_used: bool, now: Time) -> Turn {
    match stored.used_at {
        _ if stored.revoked_at.is_some() || stored.expires_at <= now => Turn::Refuse,
        None => Turn::Rotate,
        Some(used_at) if now - used_at <= GRACE && !next_is_used => Turn::Repeat,
        Some(_) => Turn::Revoke,
    }
}

/// Ends a session, and with it its access tokens: at once here, within seconds in other processes.
pub async fn sign_out(app: &App, session: Id<Session>) -> Result<()> {
    let mut conn = bounded(app.databases.main().acquire()).await?;
    auth::revoke(&mut conn, session, clock::real()).await?;
    drop(conn);
    access::told(app).await;
    Ok(())
}

/// 32 bytes that only the phone knows; we keep their hash.
struct RefreshToken([u8; 32]);

impl RefreshToken {
    fn parse(text: &str) -> Option<Self> {
        BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    fn text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    fn hash(&self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, &self.0).as_ref());
        hash
    }

    /// The token that follows, always the same one: so a lost answer can be given again though we keep no token. Who has
    /// our database lacks the token, who has the token lacks the key.
    fn successor(&self, chain_key: &[u8; 32]) -> Self {
        let mut next = [0; 32];
        next.copy_from_slice(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, chain_key), &self.0).as_ref());
        Self(next)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_used_token_gets_its_answer_again_for_10_seconds_only() {
        let now = datetime!(2026-11-24 12:00 UTC);
        let fresh = || Stored {
            session_id: Id::from_raw(1),
            user_id: Id::from_raw(2),
            chain_key: [0; 32],
            expires_at: now + Duration::days(1),
            used_at: None,
            revoked_at: None,
        };
        let used = |ago| Stored { used_at: Some(now - Duration::seconds(ago)), ..fresh() };
        assert_eq!(turn(&fresh(), false, now), Turn::Rotate);
        assert_eq!(turn(&used(10), false, now), Turn::Repeat);
        assert_eq!(turn(&used(11), false, now), Turn::Revoke);
        assert_eq!(turn(&used(1), true, now), Turn::Revoke, "the phone had got the successor");
        assert_eq!(turn(&Stored { expires_at: now, ..fresh() }, false, now), Turn::Refuse);
        assert_eq!(turn(&Stored { revoked_at: Some(now), ..used(1) }, false, now), Turn::Refuse);
    }

    #[test]
    fn refresh_tokens_are_read_as_written() {
        let token = RefreshToken([7; 32]);
        assert_eq!(RefreshToken::parse(&token.text()).unwrap().0, token.0);
        assert_ne!(token.successor(&[1; 32]).0, token.successor(&[2; 32]).0);
        for bad in ["", "a", "\u{0}", &"A".repeat(44), &format!("{}=", token.text())] {
            assert!(RefreshToken::parse(bad).is_none(), "{bad}");
        }
    }
}
