//! What the pages say, in Korean and in English, and how they write amounts, seats and times.

use time::macros::offset;

use crate::domain::Time;
use crate::domain::error::Code;
use crate::domain::money::Krw;
use crate::domain::split::Split;
use crate::domain::terms::{Category, Settlement};
use crate::domain::user::Language;

/// What does not depend on the party.
pub struct Words {
    pub lang: &'static str,
    pub locale: &'static str,
    pub site: &'static str,
    pub hello: &'static str,
    /// Over what one pays oneself, and over what all share.
    pub own_fee: &'static str,
    pub shared_fee: &'static str,
    pub alone: &'static str,
    pub party: &'static str,
    pub seats: &'static str,
    pub deadline: &'static str,
    pub area: &'static str,
    pub paying: &'static str,
    pub code: &'static str,
    pub discreet: &'static str,
    pub app: &'static str,
    pub open: &'static str,
}

const KOREAN: Words = Words {
    lang: "ko",
    locale: "ko_KR",
    site: "N빵",
    hello: "배달, 같이 시킬래요?",
    own_fee: "내가 낼 배달비",
    shared_fee: "함께 나눌 배달비",
    alone: "혼자 시키면",
    party: "파티",
    seats: "남은 자리",
    deadline: "마감",
    area: "동네",
    paying: "결제",
    code: "초대 코드",
    discreet: "정확한 만남 장소는 참여한 사람에게만 보여요.",
    app: "앱",
    open: "앱에서 함께하기",
};

const ENGLISH: Words = Words {
    lang: "en",
    locale: "en_US",
    site: "N-bbang",
    hello: "Share a delivery?",
    own_fee: "Your share of the delivery fee",
    shared_fee: "Delivery fee to share",
    alone: "Ordering alone:",
    party: "The party",
    seats: "Seats left",
    deadline: "Join by",
    area: "Near",
    paying: "Payment",
    code: "Invitation code",
    discreet: "Only those who join see exactly where to meet.",
    app: "The app",
    open: "Join in the app",
};

pub const fn of(language: Language) -> &'static Words {
    match language {
        Language::Korean => &KOREAN,
        Language::English => &ENGLISH,
    }
}

/// `4,000원`, `₩4,000`.
pub fn won(amount: Krw, language: Language) -> String {
    let digits = amount.get().to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match language {
        Language::Korean => format!("{grouped}원"),
        Language::English => format!("₩{grouped}"),
    }
}

pub fn seats_left(count: i16, language: Language) -> String {
    match (language, count) {
        (Language::Korean, ..=0) => "자리가 모두 찼어요".to_owned(),
        (Language::Korean, _) => format!("{count}자리 남았어요"),
        (Language::English, ..=0) => "No seat left".to_owned(),
        (Language::English, 1) => "1 seat left".to_owned(),
        (Language::English, _) => format!("{count} seats left"),
    }
}

/// The same beside the word for it.
pub fn seats(count: i16, language: Language) -> String {
    match (language, count) {
        (_, ..=0) => seats_left(count, language),
        (Language::Korean, _) => format!("{count}자리"),
        (Language::English, _) => count.to_string(),
    }
}

/// Until when one can join.
pub fn until(deadline: &str, language: Language) -> String {
    match language {
        Language::Korean => format!("{deadline} 마감"),
        Language::English => format!("join by {deadline}"),
    }
}

/// A moment by the clocks of Seoul.
pub fn deadline(at: Time, now: Time, language: Language) -> String {
    let (at, now) = (at.to_offset(offset!(+9)), now.to_offset(offset!(+9)));
    let (hour, minute) = (at.hour(), at.minute());
    let (is_morning, hour) = (hour < 12, (hour + 11) % 12 + 1);
    let days = (at.date() - now.date()).whole_days();
    match language {
        Language::Korean => {
            let day = match days {
                0 => "오늘".to_owned(),
                1 => "내일".to_owned(),
                _ => format!("{}월 {}일", u8::from(at.month()), at.day()),
            };
            format!("{day} {} {hour}:{minute:02}", if is_morning { "오전" } else { "오후" })
        }
        Language::English => {
            let day = match days {
                0 => "today".to_owned(),
                1 => "tomorrow".to_owned(),
                _ => format!("{} {}", at.month(), at.day()),
            };
            format!("{hour}:{minute:02} {} {day} (KST)", if is_morning { "AM" } else { "PM" })
        }
    }
}

