//! The one place that knows a status: a table of every refusal, and the problem document (RFC 9457) made from it.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use tracing::Level;
use utoipa::ToSchema;

use crate::domain::error::{Code, Decline, Error, FieldFault};
use crate::domain::user::Language;
use crate::http::schema::OrderId;

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        row(self.code).status
    }

    /// Without a body: `respond` writes that, where the request's id and language are known.
    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

/// A request that was not done. `code` is for programs, `detail` for people.
#[derive(Serialize, ToSchema)]
pub struct Problem {
    /// `urn:nbbang:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:nbbang:problem:party_full")]
    kind: String,
    /// What went wrong, for developers: the same words for the same code.
    #[schema(example = "The party is full")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 409)]
    status: u16,
    /// What went wrong, for the user, in Korean or English by `Accept-Language`.
    #[schema(example = "자리가 모두 찼어요.")]
    detail: &'static str,
    code: Code,
    /// Whether the same request can succeed later without a change.
    #[schema(example = false)]
    retryable: bool,
    /// Name it when you report a fault; it is in our log.
    #[schema(example = "4f1c0e5a9b7d4e02a6c1f3d8b2907e55")]
    request_id: String,
    /// The fields that cannot be accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    fields: Vec<FieldProblem>,
    /// How long to wait at least before trying again, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 1000)]
    retry_after_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decline_code: Option<Decline>,
    /// The present state of what stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "locked")]
    state: Option<&'static str>,
    /// The caller's own order that stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    order_id: Option<OrderId>,
}

/// One field that cannot be accepted.
#[derive(Serialize, ToSchema)]
pub struct FieldProblem {
    /// A JSON pointer (RFC 6901) into the body, or the name of a parameter.
    #[schema(example = "/pickup/lat")]
    pointer: String,
    code: FieldFault,
    /// What is wrong with it, in Korean or English.
    #[schema(example = "허용된 범위를 벗어났어요.")]
    detail: &'static str,
}

crate::words! {
    /// What became of the money of a payment that was not made.
    pub enum Outcome {
        /// Nothing was asked of the payment provider, or surely nothing was done.
        NotAttempted => "not_attempted",
        /// The provider refused.
        Declined => "declined",
        /// Nobody knows yet.
        Unknown => "unknown",
    }
}

/// What a refusal is to a client and to our log.
pub struct Row {
    pub status: StatusCode,
    pub title: &'static str,
    /// Korean, English.
    pub detail: [&'static str; 2],
    pub retryable: bool,
    /// How long to wait when nobody knows better.
    pub retry_after_ms: Option<u64>,
    pub outcome: Option<Outcome>,
    pub level: Level,
}

impl Row {
    const fn new(status: StatusCode, title: &'static str, korean: &'static str, english: &'static str) -> Self {
        let detail = [korean, english];
        Self { status, title, detail, retryable: false, retry_after_ms: None, outcome: None, level: Level::INFO }
    }

    const fn retry_after(mut self, ms: u64) -> Self {
        self.retryable = true;
        self.retry_after_ms = Some(ms);
        self
    }

