//! Toss for people: the payment window (`/toss/pay`) and the list of payments (`/toss/`).

use serde_json::json;

use super::codes;
use super::control::Wanted;
use super::payment::{Method, Payment};
use crate::http::{Request, Response};
use crate::page::{escaped, page, won};
use crate::{World, lock};

pub fn answer(world: &World, request: &Request, path: &[&str]) -> Response {
    match (request.method.as_str(), path) {
        ("GET", []) => Response::empty(308).with("Location", "/toss/"),
        ("GET", [""]) => payments(world),
        ("GET", ["pay"]) => window(&Order::read(|name| request.param(name)), None),
        ("POST", ["pay"]) => decide(world, request),
        ("GET", ["pay", payment_key]) => outcome(world, payment_key),
        _ => Response::message(404, "Nothing is here; GET / says what is."),
    }
}

/// What the window was opened for.
struct Order {
    id: String,
    amount_krw: Option<i64>,
    name: Option<String>,
    success_url: Option<String>,
}

impl Order {
    fn read(field: impl Fn(&str) -> Option<String>) -> Self {
        Self {
            id: field("provider_order_id").unwrap_or_default(),
            amount_krw: field("amount_krw").and_then(|amount| amount.parse().ok()),
            name: field("order_name").filter(|name| !name.is_empty()),
            success_url: field("success_url").filter(|url| !url.is_empty()),
        }
    }
}

fn window(order: &Order, problem: Option<&str>) -> Response {
    let Some(amount_krw) = order.amount_krw.filter(|_| !order.id.is_empty()) else {
        let body = "<p>This page wants <code>?provider_order_id=…&amp;amount_krw=…</code>, and takes <code>order_name</code> \
                    and <code>success_url</code>. Take them from a payment of nbbang's.</p>";
        return page(422, "Nothing to pay", body);
    };
    let methods = Method::ALL.map(|(method, word, korean)| {
        let checked = if method == Method::Card { " checked" } else { "" };
        let english = word.replace('_', " ");
        format!(
            "<label><input type=\"radio\" name=\"method\" value=\"{word}\"{checked}> {korean} ({english})</label>\n"
        )
    });
    let declines = codes::DECLINES.iter().map(|code| {
        let selected = if code.name == "REJECT_CARD_PAYMENT" { " selected" } else { "" };
        format!("<option value=\"{0}\"{selected}>{0}: {1}</option>\n", code.name, code.message)
    });
    let problem = problem.map(|sentence| format!("<p role=\"alert\">{}</p>\n", escaped(sentence))).unwrap_or_default();
    let hidden =
        |name: &str, value: &str| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escaped(value));
    let body = format!(
        "{problem}<p>{name}<br>Order <code>{order_id}</code></p>\n<p class=\"amount\">{amount}</p>\n\
         <form method=\"post\" action=\"/toss/pay\">\n{hidden}<fieldset><legend>Pay with</legend>\n{methods}</fieldset>\n\
         <p><button class=\"yes\" name=\"choice\" value=\"approve\">Approve</button></p>\n\
         <fieldset><legend>Or let it fail</legend>\n<label for=\"decline\">Reason for the decline</label>\n\
         <select id=\"decline\" name=\"decline\">\n{declines}</select>\n\
         <p><button name=\"choice\" value=\"decline\">Decline</button></p></fieldset>\n</form>\n\
         <p>Simulated: no money moves.</p>",
        name = escaped(order.name.as_deref().unwrap_or("An order")),
        order_id = escaped(&order.id),
        amount = won(amount_krw),
        methods = methods.concat(),
        declines = declines.collect::<Vec<_>>().concat(),
        hidden = [
            hidden("provider_order_id", &order.id),
            hidden("amount_krw", &amount_krw.to_string()),
            hidden("order_name", order.name.as_deref().unwrap_or_default()),
            hidden("success_url", order.success_url.as_deref().unwrap_or_default()),
        ]
        .concat(),
    );
    page(if problem.is_empty() { 200 } else { 422 }, "Payment window", &body)
}

