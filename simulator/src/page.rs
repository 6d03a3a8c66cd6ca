//! The shell of the pages for people: one style for light and dark, no script, everything escaped; and the index.

use crate::http::Response;

/// A whole page; `title` is escaped here, `body` has to be HTML already.
pub fn page(status: u16, title: &str, body: &str) -> Response {
    let title = escaped(title);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title} · nbbang simulator</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
    );
    Response::html(status, html)
        .with(
            "Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        )
        .with("Referrer-Policy", "no-referrer")
        .with("Cache-Control", "no-store")
}

/// Text that is safe in HTML, between tags and in quoted attributes.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

/// `12,300 KRW`.
pub fn won(amount_krw: i64) -> String {
    let digits = amount_krw.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if amount_krw < 0 { "−" } else { "" };
    format!("{sign}{grouped} KRW")
}

pub fn index() -> Response {
    page(200, "Providers, simulated", INDEX)
}

const INDEX: &str = r#"<p>This program plays the providers that nbbang talks to. Everything is in memory: a restart forgets it. No money moves.</p>
<h2>Toss Payments</h2>
<ul>
<li><a href="/toss/">The payments so far</a></li>
<li><a href="/toss/pay?provider_order_id=example-1&amp;amount_krw=12300&amp;order_name=Example">The payment window, with an example</a></li>
<li>API base URL: <code>/toss</code>, secret keys that begin with <code>test_sk_</code> or <code>test_gsk_</code></li>
<li><a href="/__sim/toss/truth">What Toss took and gave back, per order</a></li>
</ul>
<h2>Kakao Local</h2>
<ul>
<li>API base URL: <code>/kakao</code>, REST keys that begin with <code>simulator</code></li>
<li>Some three hundred places of Seoul: <code>/kakao/v2/local/search/keyword.json?query=강남역</code>, <code>…/search/address.json?query=</code>, <code>…/geo/coord2regioncode.json?x=&amp;y=</code></li>
</ul>
<h2>Sign in with Apple, Kakao Login</h2>
<ul>
<li>Base URLs: <code>/apple-login</code> (<a href="/apple-login/auth/keys">its keys</a>) and <code>/kakao-login</code> (<a href="/kakao-login/.well-known/jwks.json">its keys</a>)</li>
<li><a href="/__sim/login/grants">What people allowed through Apple, and what was revoked</a></li>
</ul>
<h2>App Store Server API</h2>
<ul>
<li>API base URL: <code>/app-store</code>, and <code>/app-store-sandbox</code> for what was bought in the sandbox; <a href="/__sim/app-store/api-key">ids</a> and <a href="/__sim/app-store/api-key.p8">key</a> for its tokens</li>
<li><a href="/__sim/app-store/consumption">What was said about consumption</a></li>
</ul>
<h2>Push services</h2>
<ul>
<li>APNs: base URL <code>/apns</code>, over HTTP/2 without TLS; <a href="/__sim/apns/key">ids</a> and <a href="/__sim/apns/key.p8">key</a> for its tokens</li>
<li>FCM: base URL <code>/fcm</code>; <a href="/__sim/fcm/service-account.json">its service account</a></li>
<li><a href="/__sim/pushes">What phones show</a></li>
</ul>
<h2>Control</h2>
<dl>
<dt><code>POST /__sim/login</code></dt><dd><code>{provider: apple|kakao, subject, audience?, nonce?, nickname?, email?, tamper?}</code>: what the phone gets from the issuer</dd>
<dt><code>POST /__sim/login/rotation</code></dt><dd><code>{provider, keep_old?}</code>: another key signs from now on</dd>
<dt><code>POST /__sim/toss/authorize</code></dt><dd><code>{provider_order_id, amount_krw, method?, decline?, order_name?}</code>: the customer approves in the window</dd>
<dt><code>POST /__sim/toss/cancel</code></dt><dd><code>{payment_key, amount_krw?}</code>: a cancel in Toss's own console</dd>
<dt><code>POST /__sim/app-store/transactions</code></dt><dd><code>{product_id?, transaction_id?, app_account_token?, bundle_id?, app_apple_id?, environment?, claims?, shape?, tamper?}</code>: a purchase as the App Store signs it, or <a href="/__sim/app-store/tampers">wrong in one way</a>, under <a href="/__sim/app-store/root.der">this root</a></dd>
<dt><code>POST /__sim/app-store/notifications</code></dt><dd><code>{type, subtype?, notification_uuid?, purchase: {…as above}, renewal_claims?, renewal_tamper?, claims?, tamper?, deliver?}</code>: the body of a notification about a purchase; with <code>deliver</code> it is sent, too</dd>
<dt><code>POST /__sim/app-store/purchases</code></dt><dd><code>{…as for transactions}</code>: somebody buys, and the notification is sent; later <code>POST /__sim/app-store/purchases/{transaction_id}/{event}</code> with <code>{claims?, renewal_claims?}</code>: renewal, failure, grace, cancellation, expiry, refund, refund-reversal, consumption-request</dd>
<dt><code>PUT /__sim/app-store/ocsp</code></dt><dd><code>{leaf?, intermediate?}</code>: what is said of the certificates: good, revoked, unknown, forged, forged_revoked, stale, other_serial, unauthorized</dd>
<dt><code>POST /__sim/pushes/unregister</code></dt><dd><code>{platform: ios|android, token, since_ms?, again?}</code>: the app is taken off that phone, or is back; <code>DELETE /__sim/pushes</code> clears the screens, <code>DELETE /__sim/fcm/tokens</code> ends Google's access tokens</dd>
<dt><code>POST /__sim/faults</code></dt><dd><code>{provider, operation, when: before|after_effect, do: latency|status|reset|truncate|garbage|html|hang|wrong_body|duplicate|drop, ms?, status?, code?, text?, times?, probability?, seed?}</code>; <a href="/__sim/faults">GET</a> lists them, DELETE ends them all</dd>
<dt><code>POST /__sim/clock</code></dt><dd><code>{advance_s?, stopped?}</code>: puts the clock forward, stops it, lets it run; <a href="/__sim/clock">GET</a> reads it</dd>
<dt><code>GET /__sim/requests</code></dt><dd><a href="/__sim/requests">what was asked</a>; <code>?operation=</code> and <code>?provider=</code> narrow it</dd>
<dt><code>PUT /__sim/webhook-base</code></dt><dd><code>{url}</code>: where webhooks go; <a href="/__sim/webhook-base">GET</a> reads it</dd>
</dl>"#;

