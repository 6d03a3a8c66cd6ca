//! The words of pushes, in Korean and English: no names of people, no place, no account, and nothing that was said in the party.

use time::macros::offset;

use super::{Facts, PushKind};
use crate::domain::Time;
use crate::domain::money::Krw;
use crate::domain::party::CancelReason;
use crate::domain::user::Language;

impl PushKind {
    /// The title, which is the party's, and the sentence below.
    pub fn words(self, facts: &Facts, language: Language) -> (String, String) {
        let body = match language {
            Language::Korean => korean(self, facts),
            Language::English => english(self, facts),
        };
        (facts.title.clone(), body)
    }
}

fn korean(kind: PushKind, facts: &Facts) -> String {
    let (members, seats) = facts.seats.unwrap_or_default();
    let at = facts.at.map(clock).unwrap_or_default();
    let back = facts.back_krw.map(|back| format!(" {}은 돌려드려요.", won(back, "원"))).unwrap_or_default();
    match kind {
        PushKind::Joined => format!("새 이웃이 함께해요. 지금 {members}/{seats}명이에요."),
        PushKind::Left => format!("한 명이 나갔어요. 지금 {members}/{seats}명이에요."),
        PushKind::ToPlace => format!("모집이 끝났어요. {at}까지 가게에 주문해 주세요."),
        PushKind::PlacementDue => format!("아직 주문 전이에요. {at}까지 주문하지 않으면 취소돼요."),
        PushKind::TransferSent => "참여자가 송금했대요. 들어왔는지 확인해 주세요.".to_owned(),
        PushKind::DisputeOpened => "받은 음식에 문제가 있다는 신고가 들어왔어요.".to_owned(),
        PushKind::PayoutPaid => match facts.back_krw {
            Some(paid) => format!("정산금 {}을 보내드렸어요.", won(paid, "원")),
            None => "정산금을 보내드렸어요.".to_owned(),
        },
        PushKind::SeatGone => "결제 시간이 지나 자리가 취소됐어요.".to_owned(),
        PushKind::Kicked => format!("방장이 내보냈어요.{back}"),
        PushKind::Locked => match facts.owed_krw {
            Some(owed) if facts.is_transfer => {
                format!("모집이 끝났어요. 방장에게 {}을 보내주세요.", won(owed, "원"))
            }
            Some(owed) => format!("모집이 끝났어요. 내 몫은 {}이에요.{back}", won(owed, "원")),
            None => "모집이 끝났어요.".to_owned(),
        },
        PushKind::Placed => format!("주문이 들어갔어요. {at}쯤 도착해요."),
        PushKind::Arrived => format!("음식이 도착했어요. {at}까지 가져가세요."),
        PushKind::Cancelled => {
            let why = match facts.reason {
                Some(CancelReason::Host) => "방장이 파티를 취소했어요.",
                Some(CancelReason::DeadlineUnmet) => "조건이 채워지지 않아 파티가 취소됐어요.",
                Some(CancelReason::PlacementTimeout) => "주문이 제때 들어가지 않아 파티가 취소됐어요.",
                Some(CancelReason::Store) => "가게 사정으로 주문이 취소됐어요.",
                Some(CancelReason::Operator) | None => "파티가 취소됐어요.",
            };
            format!("{why}{back}")
        }
        PushKind::Message => "새 메시지가 있어요.".to_owned(),
        PushKind::NoShow => "음식을 찾아가지 않은 것으로 표시됐어요.".to_owned(),
        PushKind::TransferReceived => "방장이 송금을 확인했어요.".to_owned(),
        PushKind::TransferDisputed => "방장이 송금을 받지 못했대요. 확인해 주세요.".to_owned(),
        PushKind::TransferUnpaid => "송금하지 않은 것으로 결정됐어요.".to_owned(),
        PushKind::DisputeDecided => format!("신고가 처리됐어요.{back}"),
        PushKind::DeadlineNear => format!("{at}에 모집이 끝나요. 지금 {members}/{seats}명이에요."),
        PushKind::UnpaidSeat => format!("{at}까지 결제하지 않으면 자리가 사라져요."),
        PushKind::PickUp => format!("음식이 기다려요. {at}까지 가져가세요."),
    }
}

fn english(kind: PushKind, facts: &Facts) -> String {
    let (members, seats) = facts.seats.unwrap_or_default();
    let at = facts.at.map(clock).unwrap_or_default();
    let back = facts.back_krw.map(|back| format!(" You get {} back.", won(back, " won"))).unwrap_or_default();
    match kind {
        PushKind::Joined => format!("A neighbour has joined: {members} of {seats} are in."),
        PushKind::Left => format!("Somebody has left: {members} of {seats} are in."),
        PushKind::ToPlace => format!("Your party is locked. Order at the store by {at}."),
        PushKind::PlacementDue => format!("Not ordered yet. The party is cancelled if you do not order by {at}."),
        PushKind::TransferSent => "A guest says that the money is sent. Is it there?".to_owned(),
        PushKind::DisputeOpened => "A guest complains about the food.".to_owned(),
        PushKind::PayoutPaid => match facts.back_krw {
            Some(paid) => format!("{} were paid out to you.", won(paid, " won")),
            None => "Your money was paid out.".to_owned(),
        },
        PushKind::SeatGone => "Your seat is gone: it was not paid in time.".to_owned(),
        PushKind::Kicked => format!("The host has taken you out.{back}"),
        PushKind::Locked => match facts.owed_krw {
            Some(owed) if facts.is_transfer => {
                format!("The party is locked. Send {} to the host.", won(owed, " won"))
            }
            Some(owed) => format!("The party is locked. Your share is {}.{back}", won(owed, " won")),
            None => "The party is locked.".to_owned(),
        },
        PushKind::Placed => format!("The food is ordered and comes at about {at}."),
        PushKind::Arrived => format!("The food is here. Pick it up by {at}."),
        PushKind::Cancelled => {
            let why = match facts.reason {
                Some(CancelReason::Host) => "The host has cancelled the party.",
                Some(CancelReason::DeadlineUnmet) => "The party is cancelled: too few came together.",
                Some(CancelReason::PlacementTimeout) => "The party is cancelled: it was not ordered in time.",
                Some(CancelReason::Store) => "The store has cancelled the order.",
                Some(CancelReason::Operator) | None => "The party is cancelled.",
            };
            format!("{why}{back}")
        }
        PushKind::Message => "There is a new message.".to_owned(),
        PushKind::NoShow => "You were marked as not having picked up your food.".to_owned(),
        PushKind::TransferReceived => "The host has received your money.".to_owned(),
        PushKind::TransferDisputed => "The host says that your money has not come. Please check.".to_owned(),
        PushKind::TransferUnpaid => "It was decided that your share was not sent.".to_owned(),
        PushKind::DisputeDecided => format!("Your complaint is decided.{back}"),
        PushKind::DeadlineNear => format!("Your party closes at {at}: {members} of {seats} are in."),
        PushKind::UnpaidSeat => format!("Pay by {at}, or your seat is gone."),
        PushKind::PickUp => format!("Your food is waiting. Pick it up by {at}."),
    }
}

/// `19:05` in Seoul.
fn clock(at: Time) -> String {
    let local = at.to_offset(offset!(+9));
    format!("{:02}:{:02}", local.hour(), local.minute())
}

/// `12,300원`.
fn won(amount: Krw, unit: &str) -> String {
    let digits = amount.get().unsigned_abs().to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}{unit}")
}
