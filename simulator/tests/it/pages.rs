//! The pages for people: what they show, where the buttons lead, and that nothing in them is taken for markup.

use reqwest::Method;
use serde_json::Value;

use crate::harness::{Sim, answered, refused};

async fn text(request: reqwest::RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Presses a button of the window: where it leads.
async fn pressed(sim: &Sim, fields: &[(&str, &str)]) -> String {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let response = sim.request(Method::POST, "/toss/pay").body(form).send().await.unwrap();
    assert_eq!(response.status(), 303);
    response.headers()["location"].to_str().unwrap().to_owned()
}

const ORDER: [(&str, &str); 3] = [("provider_order_id", "order-1"), ("amount_krw", "10000"), ("method", "card")];

#[tokio::test]
async fn approving_gives_a_body_that_confirms() {
    let sim = Sim::start().await;
    let (status, window) = text(sim.request(Method::GET, "/toss/pay?provider_order_id=order-1&amount_krw=10000")).await;
    assert_eq!(status, 200);
    for part in
        ["<html lang=\"en\">", "10,000 KRW", "value=\"transfer\"", "value=\"approve\"", "<label for=\"decline\">"]
    {
        assert!(window.contains(part), "{part}: {window}");
    }
    let location = pressed(&sim, &[&ORDER[..], &[("choice", "approve")]].concat()).await;
    let (_, outcome) = text(sim.request(Method::GET, &location)).await;
    let pasted = outcome.split_once("<pre>").unwrap().1.split_once("</pre>").unwrap().0.replace("&quot;", "\"");
    let pasted: Value = serde_json::from_str(&pasted).unwrap();
    assert_eq!(pasted["amount_krw"], 10_000);
    let key = pasted["payment_key"].as_str().unwrap();
    assert_eq!(answered(sim.confirm(key)).await.0, 200);
    let (_, list) = text(sim.request(Method::GET, "/toss/")).await;
    assert!(list.contains("order-1") && list.contains("DONE") && list.contains("10,000 KRW"), "{list}");
}

#[tokio::test]
async fn declining_makes_the_confirmation_fail() {
    let sim = Sim::start().await;
    let location =
        pressed(&sim, &[&ORDER[..], &[("choice", "decline"), ("decline", "REJECT_CARD_COMPANY")]].concat()).await;
    let (_, outcome) = text(sim.request(Method::GET, &location)).await;
    assert!(outcome.contains("REJECT_CARD_COMPANY"), "{outcome}");
    let key = location.rsplit('/').next().unwrap();
    assert_eq!(refused(sim.confirm(key)).await, (403, "REJECT_CARD_COMPANY".to_owned()));
}

#[tokio::test]
async fn a_success_url_is_redirected_to_as_the_widget_does() {
    let sim = Sim::start().await;
    let home = [("choice", "approve"), ("success_url", "nbbang://paid?from=toss")];
    let location = pressed(&sim, &[&ORDER[..], &home].concat()).await;
    let home = reqwest::Url::parse(&location).unwrap();
    let pairs: Vec<_> = home.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!((home.scheme(), pairs[0].as_str(), pairs[2].as_str()), ("nbbang", "from=toss", "orderId=order-1"));
    assert_eq!((&pairs[3][..11], pairs[4].as_str()), ("paymentKey=", "amount=10000"));
    assert_eq!(answered(sim.confirm(&pairs[3][11..])).await.0, 200);
}

#[tokio::test]
async fn what_does_not_fit_is_said_and_nothing_is_markup() {
    let sim = Sim::start().await;
    assert_eq!(text(sim.request(Method::GET, "/toss/pay")).await.0, 422);
    let hostile = "/toss/pay?provider_order_id=%22%3E%3Cscript%3E&amount_krw=500&order_name=%3Cimg%20src%3Dx%3E&success_url=%27%22%3E%3Cb%3E";
    let (_, window) = text(sim.request(Method::GET, hostile)).await;
    assert!(!window.contains("<script>") && !window.contains("<img") && !window.contains("<b>"), "{window}");
    let form = "provider_order_id=x&amount_krw=500&choice=approve";
    let (status, window) = text(sim.request(Method::POST, "/toss/pay").body(form)).await;
    assert!(status == 422 && window.contains("role=\"alert\"") && window.contains("6 to 64"), "{window}");
    assert_eq!(text(sim.request(Method::GET, "/toss/pay/none")).await.0, 404);
    let (status, index) = text(sim.request(Method::GET, "/")).await;
    assert!(status == 200 && index.contains("/__sim/faults") && index.contains("/toss/"));
}