/// What of the delivery fee a guest who comes now would pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fee {
    pub split: Split,
    /// Of one who orders alone.
    pub alone: Krw,
    /// Of the party as it is.
    pub whole: Krw,
    /// None where it goes by the price of his food.
    pub own: Option<Krw>,
    /// What it will not exceed.
    pub cap: Krw,
}

impl Fee {
    /// The sum to show; where one's own is not known, that which is shared.
    pub fn shown(&self) -> Krw {
        self.own.unwrap_or(self.whole)
    }

    pub fn saved(&self) -> Option<Krw> {
        let saved = self.alone.get() - self.own?.get();
        (saved > 0).then(|| Krw::new(saved))
    }

    /// Beside the sum.
    pub fn badge(&self, language: Language) -> Option<String> {
        let saved = won(self.saved()?, language);
        Some(match language {
            Language::Korean => format!("{saved} 아껴요"),
            Language::English => format!("save {saved}"),
        })
    }

    /// In a few words.
    pub fn summary(&self, language: Language) -> String {
        let korean = language == Language::Korean;
        match (self.saved(), self.own) {
            (Some(saved), _) if korean => format!("배달비 {} 아껴요", won(saved, language)),
            (Some(saved), _) => format!("save {} on delivery", won(saved, language)),
            (None, None) if korean => format!("배달비 {} 나눠 내요", won(self.whole, language)),
            (None, None) => format!("share {} of delivery", won(self.whole, language)),
            (None, Some(Krw::ZERO)) if korean => "배달비 없어요".to_owned(),
            (None, Some(Krw::ZERO)) => "no delivery fee".to_owned(),
            (None, Some(own)) if korean => format!("배달비 {}", won(own, language)),
            (None, Some(own)) => format!("{} for delivery", won(own, language)),
        }
    }

    pub fn note(&self, language: Language) -> String {
        let cap = won(self.cap, language);
        let [korean, english] = match (self.split, self.own) {
            _ if self.alone == Krw::ZERO => {
                ["이 가게는 배달비가 없어요.".to_owned(), "This store delivers free of charge.".to_owned()]
            }
            (Split::HostPays, _) => ["배달비는 방장이 내요.".to_owned(), "The host pays for the delivery.".to_owned()],
            (Split::Proportional, _) | (_, None) => [
                "음식값에 비례해서 다 함께 나눠 내요.".to_owned(),
                "Everybody shares it by the price of his food.".to_owned(),
            ],
            (_, Some(own)) if own < self.cap => [
                format!("지금 들어오면 이만큼이고, 많아도 {cap}을 넘지 않아요."),
                format!("This much as things stand, and never more than {cap}."),
            ],
            _ => [
                "이보다 더 내는 일은 없고, 사람이 늘면 더 줄어들어요.".to_owned(),
                "Never more than this, and less when more people join.".to_owned(),
            ],
        };
        if language == Language::Korean { korean } else { english }
    }
}

pub const fn paying(settlement: Settlement, language: Language) -> &'static str {
    match (settlement, language) {
        (Settlement::Prepaid, Language::Korean) => "앱에서 미리, 차액은 환불",
        (Settlement::Prepaid, Language::English) => "in the app, beforehand",
        (Settlement::Transfer, Language::Korean) => "방장에게 송금",
        (Settlement::Transfer, Language::English) => "by transfer to the host",
    }
}

pub fn near(area: &str, language: Language) -> String {
    match language {
        Language::Korean => format!("{area} 근처"),
        Language::English => area.to_owned(),
    }
}