fn decide(world: &World, request: &Request) -> Response {
    let order = Order::read(|name| request.form(name));
    let decline = match request.form("choice").as_deref() {
        Some("approve") => None,
        Some("decline") => request.form("decline"),
        _ => return window(&order, Some("Choose Approve or Decline.")),
    };
    let Some(amount_krw) = order.amount_krw else { return window(&order, None) };
    let wanted = Wanted {
        provider_order_id: order.id.clone(),
        amount_krw,
        method: request.form("method"),
        decline,
        order_name: order.name.clone(),
    };
    let home = match order.success_url.as_deref().map(reqwest::Url::parse).transpose() {
        Ok(home) => home,
        Err(e) => return window(&order, Some(&format!("The success_url is no URL: {e}."))),
    };
    let payment_key = match wanted.authorize(world) {
        Ok(payment_key) => payment_key,
        Err(sentence) => return window(&order, Some(&sentence)),
    };
    let location = match home {
        None => format!("/toss/pay/{payment_key}"),
        Some(mut home) => {
            home.query_pairs_mut()
                .append_pair("paymentType", "NORMAL")
                .append_pair("orderId", &wanted.provider_order_id)
                .append_pair("paymentKey", &payment_key)
                .append_pair("amount", &amount_krw.to_string());
            home.to_string()
        }
    };
    Response::empty(303).with("Location", location)
}

fn outcome(world: &World, payment_key: &str) -> Response {
    let books = lock(&world.toss.books);
    let Some(payment) = books.by_key(payment_key) else {
        return page(
            404,
            "No such payment",
            "<p>A restart forgets all payments. <a href=\"/toss/\">All payments</a></p>",
        );
    };
    let confirmation = json!({ "payment_key": payment_key, "amount_krw": payment.amount_krw });
    let decline = payment
        .decline
        .map(|code| format!("<p>The confirmation will be declined with <code>{}</code>.</p>\n", code.name));
    let body = format!(
        "<p>The customer is done; {amount} for order <code>{order_id}</code> wait for nbbang's confirmation, for ten minutes.</p>\n\
         {decline}<p>Payment key: <code>{payment_key}</code></p>\n<h2>Body of the confirmation</h2>\n<pre>{confirmation}</pre>\n\
         <p>State now: <strong>{state}</strong>. <a href=\"/toss/\">All payments</a></p>",
        amount = won(payment.amount_krw),
        order_id = escaped(&payment.order_id),
        decline = decline.unwrap_or_default(),
        payment_key = escaped(payment_key),
        confirmation = escaped(&confirmation.to_string()),
        state = payment.status_at(world.clock.now()).word(),
    );
    page(200, "Approved in the window", &body)
}

fn payments(world: &World) -> Response {
    let now = world.clock.now();
    let books = lock(&world.toss.books);
    let row = |payment: &Payment| {
        format!(
            "<tr><td><a href=\"/toss/pay/{key}\">{order_id}</a></td><td>{method}</td><td class=\"n\">{amount}</td><td>{state}</td>\
             <td class=\"n\">{captured}</td><td class=\"n\">{refunded}</td></tr>\n",
            key = escaped(&payment.key),
            order_id = escaped(&payment.order_id),
            method = payment.method.korean(),
            amount = won(payment.amount_krw),
            state = payment.status_at(now).word(),
            captured = won(payment.captured_krw()),
            refunded = won(payment.refunded_krw()),
        )
    };
    // The newest are what a person looks for.
    let rows: String = books.payments().rev().take(500).map(row).collect();
    if rows.is_empty() {
        return page(200, "Toss payments", "<p>None yet. Open the payment window from a payment of nbbang's.</p>");
    }
    let body = format!(
        "<div class=\"scroll\"><table>\n<caption>The newest 500, the newest first</caption>\n<thead><tr><th scope=\"col\">Order id</th>\
         <th scope=\"col\">Method</th><th scope=\"col\" class=\"n\">Amount</th><th scope=\"col\">State</th>\
         <th scope=\"col\" class=\"n\">Captured</th><th scope=\"col\" class=\"n\">Refunded</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>"
    );
    page(200, "Toss payments", &body)
}
