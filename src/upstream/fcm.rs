//! Firebase Cloud Messaging, HTTP v1: the service account's access token, how a note is sent, and what its answers mean. It repeats
//! nothing by itself. <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send>

use std::fmt;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokio::sync::Mutex;

use super::client::{self, Answer, Deadline, Lane};
use super::{Fault, Receipt, why};
use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::push::Note;

const PATIENCE: Duration = Duration::from_secs(10);
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ASSERTION_LIFETIME: time::Duration = time::Duration::minutes(5);
/// A token is not used in its last minutes.
const MARGIN: time::Duration = time::Duration::minutes(5);
/// Google's own advice where it says nothing.
const BUSY_MS: u64 = 60_000;

pub struct Fcm {
    http: reqwest::Client,
    base: Url,
    account: ServiceAccount,
    access: Mutex<Option<Access>>,
    send: Lane,
    token: Lane,
    real_time: fn() -> Time,
}

/// With what we show Google whose project it is.
pub struct ServiceAccount {
    pub project_id: String,
    pub client_email: String,
    pub key_id: String,
    pub key: EncodingKey,
    /// Where its tokens are made.
    pub token_uri: String,
}

#[derive(Clone)]
struct Access {
    authorization: HeaderValue,
    until: Time,
}

impl Fcm {
    /// `real_time` is that of the world, which tokens need.
    pub fn new(base_url: &str, account: ServiceAccount, real_time: fn() -> Time) -> Result<Self> {
        let base = Url::parse(base_url).ok().filter(|url| !url.cannot_be_a_base());
        Ok(Self {
            http: client::http()?,
            base: base.ok_or_else(|| Error::internal(Code::Internal, "the address of FCM is no URL"))?,
            account,
            access: Mutex::default(),
            send: Lane::new("fcm", "send", 64, PATIENCE),
            token: Lane::new("fcm", "token", 2, PATIENCE),
            real_time,
        })
    }

    /// Sends a note to a device, once.
    pub async fn send(&self, device_token: &str, note: &Note, deadline: Deadline) -> Result<Receipt, Fault> {
        let authorization = self.authorization(deadline).await?;
        let mut address = self.base.clone();
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().extend(["v1", "projects", &self.account.project_id, "messages:send"]);
        }
        // All of it has to be text.
        let mut data = Map::new();
        data.insert("kind".into(), note.kind.word().into());
        data.insert("party_id".into(), note.party_id.raw().to_string().into());
        if let Some(order) = note.order_id {
            data.insert("order_id".into(), order.raw().to_string().into());
        }
        let request = self.http.post(address).header(AUTHORIZATION, authorization.clone()).json(&json!({
            "message": {
                "token": device_token,
                "notification": {"title": note.title, "body": note.body},
                "data": data,
                "android": {
                    "priority": if note.is_urgent { "HIGH" } else { "NORMAL" },
                    "ttl": format!("{}s", note.lives_for.whole_seconds().max(0)),
                    // A device keeps four keys at most, so the tag is what makes one take another's place.
                    "collapse_key": note.party_id,
                    "notification": {"tag": note.collapse_id},
                },
            },
        }));
        let result = self.send.call(request, deadline, read).await;
        if result == Err(Fault::Refused(UNAUTHENTICATED.to_owned())) {
            let mut access = self.access.lock().await;
            if access.as_ref().is_some_and(|access| access.authorization == authorization) {
                *access = None;
            }
            return Err(Fault::Busy { retry_after_ms: None });
        }
        result
    }

    /// Kept until shortly before it ends; who comes meanwhile waits for the one who fetches.
    async fn authorization(&self, deadline: Deadline) -> Result<HeaderValue, Fault> {
        let now = (self.real_time)();
        let mut kept = self.access.lock().await;
        if let Some(access) = kept.as_ref().filter(|access| now < access.until) {
            return Ok(access.authorization.clone());
        }
        let assertion = self.account.assertion(now).map_err(|error| Fault::Refused(error.to_string()))?;
        let form = [("grant_type", GRANT), ("assertion", &assertion)];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(&self.account.token_uri).body(body);
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        let granted = self.token.call(request, deadline, granted).await?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", granted.access_token))
            .map_err(|_| Fault::Unknown(why::GARBAGE))?;
        authorization.set_sensitive(true);
        let until = now + time::Duration::seconds(granted.expires_in.into()) - MARGIN;
        *kept = Some(Access { authorization: authorization.clone(), until });
        Ok(authorization)
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

impl ServiceAccount {
    fn assertion(&self, now: Time) -> Result<String> {
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::RS256) };
        let iat = now.unix_timestamp();
        let exp = iat + ASSERTION_LIFETIME.whole_seconds();
        let claims = Claims { iss: &self.client_email, scope: SCOPE, aud: &self.token_uri, iat, exp };
        jsonwebtoken::encode(&header, &claims, &self.key).map_err(|error| Error::internal(Code::Internal, error))
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds.
    expires_in: u32,
}

