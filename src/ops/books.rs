//! The comparison of the provider's books with ours, by hand.

use std::process::ExitCode;

use time::Date;
use time::macros::format_description;

use crate::app::books::{self, Compared};
use crate::domain::books::{Difference, What, last_over};
use crate::ops::{complain, print, with_app};

/// `nbbang books`: exits 1 when something differs.
pub async fn compare(day: Option<String>) -> ExitCode {
    let day = match day.map(|text| Date::parse(&text, format_description!("[year]-[month]-[day]")).map_err(|_| text)) {
        None => None,
        Some(Ok(day)) => Some(day),
        Some(Err(text)) => return complain(&[format!("{text} is no day: write it like 2026-11-24.")]),
    };
    with_app(|app| async move {
        let last = last_over(app.clock.now());
        let day = day.unwrap_or(last);
        if day > last {
            return Err(format!("{day} is not surely over in Seoul; the last day that is was {last}."));
        }
        let found = books::compare(&app, day).await;
        let found = found.map_err(|error| format!("{day} could not be compared: {error}. Try again later."))?;
        print(&told(&found));
        match found.differences.len() {
            0 => Ok(Vec::new()),
            1 => Err("1 difference; docs/OPERATIONS.md says what to do.".to_owned()),
            count => Err(format!("{count} differences; docs/OPERATIONS.md says what to do.")),
        }
    })
    .await
}

/// `nbbang books accept`
pub async fn accept(id: i64, note: String) -> ExitCode {
    with_app(|app| async move {
        books::accept(&app, id, &note).await.map_err(|_| format!("There is no open difference {id}."))?;
        Ok(vec!["The difference is accepted as it is.".to_owned()])
    })
    .await
}

/// `nbbang books open`
pub async fn open() -> ExitCode {
    with_app(|app| async move {
        let open = books::open(&app).await.map_err(|error| error.to_string())?;
        let line = |open: books::Open| {
            format!(
                "{} of {}: {} order {} {}: {} KRW by the ledger, {} KRW by the provider",
                open.id,
                open.day,
                open.what,
                open.provider_order_id,
                open.transaction_key,
                open.ours_krw,
                open.theirs_krw
            )
        };
        let lines: Vec<String> = open.into_iter().map(line).collect();
        Ok(if lines.is_empty() { vec!["No difference is open.".to_owned()] } else { lines })
    })
    .await
}

fn told(found: &Compared) -> Vec<String> {
    let Compared { day, orders, waiting, differences } = found;
    let mut lines = vec![format!("{day}: {orders} orders moved money.")];
    if *waiting > 0 {
        lines.push(format!("{waiting} of them are under way and will be compared when they are final."));
    }
    lines.extend(differences.iter().map(|(order, difference)| sentence(order, difference)));
    if differences.is_empty() {
        lines.push("The provider's books and the ledger agree.".to_owned());
    }
    lines
}

fn sentence(order: &str, difference: &Difference) -> String {
    let Difference { what, transaction_key, ours_krw, theirs_krw } = difference;
    match what {
        What::CaptureUnknown => {
            format!("Order {order}: the provider holds {theirs_krw} KRW that the ledger does not know.")
        }
        What::CaptureMissing => {
            format!("Order {order}: the ledger has a capture of {ours_krw} KRW that the provider has not made.")
        }
        What::CaptureAmount => {
            format!("Order {order}: the ledger has a capture of {ours_krw} KRW, the provider one of {theirs_krw} KRW.")
        }
        What::RefundUnknown => format!(
            "Order {order}: the provider has given back {theirs_krw} KRW ({transaction_key}) that the ledger does not know."
        ),
        What::RefundMissing => format!(
            "Order {order}: the ledger has a refund of {ours_krw} KRW ({transaction_key}) that the provider has not made."
        ),
        What::RefundAmount => format!(
            "Order {order}: refund {transaction_key} is {ours_krw} KRW by the ledger and {theirs_krw} KRW by the provider."
        ),
    }
}
