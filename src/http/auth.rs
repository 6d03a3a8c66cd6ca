//! Sessions in JSON, the public keys of our tokens, and what only developers may do.

use actix_web::http::header;
use actix_web::web::Data;
use actix_web::{HttpResponse, delete, get, post};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::app::auth::{self, SignedIn};
use crate::app::users;
use crate::domain::error::{Error, FieldFault, Result};
use crate::domain::json::present;
use crate::domain::user::{self, Language};
use crate::errors;
use crate::http::extract::{Holder, Json};
use crate::http::schema::Timestamp;
use crate::http::users::Me;

/// A session that has begun or gone on.
#[derive(Serialize, ToSchema)]
pub struct Session {
    /// For the header `Authorization: Bearer …`.
    #[schema(example = "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9.eyJpc3MiOiJuYmJhbmcifQ.c2lnbmF0dXJl")]
    access_token: String,
    /// For the next refresh; good once.
    #[schema(example = "Yw8y3v0m4wq1rj2nJkq9h0wqkJH2l7mQxv3v0m4wq1r")]
    refresh_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until the access token expires.
    #[schema(example = 900)]
    expires_in: i64,
    user: Me,
}

impl From<SignedIn> for Session {
    fn from(signed_in: SignedIn) -> Self {
        Self {
            access_token: signed_in.access_token,
            refresh_token: signed_in.refresh_token,
            token_type: "Bearer",
            expires_in: signed_in.expires_in.whole_seconds(),
            user: users::Me { user: signed_in.user, plus_until: signed_in.plus_until }.into(),
        }
    }
}

/// Who a developer wants to be.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDevSession {
    /// The same handle is the same user, also after a restart.
    #[schema(example = "mina", pattern = "^[a-z0-9_-]{1,30}$")]
    handle: String,
}

errors!(CreateDevSessionErrors: BODY; Suspended);

/// Be a made-up user
///
/// In development only: tokens for a made-up user of that name. Put the `access_token` into *Authorize*.
#[utoipa::path(
    tag = "Developing",
    request_body(content = NewDevSession, description = "Who to be.", example = json!({"handle": "mina"})),
    responses(
        (status = 200, description = "The session.", body = Session, example = json!({
            "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9.eyJpc3MiOiJuYmJhbmcifQ.c2lnbmF0dXJl",
            "refresh_token": "Yw8y3v0m4wq1rj2nJkq9h0wqkJH2l7mQxv3v0m4wq1r", "token_type": "Bearer", "expires_in": 900,
            "user": {
                "id": "117440512000000001", "nickname": "mina", "trust": 50, "created_at": "2026-11-24T12:30:00.000Z",
                "app_account_token": "0b0f3a52-7f4e-4c1b-9a53-7f1f0f3f9f10", "language": "ko",
            },
        })),
        CreateDevSessionErrors,
    ),
)]
#[post("/v1/dev/sessions")]
pub async fn create_dev_session(app: Data<App>, language: Language, new: Json<NewDevSession>) -> Result<Json<Session>> {
    let handle = user::handle(&new.0.handle).map_err(|fault| Error::field("/handle", fault))?;
    Ok(Json(auth::sign_in_dev(&app, handle, language).await?.into()))
}

/// 31 days.
const LONGEST_ADVANCE_S: u32 = 31 * 86_400;

/// How far to advance the rules' clock.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Advance {
    /// Seconds, at most 31 days at a time.
    #[schema(example = 600, minimum = 0, maximum = 2_678_400)]
    advance_s: u32,
}

/// What the rules' clock shows.
#[derive(Serialize, ToSchema)]
pub struct DevClock {
    now: Timestamp,
}

errors!(AdvanceDevClockErrors: BODY);

/// Advance the clock
///
/// In development only: moves the clock of deadlines and pick-ups, never that of ids and tokens. It does not go back.
#[utoipa::path(
    tag = "Developing",
    request_body(content = Advance, description = "How far.", example = json!({"advance_s": 600})),
    responses(
        (status = 200, description = "The clock.", body = DevClock, example = json!({"now": "2026-11-24T12:40:00.000Z"})),
        AdvanceDevClockErrors,
    ),
)]
#[post("/v1/dev/clock")]
pub async fn advance_dev_clock(app: Data<App>, advance: Json<Advance>) -> Result<Json<DevClock>> {
    let seconds = advance.0.advance_s;
    if seconds > LONGEST_ADVANCE_S {
        return Err(Error::field("/advance_s", FieldFault::OutOfRange));
    }
    Ok(Json(DevClock { now: app.clock.advance(&app.databases.main(), seconds).await?.into() }))
}

