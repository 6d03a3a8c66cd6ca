//! Toss's documented error codes with their statuses. The status does not tell what a code means; the texts are ours.

use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    pub name: &'static str,
    pub status: u16,
    pub message: &'static str,
}

impl Code {
    const fn new(status: u16, name: &'static str, message: &'static str) -> Self {
        Self { name, status, message }
    }

    pub fn body(self) -> Value {
        json!({ "code": self.name, "message": self.message })
    }
}

macro_rules! codes {
    ($table:ident, $about:literal: $($status:literal $name:ident $message:literal,)*) => {
        $(pub const $name: Code = Code::new($status, stringify!($name), $message);)*
        #[doc = $about]
        pub static $table: &[Code] = &[$($name),*];
    };
}

codes! { OTHERS, "What is no refusal by an issuer, a bank or a limit.":
    400 ALREADY_PROCESSED_PAYMENT "이미 처리된 결제입니다.",
    400 ALREADY_CANCELED_PAYMENT "이미 취소된 결제입니다.",
    400 ALREADY_REFUND_PAYMENT "이미 환불된 결제입니다.",
    400 ALREADY_REFUNDING_PAYMENT "이미 환불이 진행 중인 결제입니다.",
    400 DUPLICATED_ORDER_ID "이미 승인 또는 취소된 주문번호입니다.",
    400 INVALID_API_KEY "잘못된 시크릿키 연동 정보입니다.",
    400 INVALID_AUTHORIZE_AUTH "유효하지 않은 인증 방식입니다.",
    400 INVALID_BANK "유효하지 않은 은행입니다.",
    400 INVALID_IDEMPOTENCY_KEY "멱등키는 300자를 넘을 수 없습니다.",
    400 INVALID_REFUND_ACCOUNT_INFO "환불 계좌 정보가 올바르지 않습니다.",
    400 INVALID_REFUND_ACCOUNT_NUMBER "환불 계좌번호가 올바르지 않습니다.",
    400 INVALID_REFUND_AMOUNT "환불 금액이 올바르지 않습니다.",
    400 INVALID_REQUEST "잘못된 요청입니다.",
    400 INVALID_TEST_CODE "존재하지 않는 테스트 코드입니다.",
    400 INVALID_TRANSACTION_KEY "잘못된 페이징 키입니다.",
    400 INVALID_UNREGISTERED_SUBMALL "등록되지 않은 서브몰입니다.",
    400 NOT_FOUND_TERMINAL_ID "단말기 번호(TID)가 없습니다.",
    400 NOT_MATCHES_CUSTOMER_KEY "고객 키가 일치하지 않습니다.",
    400 NOT_MATCHES_REFUNDABLE_AMOUNT "환불 가능 잔액이 일치하지 않습니다.",
    400 NOT_REGISTERED_BUSINESS "등록되지 않은 사업자입니다.",
    400 PROVIDER_ERROR "일시적인 오류가 발생했습니다. 잠시 후 다시 시도해주세요.",
    400 REFUND_REJECTED "환불이 거절됐습니다.",
    400 UNAPPROVED_ORDER_ID "아직 승인되지 않은 주문번호입니다.",
    401 UNAUTHORIZED_KEY "인증되지 않은 시크릿 키입니다.",
    403 EXCEED_MAX_REFUND_AMOUNT "환불 한도를 초과했습니다.",
    403 EXCEED_MAX_REFUND_DUE "환불 가능 기간이 지났습니다.",
    403 FORBIDDEN_CONSECUTIVE_REQUEST "반복적인 요청은 허용되지 않습니다. 잠시 후 다시 시도해주세요.",
    403 FORBIDDEN_REQUEST "허용되지 않은 요청입니다.",
    403 INCORRECT_BASIC_AUTH_FORMAT "시크릿 키 뒤에 ':'를 붙여 인코딩해주세요.",
    403 NOT_ALLOWED_PARTIAL_REFUND "부분 환불을 할 수 없는 결제입니다.",
    403 NOT_ALLOWED_PARTIAL_REFUND_WAITING_DEPOSIT "입금 대기 중인 결제는 부분 환불을 할 수 없습니다.",
    403 NOT_ALLOWED_REFUND_BANK "환불할 수 없는 은행입니다.",
    403 NOT_CANCELABLE_AMOUNT "취소할 수 없는 금액입니다.",
    403 NOT_CANCELABLE_PAYMENT "취소할 수 없는 결제입니다.",
    403 NOT_SUPPORTED_REFUND "환불을 지원하지 않는 결제입니다.",
    404 NOT_FOUND_PAYMENT "존재하지 않는 결제입니다.",
    404 NOT_FOUND_PAYMENT_SESSION "결제 시간이 만료되어 결제 진행 데이터가 존재하지 않습니다.",
    409 IDEMPOTENT_REQUEST_PROCESSING "이전 멱등 요청이 처리 중입니다.",
    500 COMMON_ERROR "일시적인 오류가 발생했습니다. 잠시 후 다시 시도해주세요.",
    500 FAILED_INTERNAL_SYSTEM_PROCESSING "내부 시스템 처리 작업이 실패했습니다.",
    500 FAILED_METHOD_HANDLING_CANCEL "취소 중 결제 수단 처리에 실패했습니다.",
    500 FAILED_REFUND_PROCESS "환불 처리에 실패했습니다.",
    500 UNKNOWN_PAYMENT_ERROR "결제에 실패했습니다.",
}