/// <https://developers.google.com/identity/protocols/oauth2/service-account#error-codes>
fn granted(answer: &Answer) -> Result<Granted, Fault> {
    #[derive(Deserialize)]
    struct Refused {
        error: String,
    }

    if answer.status == StatusCode::OK {
        return serde_json::from_slice(&answer.body).map_err(|_| Fault::Unknown(why::GARBAGE));
    }
    Err(match (serde_json::from_slice::<Refused>(&answer.body), answer.status) {
        (_, StatusCode::TOO_MANY_REQUESTS) => busy(answer),
        (_, status) if status.is_server_error() => Fault::Unknown(why::SERVER_ERROR),
        (_, status) if status.is_redirection() => Fault::Unknown(why::REDIRECT),
        (Ok(refused), _) => Fault::Refused(refused.error),
        (Err(_), _) => Fault::Unknown(why::GARBAGE),
    })
}

const UNAUTHENTICATED: &str = "UNAUTHENTICATED";

/// By FCM's own code where there is one, else by Google's common one:
/// <https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>.
fn read(answer: &Answer) -> Result<Receipt, Fault> {
    if answer.status == StatusCode::OK {
        let taken = serde_json::from_slice(&answer.body).is_ok_and(|body: Value| body.get("name").is_some());
        return if taken { Ok(Receipt::Taken) } else { Err(Fault::Unknown(why::GARBAGE)) };
    }
    let Some(code) = error_code(answer) else {
        return Err(match answer.status {
            StatusCode::TOO_MANY_REQUESTS => busy(answer),
            status if status.is_server_error() => Fault::Unknown(why::SERVER_ERROR),
            status if status.is_redirection() => Fault::Unknown(why::REDIRECT),
            _ => Fault::Unknown(why::GARBAGE),
        });
    };
    match code.as_str() {
        "UNREGISTERED" => Ok(Receipt::Gone { since: None }),
        "INVALID_ARGUMENT" | "SENDER_ID_MISMATCH" => Ok(Receipt::Unfit(code)),
        "QUOTA_EXCEEDED" | "RESOURCE_EXHAUSTED" | "UNAVAILABLE" => Err(busy(answer)),
        "INTERNAL" => Err(Fault::Unknown(why::PROVIDER_ERROR)),
        UNAUTHENTICATED | "THIRD_PARTY_AUTH_ERROR" | "PERMISSION_DENIED" | "NOT_FOUND" => Err(Fault::Refused(code)),
        _ => {
            tracing::warn!(upstream = "fcm", status = answer.status.as_u16(), code, "a code we do not know");
            Err(match answer.status {
                StatusCode::TOO_MANY_REQUESTS => busy(answer),
                status if status.is_server_error() => Fault::Unknown(why::PROVIDER_ERROR),
                _ => Fault::Unknown(why::UNKNOWN_CODE),
            })
        }
    }
}

/// What does not look like one never reaches a log.
fn error_code(answer: &Answer) -> Option<String> {
    let body: Value = serde_json::from_slice(&answer.body).ok()?;
    let error = body.get("error")?;
    let mut details = error.get("details").and_then(Value::as_array).into_iter().flatten();
    let own = details.find_map(|detail| detail.get("errorCode")?.as_str());
    let code = own.or_else(|| error.get("status")?.as_str())?;
    let looks_like_one =
        (1..=64).contains(&code.len()) && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    looks_like_one.then(|| code.to_owned())
}

