//! A party's chat in JSON. Following it live is in `events.rs`.

use actix_web::web::Data;
use actix_web::{HttpResponse, get, post, put};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::app::messages;
use crate::domain::error::{Error, FieldFault, Result};
use crate::domain::event::EventKind;
use crate::domain::message::{Line, LineKind, Message, Read, Said};
use crate::errors;
use crate::http::extract::{Caller, Json, Keyed, Path, Query, cursor};
use crate::http::schema::{IdempotencyKey, MessageId, PartyId, Timestamp, UserId};

/// A line of a party's chat.
#[derive(Serialize, ToSchema)]
pub struct MessageView {
    /// Its place among all that happens in the party; rises.
    #[schema(example = 12)]
    seq: i64,
    kind: LineKind,
    /// Of a member's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<MessageId>,
    /// Who says it, or of whom the system speaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<UserId>,
    /// Of a member's message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "3번 출구 앞에서 만나요")]
    text: Option<String>,
    /// The app's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "6f1c")]
    client_key: Option<String>,
    /// Of a line by the system: what has happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventKind>,
    created_at: Timestamp,
}

impl From<&Message> for MessageView {
    fn from(message: &Message) -> Self {
        Self {
            seq: message.seq,
            kind: LineKind::Text,
            id: Some(message.id),
            user_id: Some(message.user_id),
            text: Some(message.text.clone()),
            client_key: Some(message.client_key.clone()),
            event: None,
            created_at: message.created_at.into(),
        }
    }
}

impl From<&Line> for MessageView {
    fn from(line: &Line) -> Self {
        match &line.what {
            Said::Text(message) => message.into(),
            Said::Event(kind, user_id) => Self {
                seq: line.seq,
                kind: LineKind::System,
                id: None,
                user_id: *user_id,
                text: None,
                client_key: None,
                event: Some(*kind),
                created_at: line.created_at.into(),
            },
        }
    }
}

/// How far a member has read.
#[derive(Serialize, ToSchema)]
pub struct ReadView {
    user_id: UserId,
    /// The `seq` that he has read up to; 0 when he has read nothing.
    #[schema(example = 12)]
    seq: i64,
    /// When he was last there, to some seconds.
    seen_at: Timestamp,
}

impl From<Read> for ReadView {
    fn from(read: Read) -> Self {
        Self { user_id: read.user_id, seq: read.seq, seen_at: read.seen_at.into() }
    }
}

/// What was said in a party.
#[derive(Serialize, ToSchema)]
pub struct MessagesPage {
    /// Newest first.
    items: Vec<MessageView>,
    /// For the page before; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "bWVzc2FnZXMtYmVmb3Jl")]
    next_cursor: Option<String>,
    /// Messages of others that the caller has not read.
    #[schema(example = 2)]
    unread_count: i64,
    /// How far the members have read, as far as is known.
    reads: Vec<ReadView>,
}

/// What to say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// 1 to 500 characters; line breaks are welcome, other control characters are not.
    #[schema(example = "3번 출구 앞에서 만나요", min_length = 1, max_length = 500)]
    text: String,
    /// The app's own name for this message, 1 to 64 characters: the same text under the same name is said once.
    #[schema(example = "6f1c", min_length = 1, max_length = 64)]
    client_key: String,
}

errors!(CreateMessageErrors: CALLER, BODY, KEYED; NotFound, NotAMember, WrongState);

/// Say something
///
/// To all members, until 24 hours after the party's end. Those who have blocked the caller, or whom he has blocked, do not get it.
#[utoipa::path(
    tag = "Chat",
    security(("bearer" = [])),
    params(("id" = PartyId, Path, description = "The party's id."), IdempotencyKey),
    request_body(content = NewMessage, description = "What to say.", example = json!({"text": "3번 출구 앞에서 만나요", "client_key": "6f1c"})),
    responses(
        (status = 201, description = "It is said.", body = MessageView, headers(
            ("Idempotency-Replayed" = String, description = "`true` on the answer to a repeated command."),
        ), example = json!({
            "seq": 12, "kind": "text", "id": "117440512000000021", "user_id": "117440512000000001",
            "text": "3번 출구 앞에서 만나요", "client_key": "6f1c", "created_at": "2026-12-01T10:20:00.000Z",
        })),
        CreateMessageErrors,
    ),
)]
#[post("/v1/parties/{id}/messages")]
pub async fn create_message(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    new: Keyed<NewMessage>,
) -> Result<HttpResponse> {
    let key = new.key("POST /v1/parties/{id}/messages");
    let NewMessage { text, client_key } = &new.body;
    let said = messages::say(&app, caller.user_id, id.0, text, client_key, &key).await?;
    let mut answer = HttpResponse::Created();
    if said.replayed {
        answer.insert_header(("Idempotency-Replayed", "true"));
    }
    Ok(answer.json(MessageView::from(&said.message)))
}