codes! { DECLINES, "What an issuer, a bank or a limit says no with; the payment is then ABORTED.":
    400 BELOW_MINIMUM_AMOUNT "최소 결제 금액보다 적습니다.",
    400 CARD_PROCESSING_ERROR "카드사에서 오류가 발생했습니다.",
    400 EXCEEDS_TRANSFER_AMOUNT_MAXIMUM "이체 최대 금액을 초과했습니다.",
    400 EXCEED_MAX_AMOUNT "거래 금액 한도를 초과했습니다.",
    400 EXCEED_MAX_CARD_INSTALLMENT_PLAN "최대 할부 개월 수를 초과했습니다.",
    400 EXCEED_MAX_DAILY_PAYMENT_COUNT "하루 결제 가능 횟수를 초과했습니다.",
    400 EXCEED_MAX_MONTHLY_PAYMENT_AMOUNT "월 결제 한도를 초과했습니다.",
    400 EXCEED_MAX_ONE_DAY_WITHDRAW_AMOUNT "1일 출금 한도를 초과했습니다.",
    400 EXCEED_MAX_ONE_TIME_WITHDRAW_AMOUNT "1회 출금 한도를 초과했습니다.",
    400 EXCEED_MAX_PAYMENT_AMOUNT "하루 결제 가능 금액을 초과했습니다.",
    400 INVALID_ACCOUNT_INFO_RE_REGISTER "유효하지 않은 계좌입니다. 계좌를 다시 등록해주세요.",
    400 INVALID_CARD_EXPIRATION "카드 유효기간이 올바르지 않습니다.",
    400 INVALID_CARD_INSTALLMENT_PLAN "할부 개월 정보가 올바르지 않습니다.",
    400 INVALID_CARD_LOST_OR_STOLEN "분실 또는 도난 신고된 카드입니다.",
    400 INVALID_CARD_NUMBER "카드번호가 올바르지 않습니다.",
    400 INVALID_REJECT_CARD "사용이 거절된 카드입니다.",
    400 INVALID_STOPPED_CARD "정지된 카드입니다.",
    400 MAINTAINED_METHOD "점검 중인 결제 수단입니다.",
    400 NOT_ALLOWED_POINT_USE "포인트를 사용할 수 없는 카드입니다.",
    400 NOT_AVAILABLE_PAYMENT "지금은 결제할 수 없는 시간입니다.",
    400 NOT_SUPPORTED_INSTALLMENT_PLAN_CARD_OR_MERCHANT "할부를 지원하지 않는 카드 또는 가맹점입니다.",
    400 NOT_SUPPORTED_MONTHLY_INSTALLMENT_PLAN "할부를 지원하지 않는 카드입니다.",
    400 RESTRICTED_TRANSFER_ACCOUNT "출금이 제한된 계좌입니다.",
    403 EXCEED_MAX_AUTH_COUNT "최대 인증 횟수를 초과했습니다.",
    403 EXCEED_MAX_ONE_DAY_AMOUNT "일일 한도를 초과했습니다.",
    403 FDS_ERROR "위험 거래로 감지되어 결제가 제한됐습니다.",
    403 INVALID_PASSWORD "결제 비밀번호가 일치하지 않습니다.",
    403 NOT_AVAILABLE_BANK "은행 서비스 시간이 아닙니다.",
    403 REJECT_ACCOUNT_PAYMENT "잔액이 부족하여 결제에 실패했습니다.",
    403 REJECT_CARD_COMPANY "카드사에서 결제를 거절했습니다.",
    403 REJECT_CARD_PAYMENT "한도 초과 또는 잔액 부족으로 결제에 실패했습니다.",
    403 REJECT_TOSSPAY_INVALID_ACCOUNT "선택한 계좌가 유효하지 않습니다.",
    500 FAILED_PAYMENT_INTERNAL_SYSTEM_PROCESSING "결제가 기관 처리 중 실패했습니다.",
}

pub fn find(name: &str) -> Option<Code> {
    OTHERS.iter().chain(DECLINES).copied().find(|code| code.name == name)
}

pub fn decline(name: &str) -> Option<Code> {
    DECLINES.iter().copied().find(|code| code.name == name)
}