    const fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    const fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    const fn logged_at(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    fn detail(&self, language: Language) -> &'static str {
        words_of(self.detail, language)
    }
}

/// The table. A new code does not compile before it has its row.
#[rustfmt::skip]
pub const fn row(code: Code) -> Row {
    use StatusCode as S;
    match code {
        Code::Malformed => Row::new(S::BAD_REQUEST, "The request cannot be read", "요청을 읽을 수 없어요.", "The request cannot be read."),
        Code::IdempotencyKeyMissing => Row::new(S::BAD_REQUEST, "The header Idempotency-Key is missing", "Idempotency-Key 헤더가 필요해요.", "The header Idempotency-Key is required here."),
        Code::IdempotencyKeyMalformed => Row::new(S::BAD_REQUEST, "The header Idempotency-Key cannot be read", "Idempotency-Key는 보이는 ASCII 문자 1~255자여야 해요.", "An Idempotency-Key is 1 to 255 visible ASCII characters."),
        Code::PayloadTooLarge => Row::new(S::PAYLOAD_TOO_LARGE, "The body is larger than 64 KiB", "요청이 너무 커요.", "The request is too large."),
        Code::UnsupportedMediaType => Row::new(S::UNSUPPORTED_MEDIA_TYPE, "The body is not plain application/json", "요청 본문은 application/json이어야 해요.", "The body must be application/json, uncompressed."),
        Code::MethodNotAllowed => Row::new(S::METHOD_NOT_ALLOWED, "The address does not know this method", "지원하지 않는 요청 방식이에요.", "This method is not supported here; the header Allow lists those that are."),

        Code::RequestTimeout => Row::new(S::REQUEST_TIMEOUT, "The body did not arrive in time", "요청을 다 받지 못했어요. 다시 시도해 주세요.", "The request did not arrive in time; try again.").retryable(),

        Code::Unauthenticated => Row::new(S::UNAUTHORIZED, "There is no valid access token", "로그인이 필요해요.", "Please sign in."),
        Code::TokenExpired => Row::new(S::UNAUTHORIZED, "The access token has expired", "로그인 시간이 지났어요. 갱신이 필요해요.", "The access token has expired; refresh the session."),
        Code::RefreshTokenInvalid => Row::new(S::UNAUTHORIZED, "The refresh token is not valid (any more)", "다시 로그인해 주세요.", "Please sign in again."),
        Code::IdentityTokenInvalid => Row::new(S::UNAUTHORIZED, "The identity token is not good for us", "로그인 정보를 확인할 수 없어요. 다시 시도해 주세요.", "The identity token is not valid; sign in with the provider again."),
        Code::Suspended => Row::new(S::FORBIDDEN, "The user is suspended", "이용이 정지된 계정이에요.", "This account is suspended."),
        Code::TrustTooLow => Row::new(S::FORBIDDEN, "The user's trust is too low", "신뢰 점수가 낮아 이용할 수 없어요.", "Your trust score is too low for this."),
        Code::NotTheHost => Row::new(S::FORBIDDEN, "Only the host can do this", "방장만 할 수 있어요.", "Only the host can do this."),
        Code::NotTheOwner => Row::new(S::FORBIDDEN, "Only the order's owner can do this", "주문한 사람만 할 수 있어요.", "Only the order's owner can do this."),
        Code::NotAMember => Row::new(S::FORBIDDEN, "Only members can do this", "파티 멤버만 할 수 있어요.", "Only members of the party can do this."),
        Code::NotATester => Row::new(S::FORBIDDEN, "A purchase in the sandbox counts for testers alone", "테스트 구매는 테스터만 쓸 수 있어요.", "This purchase was made in the sandbox, which counts for testers alone."),
        Code::NotFound => Row::new(S::NOT_FOUND, "Not found", "찾을 수 없어요.", "Not found."),

        Code::Invalid => Row::new(S::UNPROCESSABLE_ENTITY, "Some fields cannot be accepted", "입력한 내용을 확인해 주세요.", "Some of the fields cannot be accepted; see fields."),
        Code::InvalidCursor => Row::new(S::UNPROCESSABLE_ENTITY, "The cursor belongs to another question", "목록을 처음부터 다시 불러와 주세요.", "The cursor does not belong to these filters; start from the first page."),
        Code::IdempotencyKeyReused => Row::new(S::UNPROCESSABLE_ENTITY, "The Idempotency-Key was used with another body", "같은 Idempotency-Key로 다른 요청을 보냈어요.", "This Idempotency-Key was used with another request; use a new one."),
        Code::AmountMismatch => Row::new(S::UNPROCESSABLE_ENTITY, "The amount is not the payment's amount", "결제 금액이 맞지 않아요.", "The amount does not match the payment."),
        Code::AmountTooSmall => Row::new(S::UNPROCESSABLE_ENTITY, "An amount below 200 KRW cannot be paid", "200원 미만은 결제할 수 없어요.", "An amount below 200 won cannot be paid."),
        Code::ReceiptImplausible => Row::new(S::UNPROCESSABLE_ENTITY, "The receipt is below half of the quote", "영수증 금액을 확인해 주세요.", "The receipt's total is implausibly low; check it."),
        Code::PurchaseInvalid => Row::new(S::UNPROCESSABLE_ENTITY, "The App Store has not signed this for us", "구매를 확인할 수 없어요.", "The purchase cannot be verified."),
        Code::SettlementUnavailable => Row::new(S::UNPROCESSABLE_ENTITY, "This way of settling is switched off", "지금은 이 정산 방식을 쓸 수 없어요.", "This way of settling is not available now."),
        Code::PreconditionFailed => Row::new(S::PRECONDITION_FAILED, "The thing has changed since If-Match", "그 사이에 내용이 바뀌었어요.", "It has changed meanwhile; read it again."),

        Code::RequestInProgress => Row::new(S::CONFLICT, "The same request is still being done", "같은 요청을 처리하고 있어요.", "The same request is still being done.").retry_after(1_000),
        Code::PartyNotOpen => Row::new(S::CONFLICT, "The party is not open", "모집 중인 파티가 아니에요.", "The party is not open."),
        Code::DeadlinePassed => Row::new(S::CONFLICT, "The deadline has passed", "모집이 마감되었어요.", "The deadline has passed."),
        Code::PartyFull => Row::new(S::CONFLICT, "The party is full", "자리가 모두 찼어요.", "The party is full."),
        Code::AlreadyJoined => Row::new(S::CONFLICT, "The user has an order in this party", "이미 참여한 파티예요.", "You have joined this party already."),
        Code::TooManyHolds => Row::new(S::CONFLICT, "Three held seats of this user have expired", "결제 없이 자리를 여러 번 비워 참여할 수 없어요.", "You let three seats of this party expire, and cannot join it any more."),
        Code::Kicked => Row::new(S::CONFLICT, "The user was removed from this party", "다시 참여할 수 없는 파티예요.", "You cannot join this party again."),
        Code::AlreadyHosting => Row::new(S::CONFLICT, "The user hosts as many parties as allowed", "이미 진행 중인 내 파티가 있어요.", "You are hosting a party already."),
        Code::TermsFrozen => Row::new(S::CONFLICT, "This cannot change once a guest holds a seat", "참여자가 있어 바꿀 수 없어요.", "This cannot change once a guest has a seat."),
        Code::TooFewMembers => Row::new(S::CONFLICT, "There are fewer members than the minimum", "최소 인원이 모이지 않았어요.", "Not enough members have joined."),
        Code::OrderTooSmall => Row::new(S::CONFLICT, "The food is below the store's minimum order", "최소 주문 금액에 못 미쳐요.", "The order is below the store's minimum."),
        Code::HostCannotLeave => Row::new(S::CONFLICT, "The host cannot leave", "방장은 나갈 수 없어요. 파티를 취소해 주세요.", "The host cannot leave; cancel the party instead."),
        Code::WrongState => Row::new(S::CONFLICT, "This cannot be done in the present state", "지금 상태에서는 할 수 없어요.", "This cannot be done now; see state."),
        Code::TooEarly => Row::new(S::CONFLICT, "It is too early for this", "아직 할 수 없어요.", "It is too early for this."),
        Code::PaymentPending => Row::new(S::CONFLICT, "A payment's outcome is not known yet", "결제 결과를 확인하고 있어요.", "A payment's outcome is not known yet.").retry_after(2_000),
        Code::PaymentExpired => Row::new(S::CONFLICT, "The time to pay is over", "결제 시간이 지났어요.", "The time to pay is over."),
        Code::DisputeClosed => Row::new(S::CONFLICT, "The time for a dispute is over", "이의 신청 기간이 지났어요.", "The time for a dispute is over."),
        Code::PayoutFrozen => Row::new(S::CONFLICT, "Open disputes freeze the payout", "분쟁이 끝나야 지급할 수 있어요.", "Open disputes freeze the payout."),
        Code::PurchaseTaken => Row::new(S::CONFLICT, "The purchase is another user's", "다른 계정에서 이미 사용한 구매예요.", "This purchase belongs to another account."),
        Code::NoBoosts => Row::new(S::CONFLICT, "The user has no boost left", "남은 부스트가 없어요.", "You have no boost left."),
        Code::AlreadyReported => Row::new(S::CONFLICT, "The caller has reported this already", "이미 신고했어요.", "You have reported this already."),
        Code::TooManyInvitations => Row::new(S::CONFLICT, "The caller has ten good invitations to this party", "초대 링크는 파티마다 10개까지 만들 수 있어요.", "You have ten invitations to this party already; use one of them or revoke one."),
        Code::InvitationOver => Row::new(S::GONE, "The invitation leads nowhere any more", "끝난 초대예요.", "This invitation is over."),
        Code::ActiveParty => Row::new(S::CONFLICT, "A party between its lock and its settlement needs the user", "진행 중인 파티가 끝나야 탈퇴할 수 있어요.", "A party of yours is under way; the account can be deleted when it is settled."),

        Code::PaymentDeclined => Row::new(S::PAYMENT_REQUIRED, "The payment was declined", "결제가 거절되었어요.", "The payment was declined; see decline_code.").outcome(Outcome::Declined),
        Code::PaymentUnavailable => Row::new(S::SERVICE_UNAVAILABLE, "The payment provider cannot be reached; nothing was charged", "결제사에 연결할 수 없어요. 청구되지 않았어요.", "The payment provider cannot be reached. Nothing was charged.").retry_after(5_000).outcome(Outcome::NotAttempted).logged_at(Level::WARN),
        Code::PaymentUntrusted => Row::new(S::BAD_GATEWAY, "The payment provider's identity is in doubt; nothing was charged", "결제사 연결이 안전하지 않아 중단했어요. 청구되지 않았어요.", "The connection to the payment provider is not safe. Nothing was charged.").retryable().outcome(Outcome::NotAttempted).logged_at(Level::ERROR),

        Code::MapUnavailable => Row::new(S::SERVICE_UNAVAILABLE, "The map provider cannot be reached or is busy", "지금은 장소를 찾을 수 없어요. 지도에서 직접 선택해 주세요.", "Places cannot be looked up now; a pin on the map will do.").retry_after(5_000).logged_at(Level::WARN),
        Code::MapTimeout => Row::new(S::GATEWAY_TIMEOUT, "The map provider did not answer in time", "장소 검색이 늦어지고 있어요. 다시 시도해 주세요.", "Looking up places took too long; try again.").retry_after(2_000).logged_at(Level::WARN),
        Code::MapBadAnswer => Row::new(S::BAD_GATEWAY, "The map provider gave no usable answer", "장소 검색에 문제가 생겼어요. 다시 시도해 주세요.", "Looking up places failed; try again.").retry_after(2_000).logged_at(Level::WARN),
        Code::MapUntrusted => Row::new(S::BAD_GATEWAY, "The map provider's identity is in doubt", "지도 연결이 안전하지 않아 중단했어요.", "The connection to the map is not safe, and was given up.").logged_at(Level::ERROR),
        Code::SignInUnavailable => Row::new(S::SERVICE_UNAVAILABLE, "The identity provider cannot be reached", "로그인 서비스에 연결할 수 없어요. 잠시 후 다시 시도해 주세요.", "The sign-in provider cannot be reached; try again in a moment.").retry_after(5_000).logged_at(Level::WARN),
        Code::SignInUnusable => Row::new(S::BAD_GATEWAY, "The identity provider's answer cannot be used", "로그인 서비스에 문제가 있어요. 잠시 후 다시 시도해 주세요.", "The sign-in provider gave an answer that cannot be used; try again later.").retryable().logged_at(Level::ERROR),
        Code::SignInTimedOut => Row::new(S::GATEWAY_TIMEOUT, "The identity provider does not answer in time", "로그인 서비스가 응답하지 않아요. 잠시 후 다시 시도해 주세요.", "The sign-in provider does not answer; try again in a moment.").retry_after(5_000).logged_at(Level::WARN),

        Code::TooManyRequests => Row::new(S::TOO_MANY_REQUESTS, "This client asks too fast", "요청이 너무 잦아요. 잠시 후 다시 시도해 주세요.", "Too many requests; try again in a moment.").retry_after(1_000),
        Code::Busy => Row::new(S::SERVICE_UNAVAILABLE, "The service is busy", "요청이 많아요. 잠시 후 다시 시도해 주세요.", "We are busy; try again in a moment.").retry_after(1_000).logged_at(Level::WARN),
        Code::DatabaseUnavailable => Row::new(S::SERVICE_UNAVAILABLE, "The database cannot be reached", "잠시 후 다시 시도해 주세요.", "Try again in a moment.").retry_after(1_000).logged_at(Level::ERROR),
        Code::Internal => Row::new(S::INTERNAL_SERVER_ERROR, "A fault of ours", "문제가 생겼어요. 다시 시도해 주세요.", "Something went wrong on our side.").retryable().logged_at(Level::ERROR),
    }
}

/// Korean, English.
#[rustfmt::skip]
const fn field_detail(fault: FieldFault) -> [&'static str; 2] {
    match fault {
        FieldFault::Required => ["꼭 필요해요.", "It is required."],
        FieldFault::Unknown => ["알 수 없는 항목이에요.", "There is no such field."],
        FieldFault::Duplicate => ["두 번 적혀 있어요.", "It is there twice."],
        FieldFault::WrongType => ["형식이 맞지 않아요.", "It has the wrong type."],
        FieldFault::Empty => ["비어 있어요.", "It is empty."],
        FieldFault::TooShort => ["너무 짧아요.", "It is too short."],
        FieldFault::TooLong => ["너무 길어요.", "It is too long."],
        FieldFault::TooMany => ["너무 많아요.", "There are too many."],
        FieldFault::TooFew => ["너무 적어요.", "There are too few."],
        FieldFault::OutOfRange => ["허용된 범위를 벗어났어요.", "It is out of range."],
        FieldFault::NotText => ["쓸 수 없는 문자가 있어요.", "It has control characters."],
        FieldFault::NotPermittedCharacter => ["쓸 수 없는 문자가 있어요.", "It has characters that are not permitted."],
        FieldFault::NotALink => ["링크가 아니에요.", "It is no web address."],
        FieldFault::NotATime => ["시각이 아니에요.", "It is no RFC 3339 time."],
        FieldFault::TooSoon => ["너무 일러요.", "It is too soon."],
        FieldFault::TooLate => ["너무 늦어요.", "It is too late."],
        FieldFault::NotRising => ["점점 커져야 해요.", "The values must rise."],
        FieldFault::NotFalling => ["점점 작아져야 해요.", "The values must not rise."],
        FieldFault::NotAllowedHere => ["여기서는 쓸 수 없어요.", "It is not allowed here."],
        FieldFault::NotPermittedWord => ["선택할 수 없는 값이에요.", "It is none of the permitted words."],
        FieldFault::Offensive => ["쓸 수 없는 말이 있어요.", "It has words that are not welcome here."],
    }
}

/// What a payer can do about a decline.
#[rustfmt::skip]
const fn decline_meaning(decline: Decline) -> &'static str {
    match decline {
        Decline::InsufficientFunds => "The account or card has too little money: use another one.",
        Decline::LimitExceeded => "A limit of the card or account is reached: use another one.",
        Decline::CardExpired => "The card has expired.",
        Decline::CardInvalid => "The card's details are wrong, or the card is blocked.",
        Decline::WrongPassword => "A password or code was wrong: try again.",
        Decline::FraudCheck => "The provider's fraud check refused: use another method.",
        Decline::IssuerUnavailable => "The card's issuer does not answer: try again later.",
        Decline::BankHours => "The bank is closed at this hour: try later or use a card.",
        Decline::MethodUnavailable => "This method cannot be used here: use another one.",
        Decline::SessionExpired => "The payment window was open too long: open it again.",
        Decline::Declined => "Declined without a reason that we could pass on: use another method.",
    }
}