/// Which part of the chat.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessagesQuery {
    limit: Option<usize>,
    cursor: Option<String>,
}

errors!(ListMessagesErrors: CALLER, QUERY; InvalidCursor, NotFound, NotAMember);

/// The chat
///
/// What members have said, and between it what has happened, newest first, from the caller's joining on. Erased 90 days after the party's end.
#[utoipa::path(
    tag = "Chat",
    security(("bearer" = [])),
    params(
        ("id" = PartyId, Path, description = "The party's id."),
        ("limit" = Option<u32>, Query, description = "How many at the most, 50 by default.", example = 50, minimum = 1, maximum = 100),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses((status = 200, description = "Messages.", body = MessagesPage, example = json!({
            "items": [
                {
                    "seq": 12, "kind": "text", "id": "117440512000000021", "user_id": "117440512000000001",
                    "text": "3번 출구 앞에서 만나요", "client_key": "6f1c", "created_at": "2026-12-01T10:20:00.000Z",
                },
                {
                    "seq": 11, "kind": "system", "event": "joined", "user_id": "117440512000000007",
                    "created_at": "2026-12-01T10:15:00.000Z",
                },
            ],
            "unread_count": 1,
            "reads": [{"user_id": "117440512000000007", "seq": 11, "seen_at": "2026-12-01T10:15:00.000Z"}],
        })), ListMessagesErrors),
)]
#[get("/v1/parties/{id}/messages")]
pub async fn list_messages(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    query: Query<MessagesQuery>,
) -> Result<Json<MessagesPage>> {
    let MessagesQuery { limit, cursor } = query.0;
    let limit = limit.unwrap_or(50);
    if !(1..=100).contains(&limit) {
        return Err(Error::field("limit", FieldFault::OutOfRange));
    }
    let filters = format!("messages {}", id.0);
    let before = match cursor {
        Some(text) => {
            let [seq, part] = cursor::read(&filters, &text)?;
            Some((seq.cast_signed(), i32::try_from(part).unwrap_or(i32::MAX)))
        }
        None => None,
    };
    let page = messages::page(&app, caller.user_id, id.0, before, limit).await?;
    let next = page
        .next
        .map(|(seq, part)| cursor::write(&filters, [seq.cast_unsigned(), u64::try_from(part).unwrap_or_default()]));
    Ok(Json(MessagesPage {
        items: page.lines.iter().map(MessageView::from).collect(),
        next_cursor: next,
        unread_count: page.unread,
        reads: page.reads.into_iter().map(ReadView::from).collect(),
    }))
}

/// How far the caller has read.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadMark {
    /// The `seq` of the newest line that was shown.
    #[schema(example = 12, minimum = 0)]
    seq: i64,
}

errors!(MarkMessagesReadErrors: CALLER, BODY; NotFound, NotAMember);

/// Tell how far one has read
///
/// The others see it; it never goes backwards. It is written down within 5 seconds, and may be lost when the server dies before.
#[utoipa::path(
    tag = "Chat",
    security(("bearer" = [])),
    params(("id" = PartyId, Path, description = "The party's id.")),
    request_body(content = ReadMark, description = "How far.", example = json!({"seq": 12})),
    responses((status = 204, description = "It is noted."), MarkMessagesReadErrors),
)]
#[put("/v1/parties/{id}/messages/read")]
pub async fn mark_messages_read(
    app: Data<App>,
    caller: Caller,
    id: Path<PartyId>,
    mark: Json<ReadMark>,
) -> Result<HttpResponse> {
    if mark.0.seq < 0 {
        return Err(Error::field("/seq", FieldFault::OutOfRange));
    }
    messages::mark_read(&app, caller.user_id, id.0, mark.0.seq).await?;
    Ok(HttpResponse::NoContent().finish())
}