/// What the app got from Apple.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AppleSignIn {
    /// The identity token.
    #[schema(example = "eyJraWQiOiJTSU0xIiwiYWxnIjoiUlMyNTYifQ.eyJzdWIiOiIwMDEifQ.c2lnbmF0dXJl", min_length = 1)]
    identity_token: String,
    /// What the app made for this sign-in; it sent the SHA-256 of it, in hexadecimal, to Apple.
    #[schema(example = "8f14e45fceea167a5a36dedd4bea2543", min_length = 1, max_length = 256)]
    nonce: String,
    /// The code that came with the token: it lets us withdraw Apple's permission when the account is deleted.
    #[schema(example = "c6a0b7d1e2f34c58b9", min_length = 1, max_length = 1024)]
    #[serde(default, deserialize_with = "present")]
    authorization_code: Option<String>,
}

errors!(CreateAppleSessionErrors: BODY; Suspended, IdentityTokenInvalid, NotFound, SignInUnavailable, SignInUnusable, SignInTimedOut);

/// Sign in with Apple
///
/// Makes the user on the first sign-in; afterwards the same Apple account is the same user. The token has to be meant for
/// our app, fresh, and of this very sign-in, which the nonce shows. 404 where it is not offered.
#[utoipa::path(
    tag = "Sessions",
    request_body(content = AppleSignIn, description = "What the app got from Apple.", example = json!({
        "identity_token": "eyJraWQiOiJTSU0xIiwiYWxnIjoiUlMyNTYifQ.eyJzdWIiOiIwMDEifQ.c2lnbmF0dXJl",
        "nonce": "8f14e45fceea167a5a36dedd4bea2543", "authorization_code": "c6a0b7d1e2f34c58b9",
    })),
    responses((status = 200, description = "The session.", body = Session, example = json!({
        "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9.eyJpc3MiOiJuYmJhbmcifQ.c2lnbmF0dXJl",
        "refresh_token": "Yw8y3v0m4wq1rj2nJkq9h0wqkJH2l7mQxv3v0m4wq1r", "token_type": "Bearer", "expires_in": 900,
        "user": {
            "id": "117440512000000001", "nickname": "이웃04211", "trust": 50, "created_at": "2026-11-24T12:30:00.000Z",
            "app_account_token": "0b0f3a52-7f4e-4c1b-9a53-7f1f0f3f9f10", "language": "ko",
        },
    })), CreateAppleSessionErrors),
)]
#[post("/v1/sessions/apple")]
pub async fn create_apple_session(app: Data<App>, language: Language, new: Json<AppleSignIn>) -> Result<Json<Session>> {
    let AppleSignIn { identity_token, nonce, authorization_code } = new.0;
    check_nonce(&nonce)?;
    let app = app.into_inner();
    Ok(Json(auth::sign_in_apple(&app, &identity_token, &nonce, authorization_code, language).await?.into()))
}

/// What the app got from Kakao.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KakaoSignIn {
    /// The identity token.
    #[schema(example = "eyJraWQiOiJTSU0xIiwiYWxnIjoiUlMyNTYifQ.eyJzdWIiOiIwMDEifQ.c2lnbmF0dXJl", min_length = 1)]
    id_token: String,
    /// What the app made for this sign-in and sent to Kakao.
    #[schema(example = "8f14e45fceea167a5a36dedd4bea2543", min_length = 1, max_length = 256)]
    nonce: String,
}

errors!(CreateKakaoSessionErrors: BODY; Suspended, IdentityTokenInvalid, NotFound, SignInUnavailable, SignInUnusable, SignInTimedOut);

/// Sign in with Kakao
///
/// Makes the user on the first sign-in, with his Kakao nickname if the token tells it; afterwards the same Kakao account is
/// the same user. 404 where it is not offered.
#[utoipa::path(
    tag = "Sessions",
    request_body(content = KakaoSignIn, description = "What the app got from Kakao.", example = json!({
        "id_token": "eyJraWQiOiJTSU0xIiwiYWxnIjoiUlMyNTYifQ.eyJzdWIiOiIwMDEifQ.c2lnbmF0dXJl",
        "nonce": "8f14e45fceea167a5a36dedd4bea2543",
    })),
    responses((status = 200, description = "The session.", body = Session, example = json!({
        "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9.eyJpc3MiOiJuYmJhbmcifQ.c2lnbmF0dXJl",
        "refresh_token": "Yw8y3v0m4wq1rj2nJkq9h0wqkJH2l7mQxv3v0m4wq1r", "token_type": "Bearer", "expires_in": 900,
        "user": {
            "id": "117440512000000001", "nickname": "민아", "trust": 50, "created_at": "2026-11-24T12:30:00.000Z",
            "app_account_token": "0b0f3a52-7f4e-4c1b-9a53-7f1f0f3f9f10", "language": "ko",
        },
    })), CreateKakaoSessionErrors),
)]
#[post("/v1/sessions/kakao")]
pub async fn create_kakao_session(app: Data<App>, language: Language, new: Json<KakaoSignIn>) -> Result<Json<Session>> {
    check_nonce(&new.0.nonce)?;
    Ok(Json(auth::sign_in_kakao(&app, &new.0.id_token, &new.0.nonce, language).await?.into()))
}