const fn outcome_meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::NotAttempted => "Nothing was charged.",
        Outcome::Declined => "The provider refused; nothing was charged.",
        Outcome::Unknown => "Not known yet: ask for the payment until it is.",
    }
}

fn words_of([korean, english]: [&'static str; 2], language: Language) -> &'static str {
    match language {
        Language::Korean => korean,
        Language::English => english,
    }
}

/// The answer to a request that was not done. Our internal text goes to the log here, once, and no further.
pub fn respond(error: &Error, request_id: &str, language: Language) -> HttpResponse {
    let row = row(error.code);
    log(error, &row, request_id);
    let problem = Problem::new(error, &row, request_id, language);
    let mut response = HttpResponse::build(row.status);
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    if let Some(ms) = problem.retry_after_ms {
        response.insert_header((header::RETRY_AFTER, ms.div_ceil(1000)));
    }
    match error.code {
        Code::Unauthenticated => {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        Code::TokenExpired | Code::RefreshTokenInvalid | Code::IdentityTokenInvalid => {
            response.insert_header((header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#));
        }
        _ => {}
    }
    let mut response = response.json(problem);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

fn log(error: &Error, row: &Row, request_id: &str) {
    let code = error.code.word();
    let internal = error.internal.as_deref().unwrap_or_default();
    match row.level {
        Level::ERROR => tracing::error!(code, request_id, internal, "not done"),
        Level::WARN => tracing::warn!(code, request_id, internal, "not done"),
        _ if error.internal.is_some() => tracing::info!(code, request_id, internal, "not done"),
        _ => tracing::debug!(code, request_id, "not done"),
    }
}

impl Problem {
    fn new(error: &Error, row: &Row, request_id: &str, language: Language) -> Self {
        let more = &error.more;
        let fields = more.fields.iter().map(|field| FieldProblem {
            pointer: field.pointer.clone(),
            code: field.fault,
            detail: words_of(field_detail(field.fault), language),
        });
        Self {
            kind: format!("urn:nbbang:problem:{}", error.code.word()),
            title: row.title,
            status: row.status.as_u16(),
            detail: row.detail(language),
            code: error.code,
            retryable: row.retryable,
            request_id: request_id.to_owned(),
            fields: fields.collect(),
            retry_after_ms: more.retry_after_ms.or(row.retry_after_ms),
            outcome: row.outcome,
            decline_code: more.decline,
            state: more.state,
            order_id: more.order_id,
        }
    }

    /// What a client gets for `code`, for the OpenAPI document.
    pub fn example(code: Code) -> Self {
        let mut error = Error::from(code);
        if code == Code::Invalid {
            error = Error::field("/nickname", FieldFault::TooShort);
        }
        if code == Code::PaymentDeclined {
            error.more.decline = Some(Decline::InsufficientFunds);
        }
        Self::new(&error, &row(code), "4f1c0e5a9b7d4e02a6c1f3d8b2907e55", Language::English)
    }
}

/// `docs/ERRORS.md`, from the table.
pub fn errors_markdown() -> String {
    let codes = Code::ALL.iter().map(|&code| {
        let row = row(code);
        let retry = match (row.retryable, row.retry_after_ms) {
            (true, Some(ms)) => format!("after {ms} ms"),
            (true, None) => "yes".to_owned(),
            (false, _) => "no".to_owned(),
        };
        format!("| {} | `{}` | {}. | {retry} |", row.status.as_u16(), code.word(), row.title)
    });
    let declines =
        Decline::ALL.iter().map(|&decline| format!("| `{}` | {} |", decline.word(), decline_meaning(decline)));
    let faults = FieldFault::ALL.iter().map(|&fault| (fault.word(), words_of(field_detail(fault), Language::English)));
    let outcomes = Outcome::ALL.iter().map(|&outcome| (outcome.word(), outcome_meaning(outcome)));
    let two = |(word, meaning)| format!("| `{word}` | {meaning} |");

    let mut lines: Vec<String> = INTRODUCTION.lines().map(str::to_owned).collect();
    lines.push(String::new());
    lines.extend(table("status | code | meaning | retry", codes));
    lines.push("\n## Declined payments\n\n`payment_declined` says why in `decline_code`.\n".to_owned());
    lines.extend(table("decline_code | meaning", declines));
    lines.push("\n## Fields\n\n`invalid` lists in `fields` what cannot be accepted.\n".to_owned());
    lines.extend(table("code | meaning", faults.map(two)));
    lines.push("\n## Money\n\nWhere a payment was not made, `outcome` says what became of the money.\n".to_owned());
    lines.extend(table("outcome | meaning", outcomes.map(two)));
    lines.push(format!("\n{}", super::faults::markdown()));
    lines.join("\n") + "\n"
}

const INTRODUCTION: &str = "\
# Errors

Printed from the table in `src/http/error.rs` by `nbbang errors`; do not edit.

Every refusal is `application/problem+json` (RFC 9457) with `code`, one of those below. Branch on `code`, show `detail`
(Korean or English by `Accept-Language`), and tolerate codes that you do not know: their status says what to do. Retry a
retryable one with the same `Idempotency-Key`, after `retry_after_ms`, and each time later. `fields` point into the body
(JSON pointer, RFC 6901) or name a parameter.
";

pub(super) fn table(columns: &str, rows: impl Iterator<Item = String>) -> impl Iterator<Item = String> {
    let line = format!("|{}", "---|".repeat(columns.split('|').count()));
    [format!("| {columns} |"), line].into_iter().chain(rows)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use actix_web::body::to_bytes;

    use super::*;

    #[test]
    fn every_code_is_a_refusal_in_words_of_its_own() {
        let mut titles = HashSet::new();
        for &code in Code::ALL {
            let row = row(code);
            assert!(row.status.is_client_error() || row.status.is_server_error(), "{}", code.word());
            assert!(titles.insert(row.title), "two codes say {:?}", row.title);
            assert!(row.retry_after_ms.is_none() || row.retryable, "{}", code.word());
            assert!(row.detail[0].chars().any(|c| ('가'..='힣').contains(&c)), "{} has no Korean words", code.word());
            assert!(row.detail[1].is_ascii(), "{} has no English words", code.word());
        }
    }

    #[test]
    fn every_word_is_in_the_documentation() {
        let page = errors_markdown();
        let words = Code::ALL.iter().map(|code| code.word());
        let words = words.chain(FieldFault::ALL.iter().map(|fault| fault.word()));
        for word in words.chain(Decline::ALL.iter().map(|decline| decline.word())) {
            assert!(page.contains(&format!("`{word}`")), "{word} is missing");
        }
    }

    #[actix_web::test]
    async fn our_internal_text_stays_here() {
        let error = Error::internal(Code::DatabaseUnavailable, "postgres://secret");
        let response = respond(&error, "r1", Language::English);
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers().get("retry-after").unwrap(), "1");
        assert_eq!(response.headers().get("content-type").unwrap(), "application/problem+json");
        let body = to_bytes(response.into_body()).await.unwrap();
        assert!(!String::from_utf8_lossy(&body).contains("secret"));
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["request_id"], "r1");
        assert_eq!(body["retryable"], true);
        assert!(body.get("fields").is_none() && body.get("state").is_none());
    }
}
