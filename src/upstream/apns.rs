//! Apple's push notification service, over HTTP/2: how a note is sent and what its answers mean. It repeats nothing by itself.
//! <https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{StatusCode, Url};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::client::{self, Answer, Deadline, Lane};
use super::{Fault, Receipt, why};
use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::push::Note;

const PATIENCE: Duration = Duration::from_secs(10);
/// Apple wants a token to be used for 20 minutes at least and 60 at most.
const SHORTEST_USE: time::Duration = time::Duration::minutes(20);
const LONGEST_USE: time::Duration = time::Duration::minutes(50);
/// After which they are asked again when they want less.
const BUSY_MS: u64 = 30_000;

pub struct Apns {
    http: reqwest::Client,
    base: Url,
    topic: String,
    tokens: Tokens,
    lane: Lane,
    real_time: fn() -> Time,
}

/// With what we show Apple whose app it is.
pub struct ApnsKey {
    pub key_id: String,
    pub team_id: String,
    pub key: EncodingKey,
}

impl Apns {
    /// `topic` is the app's bundle id; `real_time` that of the world, which tokens need.
    pub fn new(base_url: &str, topic: &str, key: ApnsKey, real_time: fn() -> Time) -> Result<Self> {
        let base = Url::parse(base_url).ok().filter(|url| !url.cannot_be_a_base());
        Ok(Self {
            http: client::http2()?,
            base: base.ok_or_else(|| Error::internal(Code::Internal, "the address of APNs is no URL"))?,
            topic: topic.to_owned(),
            tokens: Tokens { key, kept: Mutex::default() },
            lane: Lane::new("apns", "send", 64, PATIENCE),
            real_time,
        })
    }

    /// Sends a note to a device, once.
    pub async fn send(&self, device_token: &str, note: &Note, deadline: Deadline) -> Result<Receipt, Fault> {
        let now = (self.real_time)();
        let mut address = self.base.clone();
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().extend(["3", "device", device_token]);
        }
        let authorization = self.tokens.authorization(now)?;
        let request = self
            .http
            .post(address)
            .header(AUTHORIZATION, authorization.clone())
            .header("apns-topic", &self.topic)
            .header("apns-push-type", "alert")
            .header("apns-priority", if note.is_urgent { "10" } else { "5" })
            .header("apns-expiration", (now + note.lives_for).unix_timestamp().to_string())
            .header("apns-collapse-id", &note.collapse_id)
            .json(&payload(note));
        let result = self.lane.call(request, deadline, read).await;
        if result == Err(Fault::Refused(EXPIRED.to_owned())) {
            self.tokens.forget(&authorization, now);
            return Err(Fault::Busy { retry_after_ms: None });
        }
        result
    }
}

fn payload(note: &Note) -> Value {
    let mut payload = json!({
        "aps": {
            "alert": {"title": note.title, "body": note.body},
            "sound": "default",
            "thread-id": note.party_id,
            "interruption-level": if note.is_urgent { "time-sensitive" } else { "active" },
        },
        "kind": note.kind,
        "party_id": note.party_id,
    });
    if let (Some(fields), Some(order)) = (payload.as_object_mut(), note.order_id) {
        fields.insert("order_id".into(), json!(order));
    }
    payload
}

const EXPIRED: &str = "ExpiredProviderToken";

/// One token for all requests, made anew when it has been used for long enough.
struct Tokens {
    key: ApnsKey,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    token: Option<(HeaderValue, Time)>,
    /// When Apple last did not want one that we had not used for long.
    forgotten_at: Option<Time>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    iat: i64,
}