pub const fn category(category: Category, language: Language) -> &'static str {
    let [korean, english] = match category {
        Category::Korean => ["한식", "Korean"],
        Category::Chinese => ["중식", "Chinese"],
        Category::Japanese => ["일식", "Japanese"],
        Category::Western => ["양식", "Western"],
        Category::Chicken => ["치킨", "Chicken"],
        Category::Pizza => ["피자", "Pizza"],
        Category::Burger => ["버거", "Burgers"],
        Category::Snack => ["분식", "Snacks"],
        Category::Cafe => ["카페", "Café"],
        Category::Asian => ["아시안", "Asian"],
        Category::LateNight => ["야식", "Late night"],
        Category::Other => ["맛집", "Food"],
    };
    match language {
        Language::Korean => korean,
        Language::English => english,
    }
}

/// What is said instead of the page: a heading, and what to do.
pub const fn sorry(code: Code, language: Language) -> [&'static str; 2] {
    let (korean, english) = match code {
        Code::InvitationOver => (
            ["이 초대는 끝났어요", "마감되었거나 취소된 초대예요. 앱에서 가까운 파티를 찾아보세요."],
            [
                "This invitation is over",
                "The party has closed, or the invitation was taken back. Look for others in the app.",
            ],
        ),
        Code::NotFound => (
            ["초대를 찾을 수 없어요", "주소가 맞는지 확인하거나, 초대한 사람에게 다시 물어보세요."],
            ["There is no such invitation", "Check the address, or ask whoever invited you."],
        ),
        Code::TooManyRequests => (
            ["잠시만요", "요청이 너무 잦아요. 잠시 후 다시 열어 주세요."],
            ["One moment", "Too many requests. Open this page again in a moment."],
        ),
        _ => (
            ["지금은 열 수 없어요", "잠시 후 다시 열어 주세요."],
            ["This cannot be opened now", "Try again in a moment."],
        ),
    };
    match language {
        Language::Korean => korean,
        Language::English => english,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn amounts_are_grouped() {
        for (amount, korean) in [(0, "0원"), (333, "333원"), (1_333, "1,333원"), (100_000, "100,000원")] {
            assert_eq!(won(Krw::new(amount), Language::Korean), korean);
        }
        assert_eq!(won(Krw::new(1_234_567), Language::English), "₩1,234,567");
    }

    #[test]
    fn times_are_those_of_seoul() {
        let now = datetime!(2026-12-01 14:00 UTC);
        for (at, korean, english) in [
            (datetime!(2026-12-01 14:30 UTC), "오늘 오후 11:30", "11:30 PM today (KST)"),
            (datetime!(2026-12-01 15:05 UTC), "내일 오전 12:05", "12:05 AM tomorrow (KST)"),
            (datetime!(2026-12-02 03:00 UTC), "내일 오후 12:00", "12:00 PM tomorrow (KST)"),
            (datetime!(2026-12-02 15:00 UTC), "12월 3일 오전 12:00", "12:00 AM December 3 (KST)"),
        ] {
            assert_eq!(deadline(at, now, Language::Korean), korean);
            assert_eq!(deadline(at, now, Language::English), english);
        }
    }

    #[test]
    fn what_one_saves_is_said_where_it_is_known() {
        let fee = |split, own: Option<i64>| Fee {
            split,
            alone: Krw::new(4_000),
            whole: Krw::new(3_000),
            own: own.map(Krw::new),
            cap: Krw::new(2_000),
        };
        for (fee, summary, note) in [
            (fee(Split::Even, Some(1_000)), "배달비 3,000원 아껴요", "많아도 2,000원을"),
            (fee(Split::HostFree, Some(2_000)), "배달비 2,000원 아껴요", "더 내는 일은 없고"),
            (fee(Split::HostPays, Some(0)), "배달비 4,000원 아껴요", "방장이"),
            (fee(Split::Proportional, None), "배달비 3,000원 나눠 내요", "비례해서"),
            (fee(Split::Even, Some(4_000)), "배달비 4,000원", "더 내는 일은 없고"),
            (Fee { alone: Krw::ZERO, ..fee(Split::Even, Some(0)) }, "배달비 없어요", "배달비가 없어요"),
        ] {
            assert_eq!(fee.summary(Language::Korean), summary);
            assert!(fee.note(Language::Korean).contains(note), "{fee:?}");
        }
    }
}