fn check_nonce(nonce: &str) -> Result<()> {
    match nonce.len() {
        0 => Err(Error::field("/nonce", FieldFault::Empty)),
        1..=256 => Ok(()),
        _ => Err(Error::field("/nonce", FieldFault::TooLong)),
    }
}

/// The token of a session that is to go on.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The newest one that the session got.
    #[schema(example = "Yw8y3v0m4wq1rj2nJkq9h0wqkJH2l7mQxv3v0m4wq1r")]
    refresh_token: String,
}

errors!(RefreshSessionErrors: BODY; RefreshTokenInvalid, Suspended);

/// Stay signed in
///
/// Gives a new access token, and a new refresh token in place of the old one. If the answer is lost, ask again with the old
/// one within 10 seconds and get the same again; any other second use of a token ends the session.
#[utoipa::path(
    tag = "Sessions",
    request_body(
        content = Refresh,
        description = "The newest refresh token.",
        example = json!({"refresh_token": "Yw8y3v0m4wq1rj2nJkq9h0wqkJH2l7mQxv3v0m4wq1r"}),
    ),
    responses(
        (status = 200, description = "The session.", body = Session, example = json!({
            "access_token": "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9.eyJpc3MiOiJuYmJhbmcifQ.c2lnbmF0dXJl",
            "refresh_token": "q1rYw8y3v0m4wq1rj2nJkq9h0wqkJH2l7mQxv3v0m4w", "token_type": "Bearer", "expires_in": 900,
            "user": {
                "id": "117440512000000001", "nickname": "mina", "trust": 50, "created_at": "2026-11-24T12:30:00.000Z",
                "app_account_token": "0b0f3a52-7f4e-4c1b-9a53-7f1f0f3f9f10", "language": "ko",
            },
        })),
        RefreshSessionErrors,
    ),
)]
#[post("/v1/sessions/refresh")]
pub async fn refresh_session(app: Data<App>, refresh: Json<Refresh>) -> Result<Json<Session>> {
    Ok(Json(auth::refresh(&app, &refresh.0.refresh_token).await?.into()))
}

errors!(DeleteSessionErrors:; Unauthenticated, TokenExpired);

/// Sign out
///
/// Ends the session of the access token: it cannot be refreshed any more, and within seconds the access token is good for
/// nothing but this.
#[utoipa::path(
    tag = "Sessions",
    security(("bearer" = [])),
    responses((status = 204, description = "The session has ended."), DeleteSessionErrors),
)]
#[delete("/v1/sessions/current")]
pub async fn delete_session(app: Data<App>, holder: Holder) -> Result<HttpResponse> {
    auth::sign_out(&app, holder.0.session_id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Public keys.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what jsonwebtoken writes")]
pub struct Jwks {
    /// The newest first.
    keys: Vec<Jwk>,
}

/// A public key (RFC 7517, RFC 8037).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what jsonwebtoken writes")]
pub struct Jwk {
    /// The key's thumbprint (RFC 7638); a token names its key by it.
    #[schema(example = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")]
    kid: String,
    /// The kind of key.
    #[schema(example = "OKP")]
    kty: String,
    /// The curve.
    #[schema(example = "Ed25519")]
    crv: String,
    /// The key itself, in base64url.
    #[schema(example = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")]
    x: String,
    /// The algorithm of signatures.
    #[schema(example = "EdDSA")]
    alg: String,
    /// What the key is for.
    #[schema(rename = "use", example = "sig")]
    r#use: String,
    /// What can be done with it.
    #[schema(example = json!(["verify"]))]
    key_ops: Vec<String>,
}

errors!(GetJwksErrors:);

/// The public keys of our access tokens
///
/// For whoever verifies them beside us. While a key is being replaced there are two.
#[utoipa::path(
    tag = "Service",
    responses(
        (status = 200, description = "The keys.", body = Jwks, example = json!({"keys": [{
            "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k", "kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "alg": "EdDSA", "use": "sig", "key_ops": ["verify"],
        }]})),
        GetJwksErrors,
    ),
)]
#[get("/.well-known/jwks.json")]
pub async fn get_jwks(app: Data<App>) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=300")).json(app.keys.public())
}