fn busy(answer: &Answer) -> Fault {
    Fault::Busy { retry_after_ms: answer.retry_after_ms.or(Some(BUSY_MS)) }
}

impl fmt::Debug for Fcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fcm")
            .field("host", &self.base.host_str())
            .field("project", &self.account.project_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        let status = StatusCode::from_u16(status).unwrap();
        Answer { status, retry_after_ms: Some(7000), retry_after: Some(7), body: body.into() }
    }

    #[test]
    fn each_code_means_one_thing() {
        let busy = Err(Fault::Busy { retry_after_ms: Some(7000) });
        assert_eq!(read(&answer(200, r#"{"name":"projects/p/messages/1"}"#)), Ok(Receipt::Taken));
        for (status, common, own, expected) in [
            (404, "NOT_FOUND", Some("UNREGISTERED"), Ok(Receipt::Gone { since: None })),
            (404, "NOT_FOUND", None, Err(Fault::Refused("NOT_FOUND".into()))),
            (400, "INVALID_ARGUMENT", None, Ok(Receipt::Unfit("INVALID_ARGUMENT".into()))),
            (403, "PERMISSION_DENIED", Some("SENDER_ID_MISMATCH"), Ok(Receipt::Unfit("SENDER_ID_MISMATCH".into()))),
            (403, "PERMISSION_DENIED", None, Err(Fault::Refused("PERMISSION_DENIED".into()))),
            (429, "RESOURCE_EXHAUSTED", Some("QUOTA_EXCEEDED"), busy.clone()),
            (503, "UNAVAILABLE", Some("UNAVAILABLE"), busy.clone()),
            (500, "INTERNAL", Some("INTERNAL"), Err(Fault::Unknown(why::PROVIDER_ERROR))),
            (401, "UNAUTHENTICATED", None, Err(Fault::Refused("UNAUTHENTICATED".into()))),
            (
                401,
                "UNAUTHENTICATED",
                Some("THIRD_PARTY_AUTH_ERROR"),
                Err(Fault::Refused("THIRD_PARTY_AUTH_ERROR".into())),
            ),
            (400, "SOMETHING_NEW", None, Err(Fault::Unknown(why::UNKNOWN_CODE))),
            (500, "SOMETHING_NEW", None, Err(Fault::Unknown(why::PROVIDER_ERROR))),
        ] {
            let details = own.map(|code| vec![json!({"@type": "t"}), json!({"@type": "FcmError", "errorCode": code})]);
            let body = json!({"error": {"code": status, "status": common, "details": details.unwrap_or_default()}});
            assert_eq!(read(&answer(status, &body.to_string())), expected, "{status} {common} {own:?}");
        }
        for (status, body, expected) in [
            (200, "{}", Fault::Unknown(why::GARBAGE)),
            (429, "", busy.clone().unwrap_err()),
            (502, "<html>", Fault::Unknown(why::SERVER_ERROR)),
            (302, "", Fault::Unknown(why::REDIRECT)),
            (400, r#"{"error":{"status":"no <code>"}}"#, Fault::Unknown(why::GARBAGE)),
        ] {
            assert_eq!(read(&answer(status, body)), Err(expected), "{status} {body}");
        }
    }

    #[test]
    fn a_grant_is_taken_or_refused() {
        let good = r#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#;
        assert_eq!(granted(&answer(200, good)), Ok(Granted { access_token: "ya29.x".into(), expires_in: 3599 }));
        let refused = r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#;
        assert_eq!(granted(&answer(400, refused)), Err(Fault::Refused("invalid_grant".into())));
        assert_eq!(granted(&answer(503, refused)), Err(Fault::Unknown(why::SERVER_ERROR)));
        assert_eq!(granted(&answer(200, "{}")), Err(Fault::Unknown(why::GARBAGE)));
    }
}
