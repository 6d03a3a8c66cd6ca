//! The example of everything that we hold of a user.

use serde_json::{Value, json};

use super::{CODE, GUEST, PARTY, USER, host_order, party};

pub fn export() -> Value {
    json!({
        "exported_at": "2026-12-01T13:00:00.000Z",
        "me": {
            "id": USER, "nickname": "민아", "trust": 51, "created_at": "2026-11-24T12:30:00.000Z",
            "app_account_token": "0b0f3a52-7f4e-4c1b-9a53-7f1f0f3f9f10", "language": "ko",
        },
        "identities": [{"provider": "apple", "subject": "001234.0a1b2c3d", "created_at": "2026-11-24T12:30:00.000Z"}],
        "sessions": [{"created_at": "2026-11-24T12:30:00.000Z"}],
        "devices": [{
            "device_id": "2f1a7c1e-iphone", "platform": "ios",
            "push_token": "740f4707bebcf74f9b7c25d48e3358945f6aa01da5ddb387462c7eaf61bb78ad",
            "registered_at": "2026-12-01T10:30:00.000Z",
        }],
        "preferences": {
            "push": {"party": true, "member": true, "money": true, "reminder": true, "message": true}, "language": "ko",
        },
        "blocked_user_ids": [GUEST],
        "reports": [],
        "invitations": [{
            "code": CODE, "party_id": PARTY, "created_at": "2026-12-01T10:30:00.000Z",
            "expires_at": "2026-12-02T10:30:00.000Z",
        }],
        "trust": [{"kind": "completed", "points": 1, "entered_at": "2026-12-01T12:00:00.000Z"}],
        "location_uses": [{"purpose": "nearby_parties", "acquired_from": "app", "used_at": "2026-12-01T10:00:00.000Z"}],
        "hosted": [{
            "party": party("open"),
            "pickup": {"lat": 37.498_1, "lng": 127.027_6, "label": "강남역 11번 출구", "memo": "편의점 앞 의자"},
        }],
        "orders": [host_order(false)],
        "messages": [],
    })
}
