//! What people, the clock and the provider do in a random history. Numbers pick among what there is at that moment.

use proptest::prelude::*;

use super::provider::Fate;
use crate::domain::party::CancelReason;

#[derive(Clone, Debug)]
pub enum Act {
    Join {
        user: u8,
        won: i64,
        blocked: bool,
    },
    Begin {
        payment: u8,
        fate: Fate,
    },
    Resolve {
        payment: u8,
        how: u8,
    },
    Change {
        order: u8,
        won: i64,
    },
    Leave(u8),
    Kick(u8),
    Edit(u8),
    Lock,
    Place {
        percent: i64,
        eta: Option<i64>,
    },
    Arrive {
        order: u8,
    },
    PickUp {
        order: u8,
        by_host: bool,
    },
    NoShow(u8),
    Cancel(CancelReason),
    Transfer {
        order: u8,
        word: u8,
    },
    Dispute(u8),
    Decide {
        order: u8,
        percent: i64,
    },
    Complete,
    PayOut(u8),
    SendRefund(u8),
    AnswerRefund {
        refund: u8,
        how: u8,
    },
    /// Whatever a party that goes well needs next.
    Onward(u8),
    Wait(i64),
    WaitUntilDue,
    Tick,
    Foreign {
        payment: u8,
        percent: i64,
    },
}

/// The newest of the things that a number picks among.
pub const NEWEST: u8 = u8::MAX;

/// Half of them wander; the others go the way of a party step by step, with accidents.
pub fn history() -> impl Strategy<Value = Vec<Act>> {
    let wandering = prop::collection::vec(step(), 1..50).prop_map(flat);
    prop_oneof![1 => wandering, 2 => along_the_way()]
}

fn flat(steps: Vec<Vec<Act>>) -> Vec<Act> {
    steps.into_iter().flatten().collect()
}

fn along_the_way() -> impl Strategy<Value = Vec<Act>> {
    let calm = |most| prop::collection::vec(calm_step(), 0..most).prop_map(flat);
    let open = prop::collection::vec(prop_oneof![3 => sure_seat(), 2 => accident(), 2 => calm_step()], 1..12);
    let place = (50_i64..130, Just(None)).prop_map(|(percent, eta)| vec![Act::Place { percent, eta }]);
    let waits = (0_i64..2400).prop_map(|seconds| vec![Act::Wait(seconds)]);
    let onward = || any::<u8>().prop_map(|number| vec![Act::Onward(number)]);
    let after = prop::collection::vec(
        prop_oneof![
            4 => onward(),
            3 => any::<u8>().prop_map(|order| vec![Act::Dispute(order)]),
            2 => any::<u8>().prop_map(|order| vec![Act::NoShow(order)]),
            2 => money().prop_map(|act| vec![act]),
            2 => calm_step(),
            1 => Just(vec![Act::WaitUntilDue, Act::Tick]),
            1 => Just(vec![Act::Tick]),
            1 => step(),
            1 => Just(vec![Act::Cancel(CancelReason::Operator)]),
        ],
        0..30,
    );
    let arrived = (onward(), onward(), onward(), waits).prop_map(|(a, b, c, d)| flat(vec![a, b, c, d]));
    (open.prop_map(flat), onward(), calm(4), place, calm(4), arrived, after.prop_map(flat))
        .prop_map(|(a, b, c, d, e, f, g)| flat(vec![a, b, c, d, e, f, g]))
}

fn sure_seat() -> impl Strategy<Value = Vec<Act>> {
    (0_u8..22, won()).prop_map(|(user, won)| seat(user, won))
}

/// Answers that come late or never, and what happens before they do.
fn accident() -> impl Strategy<Value = Vec<Act>> {
    let fate = || prop::sample::select(vec![Fate::Captured, Fate::Captured, Fate::Refused, Fate::Nothing]);
    let hanging = (0_u8..22, won(), fate()).prop_map(|(user, won, fate)| {
        vec![Act::Join { user, won, blocked: false }, Act::Begin { payment: NEWEST, fate }]
    });
    let top_up = (any::<u8>(), 20_000_i64..60_000, fate(), any::<u8>()).prop_map(|(order, won, fate, how)| {
        vec![Act::Change { order, won }, Act::Begin { payment: NEWEST, fate }, Act::Resolve { payment: NEWEST, how }]
    });
    prop_oneof![hanging, top_up, Just(vec![Act::Leave(NEWEST)]), Just(vec![Act::Resolve { payment: NEWEST, how: 0 }])]
}

