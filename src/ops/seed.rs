//! Sample parties around real places in Seoul, so that a developer's first search finds something.

use time::Duration;

use crate::app::{App, auth, orders, parties};
use crate::domain::error::{Code, Result};
use crate::domain::id::Id;
use crate::domain::item::Item;
use crate::domain::money::Krw;
use crate::domain::split::{FeeTier, Split};
use crate::domain::terms::{Category, Draft, Pickup, Settlement, Store, TransferAccount};
use crate::domain::user::{Language, User};
use crate::storage::idempotency::Key;

struct Sample {
    host: &'static str,
    title: &'static str,
    store: &'static str,
    category: Category,
    lat: f64,
    lng: f64,
    label: &'static str,
    split: Split,
    settlement: Settlement,
    hours: i64,
}

/// One row a party; the coordinates are of the stations' exits, from the city's open data, rounded to 4 digits.
#[rustfmt::skip]
const SAMPLES: &[Sample] = &[
    Sample { host: "seojun", title: "교촌 같이 시켜요", store: "교촌치킨 역삼점", category: Category::Chicken, lat: 37.4981, lng: 127.0276, label: "강남역 11번 출구", split: Split::Even, settlement: Settlement::Prepaid, hours: 3 },
    Sample { host: "hana", title: "마라탕 2인 모집", store: "탕화쿵푸 강남점", category: Category::Chinese, lat: 37.4996, lng: 127.0282, label: "강남역 12번 출구", split: Split::Proportional, settlement: Settlement::Prepaid, hours: 2 },
    Sample { host: "doyun", title: "피자 라지 한 판 나눠요", store: "도미노피자 서초점", category: Category::Pizza, lat: 37.4934, lng: 127.0142, label: "교대역 1번 출구", split: Split::Even, settlement: Settlement::Transfer, hours: 4 },
    Sample { host: "jiwoo", title: "야식 떡볶이", store: "엽기떡볶이 홍대점", category: Category::Snack, lat: 37.5572, lng: 126.9245, label: "홍대입구역 9번 출구", split: Split::HostFree, settlement: Settlement::Prepaid, hours: 5 },
    Sample { host: "yuna", title: "초밥 배달팁 나눠요", store: "스시로 신촌점", category: Category::Japanese, lat: 37.5552, lng: 126.9368, label: "신촌역 3번 출구", split: Split::Even, settlement: Settlement::Prepaid, hours: 2 },
    Sample { host: "taeyang", title: "햄버거 점심 같이", store: "쉐이크쉑 건대점", category: Category::Burger, lat: 37.5403, lng: 127.0702, label: "건대입구역 2번 출구", split: Split::HostPays, settlement: Settlement::Prepaid, hours: 3 },
    Sample { host: "sora", title: "샤로수길 파스타", store: "파스타공방", category: Category::Western, lat: 37.4812, lng: 126.9527, label: "서울대입구역 2번 출구", split: Split::Even, settlement: Settlement::Transfer, hours: 6 },
    Sample { host: "minho", title: "커피 5잔 넘으면 배달 무료", store: "블루보틀 성수", category: Category::Cafe, lat: 37.5446, lng: 127.0559, label: "성수역 3번 출구", split: Split::Even, settlement: Settlement::Prepaid, hours: 2 },
    Sample { host: "eunji", title: "쌀국수 드실 분", store: "미분당 여의도점", category: Category::Asian, lat: 37.5215, lng: 126.9243, label: "여의도역 5번 출구", split: Split::Even, settlement: Settlement::Prepaid, hours: 2 },
    Sample { host: "jaehyun", title: "잠실 족발 야식", store: "가장맛있는족발 잠실점", category: Category::LateNight, lat: 37.5133, lng: 127.1001, label: "잠실역 8번 출구", split: Split::Proportional, settlement: Settlement::Prepaid, hours: 7 },
    Sample { host: "nari", title: "백반 정식 세 분", store: "종로밥상", category: Category::Korean, lat: 37.5704, lng: 126.9830, label: "종각역 4번 출구", split: Split::Even, settlement: Settlement::Prepaid, hours: 1 },
    Sample { host: "bora", title: "노량진 컵밥 같이", store: "노량진컵밥", category: Category::Other, lat: 37.5142, lng: 126.9424, label: "노량진역 3번 출구", split: Split::Even, settlement: Settlement::Transfer, hours: 3 },
];

/// Who has joined the transfer parties: the one whose token `bin/dev` prints, so that there are orders of his own to try out.
const GUEST: &str = "mina";

/// Opens the sample parties whose hosts have none. Says how many.
pub async fn seed(app: &App) -> Result<usize> {
    let guest = user(app, GUEST).await?;
    let mut opened = 0;
    for sample in SAMPLES {
        let host = user(app, sample.host).await?;
        let name = crate::app::random().to_string();
        let key = Key { route: "seed", key: &name, fingerprint: &[] };
        let party = match parties::open(app, host, draft(app, sample), &key).await {
            Ok(party) => party.room.party.id,
            Err(error) if error.code == Code::AlreadyHosting => continue,
            Err(error) => return Err(error),
        };
        opened += 1;
        if sample.settlement == Settlement::Transfer {
            orders::join(app, guest, party, vec![item("콜라", 2_000)], &key).await?;
        }
    }
    Ok(opened)
}

async fn user(app: &App, handle: &str) -> Result<Id<User>> {
    Ok(auth::sign_in_dev(app, handle, Language::Korean).await?.user.id)
}

fn draft(app: &App, sample: &Sample) -> Draft {
    let transfer = sample.settlement == Settlement::Transfer;
    Draft {
        title: sample.title.into(),
        store: Store { name: sample.store.into(), category: sample.category, link: None },
        pickup: Pickup {
            lat: sample.lat, lng: sample.lng, label: sample.label.into(), memo: Some("편의점 앞".into())
        },
        min_members: 2,
        capacity: 4,
        deadline_at: app.clock.now() + Duration::hours(sample.hours),
        min_order_krw: Krw::new(15_000),
        fee_tiers: vec![
            FeeTier { from_krw: Krw::ZERO, fee_krw: Krw::new(4_000) },
            FeeTier { from_krw: Krw::new(30_000), fee_krw: Krw::new(2_000) },
        ],
        discount_krw: Krw::ZERO,
        split: sample.split,
        settlement: sample.settlement,
        transfer_account: transfer.then(|| TransferAccount {
            bank: "카카오뱅크".into(),
            number: "3333-01-1234567".into(),
            holder: sample.host.into(),
        }),
        auto_lock: false,
        items: vec![item("오늘의 메뉴", 12_000)],
    }
}

fn item(name: &str, price: i64) -> Item {
    Item { name: name.into(), unit_price_krw: Krw::new(price), quantity: 1, memo: None }
}