const STYLE: &str = ":root{color-scheme:light dark;--line:light-dark(#bbb,#555);--strong:light-dark(#0b57d0,#a8c7fa);--on:light-dark(#fff,#062e6f)}\
body{font:1.05rem/1.5 system-ui,sans-serif;margin:0}main{max-width:46rem;margin:0 auto;padding:1.5rem 1rem}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}code,pre{font-family:ui-monospace,monospace;font-size:.92em}\
pre{padding:.8rem;border:1px solid var(--line);border-radius:.5rem;white-space:pre-wrap;overflow-wrap:anywhere}code{overflow-wrap:anywhere}\
dd{margin:0 0 .7rem 1.2rem}a{color:var(--strong)}fieldset{border:1px solid var(--line);border-radius:.5rem;margin:1rem 0}\
label{display:block;padding:.35rem 0}select,button{font:inherit;padding:.5rem .9rem;border-radius:.5rem;border:1px solid var(--line)}\
select{max-width:100%}button{cursor:pointer}button.yes{background:var(--strong);color:var(--on);border-color:transparent}\
:focus-visible{outline:3px solid var(--strong);outline-offset:2px}.amount{font-size:1.8rem;font-weight:600;margin:.2rem 0}\
.scroll{overflow-x:auto}table{border-collapse:collapse}caption{text-align:left;padding-bottom:.5rem}\
th,td{text-align:left;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line)}td.n,th.n{text-align:right;white-space:nowrap}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn won_is_grouped_and_text_is_escaped() {
        assert_eq!(
            [won(0), won(999), won(12_300), won(1_234_567)],
            ["0 KRW", "999 KRW", "12,300 KRW", "1,234,567 KRW"]
        );
        assert_eq!(escaped("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
    }
}