fn calm_step() -> impl Strategy<Value = Vec<Act>> {
    prop_oneof![
        payment().prop_map(|act| vec![act]),
        seats().prop_map(|act| vec![act]),
        money().prop_map(|act| vec![act]),
        (1_i64..60).prop_map(|seconds| vec![Act::Wait(seconds)]),
        Just(vec![Act::Tick]),
        any::<(u8, u8)>().prop_map(|(order, word)| vec![Act::Transfer { order, word }]),
    ]
}

pub fn foreign() -> impl Strategy<Value = Act> {
    (any::<u8>(), 1_i64..=100).prop_map(|(payment, percent)| Act::Foreign { payment, percent })
}

fn step() -> impl Strategy<Value = Vec<Act>> {
    prop_oneof![
        6 => sure_seat(),
        8 => any::<u8>().prop_map(|order| vec![Act::Onward(order)]),
        6 => payment().prop_map(|act| vec![act]),
        4 => seats().prop_map(|act| vec![act]),
        4 => course().prop_map(|act| vec![act]),
        4 => money().prop_map(|act| vec![act]),
        6 => time().prop_map(|act| vec![act]),
    ]
}

fn seat(user: u8, won: i64) -> Vec<Act> {
    vec![
        Act::Join { user, won, blocked: false },
        Act::Begin { payment: NEWEST, fate: Fate::Captured },
        Act::Resolve { payment: NEWEST, how: 0 },
    ]
}

fn won() -> impl Strategy<Value = i64> {
    prop_oneof![1 => 1_i64..400, 6 => 1_000_i64..30_000]
}

fn payment() -> impl Strategy<Value = Act> {
    let fate = prop::sample::select(vec![Fate::Captured, Fate::Captured, Fate::Refused, Fate::Nothing]);
    prop_oneof![
        2 => (0_u8..22, won(), prop::bool::weighted(0.1))
            .prop_map(|(user, won, blocked)| Act::Join { user, won, blocked }),
        3 => (any::<u8>(), fate).prop_map(|(payment, fate)| Act::Begin { payment, fate }),
        3 => any::<(u8, u8)>().prop_map(|(payment, how)| Act::Resolve { payment, how }),
    ]
}

fn seats() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (any::<u8>(), won()).prop_map(|(order, won)| Act::Change { order, won }),
        1 => any::<u8>().prop_map(Act::Leave),
        1 => any::<u8>().prop_map(Act::Kick),
        2 => any::<u8>().prop_map(Act::Edit),
    ]
}

fn course() -> impl Strategy<Value = Act> {
    let eta = prop::option::of(-10_i64..200);
    prop_oneof![
        Just(Act::Lock),
        (0_i64..150, eta).prop_map(|(percent, eta)| Act::Place { percent, eta }),
        any::<u8>().prop_map(|order| Act::Arrive { order }),
        any::<(u8, bool)>().prop_map(|(order, by_host)| Act::PickUp { order, by_host }),
        any::<u8>().prop_map(Act::NoShow),
        prop::sample::select(vec![CancelReason::Host, CancelReason::Store, CancelReason::Operator])
            .prop_map(Act::Cancel),
        any::<(u8, u8)>().prop_map(|(order, word)| Act::Transfer { order, word }),
        Just(Act::Complete),
    ]
}

fn money() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => any::<u8>().prop_map(Act::Dispute),
        2 => (any::<u8>(), 0_i64..=110).prop_map(|(order, percent)| Act::Decide { order, percent }),
        1 => any::<u8>().prop_map(Act::PayOut),
        3 => any::<u8>().prop_map(Act::SendRefund),
        3 => any::<(u8, u8)>().prop_map(|(refund, how)| Act::AnswerRefund { refund, how }),
    ]
}

fn time() -> impl Strategy<Value = Act> {
    prop_oneof![
        2 => (1_i64..90).prop_map(Act::Wait),
        1 => (90_i64..3600).prop_map(Act::Wait),
        1 => (3600_i64..100_000).prop_map(Act::Wait),
        3 => Just(Act::WaitUntilDue),
        3 => Just(Act::Tick),
    ]
}