impl Tokens {
    fn authorization(&self, now: Time) -> Result<HeaderValue, Fault> {
        let refused = |why: &dyn fmt::Display| {
            tracing::error!(%why, "no token for APNs can be made");
            Fault::Refused("TOKEN_NOT_MADE".into())
        };
        let mut kept = self.kept.lock().map_err(|error| refused(&error))?;
        if let Some((token, made_at)) = &kept.token
            && now < *made_at + LONGEST_USE
        {
            return Ok(token.clone());
        }
        let header = Header { kid: Some(self.key.key_id.clone()), ..Header::new(Algorithm::ES256) };
        let claims = Claims { iss: &self.key.team_id, iat: now.unix_timestamp() };
        let token = jsonwebtoken::encode(&header, &claims, &self.key.key).map_err(|error| refused(&error))?;
        let mut token = HeaderValue::try_from(format!("bearer {token}")).map_err(|error| refused(&error))?;
        token.set_sensitive(true);
        kept.token = Some((token.clone(), now));
        Ok(token)
    }

    /// Apple says that it has expired. Never two within 20 minutes: then our clock is wrong, and more tokens do not help.
    fn forget(&self, token: &HeaderValue, now: Time) {
        let Ok(mut kept) = self.kept.lock() else { return };
        let is_kept = kept.token.as_ref().is_some_and(|(kept, _)| kept == token);
        if is_kept && kept.forgotten_at.is_none_or(|at| now >= at + SHORTEST_USE) {
            *kept = Kept { token: None, forgotten_at: Some(now) };
        }
    }
}

#[derive(Deserialize)]
struct Refusal {
    reason: String,
    /// Milliseconds of 1970 at which they knew that the device had gone.
    timestamp: Option<i64>,
}

/// <https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>
fn read(answer: &Answer) -> Result<Receipt, Fault> {
    if answer.status == StatusCode::OK {
        // A success says nothing; what talks is not Apple.
        return if answer.body.is_empty() { Ok(Receipt::Taken) } else { Err(Fault::Unknown(why::GARBAGE)) };
    }
    let Ok(refusal) = serde_json::from_slice::<Refusal>(&answer.body) else {
        return Err(match answer.status {
            StatusCode::TOO_MANY_REQUESTS => busy(answer),
            status if status.is_server_error() => Fault::Unknown(why::SERVER_ERROR),
            status if status.is_redirection() => Fault::Unknown(why::REDIRECT),
            _ => Fault::Unknown(why::GARBAGE),
        });
    };
    match refusal.reason.as_str() {
        "Unregistered" | "ExpiredToken" => {
            let since = refusal.timestamp.map(|ms| i128::from(ms) * 1_000_000);
            let since = since.and_then(|nanos| Time::from_unix_timestamp_nanos(nanos).ok());
            Ok(Receipt::Gone { since })
        }
        "BadDeviceToken"
        | "DeviceTokenNotForTopic"
        | "BadCollapseId"
        | "BadExpirationDate"
        | "BadMessageId"
        | "BadPriority"
        | "BadPath"
        | "DuplicateHeaders"
        | "InvalidPushType"
        | "PayloadEmpty"
        | "PayloadTooLarge" => Ok(Receipt::Unfit(refusal.reason)),
        "TooManyRequests" | "TooManyProviderTokenUpdates" | "ServiceUnavailable" | "Shutdown" => Err(busy(answer)),
        "InternalServerError" | "IdleTimeout" => Err(Fault::Unknown(why::PROVIDER_ERROR)),
        EXPIRED
        | "InvalidProviderToken"
        | "MissingProviderToken"
        | "BadCertificate"
        | "BadCertificateEnvironment"
        | "Forbidden"
        | "BadTopic"
        | "MissingTopic"
        | "TopicDisallowed"
        | "MissingDeviceToken"
        | "MethodNotAllowed"
        | "BadEnvironmentKeyIdInToken"
        | "UnrelatedKeyIdInToken" => Err(Fault::Refused(refusal.reason)),
        _ => Err(unknown(answer, &refusal.reason)),
    }
}

fn busy(answer: &Answer) -> Fault {
    Fault::Busy { retry_after_ms: answer.retry_after_ms.or(Some(BUSY_MS)) }
}

fn unknown(answer: &Answer, reason: &str) -> Fault {
    let looks_like_one = (1..=64).contains(&reason.len()) && reason.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let reason = if looks_like_one { reason } else { "?" };
    tracing::warn!(upstream = "apns", status = answer.status.as_u16(), code = reason, "a code we do not know");
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS => busy(answer),
        status if status.is_server_error() => Fault::Unknown(why::PROVIDER_ERROR),
        _ => Fault::Unknown(why::UNKNOWN_CODE),
    }
}

impl fmt::Debug for Apns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apns").field("host", &self.base.host_str()).field("topic", &self.topic).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    use time::macros::datetime;

    use super::*;

    const NOW: Time = datetime!(2026-12-01 12:00 UTC);

    fn answered(status: u16, body: &str) -> Result<Receipt, Fault> {
        let status = StatusCode::from_u16(status).unwrap();
        read(&Answer { status, retry_after_ms: Some(7000), retry_after: Some(7), body: body.into() })
    }

    #[test]
    fn each_reason_means_one_thing() {
        assert_eq!(answered(200, ""), Ok(Receipt::Taken));
        let gone = Receipt::Gone { since: Some(datetime!(2026-12-01 11:00 UTC)) };
        assert_eq!(answered(410, r#"{"reason":"Unregistered","timestamp":1796122800000}"#), Ok(gone));
        assert_eq!(answered(410, r#"{"reason":"ExpiredToken"}"#), Ok(Receipt::Gone { since: None }));
        let busy = Err(Fault::Busy { retry_after_ms: Some(7000) });
        for (status, reason, expected) in [
            (400, "BadDeviceToken", Ok(Receipt::Unfit("BadDeviceToken".into()))),
            (413, "PayloadTooLarge", Ok(Receipt::Unfit("PayloadTooLarge".into()))),
            (403, "InvalidProviderToken", Err(Fault::Refused("InvalidProviderToken".into()))),
            (400, "TopicDisallowed", Err(Fault::Refused("TopicDisallowed".into()))),
            (429, "TooManyRequests", busy.clone()),
            (429, "TooManyProviderTokenUpdates", busy.clone()),
            (503, "ServiceUnavailable", busy.clone()),
            (500, "InternalServerError", Err(Fault::Unknown(why::PROVIDER_ERROR))),
            (400, "SomethingNew", Err(Fault::Unknown(why::UNKNOWN_CODE))),
            (500, "SomethingNew", Err(Fault::Unknown(why::PROVIDER_ERROR))),
        ] {
            assert_eq!(answered(status, &json!({ "reason": reason }).to_string()), expected, "{status} {reason}");
        }
        for (status, body, expected) in [
            (429, "", busy.clone().unwrap_err()),
            (502, "<html>", Fault::Unknown(why::SERVER_ERROR)),
            (301, "", Fault::Unknown(why::REDIRECT)),
            (400, "[]", Fault::Unknown(why::GARBAGE)),
            (200, "<html>", Fault::Unknown(why::GARBAGE)),
        ] {
            assert_eq!(answered(status, body), Err(expected), "{status} {body}");
        }
    }

    #[test]
    fn a_token_is_used_for_20_to_60_minutes() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let key = ApnsKey { key_id: "KEY".into(), team_id: "TEAM".into(), key };
        let tokens = Tokens { key, kept: Mutex::default() };
        let minutes = |minutes| NOW + time::Duration::minutes(minutes);
        let first = tokens.authorization(NOW).unwrap();
        assert!(first.is_sensitive());
        assert_eq!(tokens.authorization(minutes(49)).unwrap(), first);
        let second = tokens.authorization(minutes(50)).unwrap();
        assert_ne!(second, first);
        // An old one that is refused late changes nothing.
        tokens.forget(&first, minutes(51));
        assert_eq!(tokens.authorization(minutes(51)).unwrap(), second);
        tokens.forget(&second, minutes(51));
        let third = tokens.authorization(minutes(51)).unwrap();
        assert_ne!(third, second);
        // A clock that is wrong makes no flood of tokens.
        tokens.forget(&third, minutes(52));
        assert_eq!(tokens.authorization(minutes(52)).unwrap(), third);
        tokens.forget(&third, minutes(71));
        assert_ne!(tokens.authorization(minutes(71)).unwrap(), third);
    }
}
