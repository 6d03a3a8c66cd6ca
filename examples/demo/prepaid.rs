//! Three people, one chicken place, money through the provider: from the first order to the last won.

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use crate::people::{Person, Town};
use crate::story::{Told, amount, chapter, check, krw, list, part, same, say, says, text};

const DAY_S: i64 = 86_400;

/// Tells the story, and how much the host gets in the end.
pub async fn tell(town: &Town) -> Told<i64> {
    let (mina, juno) = (town.person("mina").await?, town.person("juno").await?);
    let (sena, hana) = (town.person("sena").await?, town.person("hana").await?);

    chapter("A prepaid party");
    let party = mina.opens(draft(town).await?).await?;
    check(&party, "/food_total_krw", 10_000)?;
    check(&party, "/fee_krw", 4_000)?;
    let id = text(&party, "/id")?;
    say("Mina opens a party at a chicken place. She eats for 10,000 won herself.");
    say("The delivery costs 4,000 won, or 3,200 once the party orders for 30,000; a coupon takes 2,000 off.");

    let juno_order = juno_joins(&juno, &id).await?;
    let sena_order = sena_joins(&sena, &id).await?;
    hana_comes_and_goes(&hana, &id).await?;
    juno_adds_a_cola(&juno, &juno_order).await?;
    sena_takes_less(&sena, &sena_order).await?;

    lock(&mina, &id, [party_order(&party)?, juno_order.clone(), sena_order.clone()]).await?;
    too_much_comes_back(&juno, &juno_order, &sena, &sena_order).await?;
    place_and_arrive(&mina, &id).await?;
    pick_up(&mina, &id, &juno, &juno_order, &sena, &sena_order).await?;
    check_books(town, &juno, &id).await?;
    pay_out(town, &mina, &id).await?;
    Ok(20_616)
}

pub async fn draft(town: &Town) -> Told<Value> {
    let now = OffsetDateTime::parse(&town.pass(0).await?, &Rfc3339).map_err(|error| error.to_string())?;
    let deadline = (now + Duration::hours(2)).format(&Rfc3339).map_err(|error| error.to_string())?;
    Ok(json!({
        "title": "치킨 같이 시켜요",
        "store": {"name": "교촌치킨 역삼점", "category": "chicken"},
        "pickup": {"lat": 37.4981, "lng": 127.0276, "label": "강남역 11번 출구", "memo": "편의점 앞"},
        "min_members": 2,
        "capacity": 4,
        "deadline_at": deadline,
        "min_order_krw": 15_000,
        "fee_tiers": [{"from_krw": 0, "fee_krw": 4_000}, {"from_krw": 30_000, "fee_krw": 3_200}],
        "discount_krw": 2_000,
        "split": "even",
        "settlement": "prepaid",
        "items": food("허니콤보", 10_000),
    }))
}

pub fn food(name: &str, price_krw: i64) -> Value {
    json!([{"name": name, "unit_price_krw": price_krw, "quantity": 1}])
}

fn party_order(room: &Value) -> Told<String> {
    text(room, "/my_order_id")
}

async fn juno_joins(juno: &Person<'_>, party: &str) -> Told<String> {
    let order = juno.joins(party, food("레드콤보", 8_000)).await?;
    check(&order, "/state", "held")?;
    check(&order, "/fee_cap_krw", 2_000)?;
    check(&order, "/payment/amount_krw", 10_000)?;
    say("Juno joins with 8,000 won of food. His share of the fee can never pass 2,000, so he is asked for 10,000.");

    let first = part(&order, "/payment")?;
    let problem = juno.fails_to_pay(first, "REJECT_CARD_PAYMENT").await?;
    check(&problem, "/code", "payment_declined")?;
    check(&problem, "/decline_code", "insufficient_funds")?;
    say("His card is declined: insufficient funds. The seat is still held for him.");

    let again = juno.gets(&format!("/v1/payments/{}", text(first, "/id")?)).await?;
    same(
        "the old provider_order_id",
        &says(&again, "/provider_order_id", &text(first, "/provider_order_id")?),
        &false,
    )?;
    let paid = juno.pays(&again).await?;
    check(&paid, "/state", "paid")?;
    check(&paid, "/amount_krw", 10_000)?;
    let id = text(&order, "/id")?;
    let order = juno.gets(&format!("/v1/orders/{id}")).await?;
    check(&order, "/state", "joined")?;
    check(&order, "/paid_krw", 10_000)?;
    say("With another card it works: 10,000 won are paid, and Juno has joined.");
    Ok(id)
}

async fn sena_joins(sena: &Person<'_>, party: &str) -> Told<String> {
    let quote = sena.gets(&format!("/v1/parties/{party}/quote?food_krw=12000")).await?;
    check(&quote, "/with_me/prepay_krw", 14_000)?;
    say("Sena looks first: with 12,000 won of food she would prepay 14,000.");
    let order = sena.joins(party, food("치즈볼 세트", 12_000)).await?;
    check(&order, "/payment/amount_krw", 14_000)?;
    let paid = sena.pays(part(&order, "/payment")?).await?;
    check(&paid, "/state", "paid")?;
    say("She joins and pays the 14,000.");
    text(&order, "/id")
}

async fn hana_comes_and_goes(hana: &Person<'_>, party: &str) -> Told {
    let order = hana.joins(party, food("떡볶이", 7_000)).await?;
    check(&order, "/payment/amount_krw", 9_000)?;
    hana.pays(part(&order, "/payment")?).await?;
    let id = text(&order, "/id")?;
    let left = hana.leaves(&id).await?;
    check(&left, "/state", "left")?;
    check(&left, "/paid_krw", 9_000)?;
    hana.refunded(&id, 9_000).await?;
    say("Hana joins too, pays 9,000, thinks again and leaves: all 9,000 come back.");
    Ok(())
}

async fn juno_adds_a_cola(juno: &Person<'_>, order: &str) -> Told {
    let items = json!({"items": food("레드콤보와 콜라", 11_000)});
    let changed = juno.puts(&format!("/v1/orders/{order}/items"), Some(items)).await?;
    check(&changed, "/food_krw", 8_000)?;
    check(&changed, "/payment/kind", "top_up")?;
    check(&changed, "/payment/amount_krw", 3_000)?;
    juno.pays(part(&changed, "/payment")?).await?;
    let changed = juno.gets(&format!("/v1/orders/{order}")).await?;
    check(&changed, "/food_krw", 11_000)?;
    check(&changed, "/paid_krw", 13_000)?;
    say("Juno adds a cola and more. He tops up 3,000 won, and only then his food counts 11,000; he has paid 13,000.");
    Ok(())
}

async fn sena_takes_less(sena: &Person<'_>, order: &str) -> Told {
    let items = json!({"items": food("치즈볼", 9_500)});
    let changed = sena.puts(&format!("/v1/orders/{order}/items"), Some(items)).await?;
    check(&changed, "/food_krw", 9_500)?;
    sena.refunded(order, 2_500).await?;
    say("Sena takes less, 9,500 won of food. That counts at once, and 2,500 come back to her.");
    Ok(())
}

/// Food 30,500, fee 3,200, discount 2,000: 31,700 in all. A third of the fee is 1,066, and the host takes the 2 that remain. The
/// discount goes by food: 655.7, 721.3 and 623.0 become 656, 721 and 623.
async fn lock(mina: &Person<'_>, party: &str, orders: [String; 3]) -> Told {
    let room = mina.puts(&format!("/v1/parties/{party}/lock"), None).await?;
    check(&room, "/state", "locked")?;
    check(&room, "/quote/food_total_krw", 30_500)?;
    check(&room, "/quote/fee_krw", 3_200)?;
    check(&room, "/quote/discount_krw", 2_000)?;
    check(&room, "/quote/total_krw", 31_700)?;
    say("Mina locks the party. 30,500 won of food, 3,200 of fee, 2,000 off: 31,700 in all.");
    let expected = [("Mina", 1_068, 656, 10_412), ("Juno", 1_066, 721, 11_345), ("Sena", 1_066, 623, 9_943)];
    for ((name, fee_krw, discount_krw, owed_krw), order) in expected.into_iter().zip(&orders) {
        let share = list(&room, "/quote/shares")?.iter().find(|share| says(share, "/order_id", order));
        let share = share.ok_or_else(|| format!("{name} has no share in {room}"))?;
        check(share, "/fee_krw", fee_krw)?;
        check(share, "/discount_krw", discount_krw)?;
        check(share, "/owed_krw", owed_krw)?;
        let (fee, discount, owed) = (krw(fee_krw), krw(discount_krw), krw(owed_krw));
        say(&format!("  {name} carries {fee} of the fee, gets {discount} of the discount, and owes {owed}."));
    }
    Ok(())
}

async fn too_much_comes_back(juno: &Person<'_>, juno_order: &str, sena: &Person<'_>, sena_order: &str) -> Told {
    let order = juno.refunded(juno_order, 1_655).await?;
    check(&order, "/owed_krw", 11_345)?;
    say("Juno has paid 13,000 and owes 11,345: 1,655 won come back.");
    let order = sena.refunded(sena_order, 2_500 + 1_557).await?;
    check(&order, "/owed_krw", 9_943)?;
    say("Sena has 11,500 left with us and owes 9,943: 1,557 come back.");
    Ok(())
}

async fn place_and_arrive(mina: &Person<'_>, party: &str) -> Told {
    let placement = json!({"store_order_no": "B-1024", "receipt_total_krw": 30_700});
    let room = mina.puts(&format!("/v1/parties/{party}/placement"), Some(placement)).await?;
    check(&room, "/state", "placed")?;
    check(&room, "/placement/receipt_total_krw", 30_700)?;
    say("Mina orders at the store. The receipt says 30,700, which is 1,000 less than the quote.");
    let room = mina.puts(&format!("/v1/parties/{party}/arrival"), None).await?;
    check(&room, "/state", "arrived")?;
    say("The food arrives.");
    Ok(())
}

async fn pick_up(
    mina: &Person<'_>,
    party: &str,
    juno: &Person<'_>,
    juno_order: &str,
    sena: &Person<'_>,
    sena_order: &str,
) -> Told {
    for (person, order) in [(juno, juno_order), (sena, sena_order)] {
        let order = person.puts(&format!("/v1/orders/{order}/pickup"), None).await?;
        check(&order, "/state", "picked_up")?;
    }
    let room = mina.gets(&format!("/v1/parties/{party}/room")).await?;
    check(&room, "/state", "completed")?;
    say("Juno and Sena pick up theirs, and the party is complete. The 1,000 won are shared by what each owes:");
    let order = juno.refunded(juno_order, 1_655 + 358).await?;
    check(&order, "/owed_krw", 10_987)?;
    say("  358 come back to Juno, who has eaten for 10,987 in the end,");
    let order = sena.refunded(sena_order, 2_500 + 1_557 + 314).await?;
    check(&order, "/owed_krw", 9_629)?;
    say("  314 to Sena, for whom it was 9,629,");
    let own = party_order(&room)?;
    let order = mina.gets(&format!("/v1/orders/{own}")).await?;
    check(&order, "/owed_krw", 10_084)?;
    say("  and Mina, who paid the store, keeps 328 and has eaten for 10,084.");
    Ok(())
}

/// Every won that came in went back, or is the host's; and the provider's books say the same of every payment.
async fn check_books(town: &Town, juno: &Person<'_>, party: &str) -> Told {
    let ledger = juno.gets(&format!("/v1/parties/{party}/ledger")).await?;
    check(&ledger, "/sum_krw", 0)?;
    balance(&ledger, "provider", 20_616)?;
    balance(&ledger, "host", -20_616)?;
    for empty in ["order", "refunding", "dispute", "bank"] {
        balance(&ledger, empty, 0)?;
    }
    let captures: Vec<&Value> = list(&ledger, "/items")?.iter().filter(|leg| says(leg, "/kind", "capture")).collect();
    let (mut came_in, mut went_back) = (0, 0);
    for leg in captures.iter().filter(|leg| says(leg, "/account", "provider")) {
        let (taken, given_back) = town.truth(&text(leg, "/source_id")?).await?;
        same("the provider's books", &taken, &amount(leg, "/amount_krw")?)?;
        came_in += taken;
        went_back += given_back;
    }
    same("all that was captured", &came_in, &36_000)?;
    same("all that was given back", &went_back, &15_384)?;
    say("The ledger sums to 0. 36,000 won came in, 15,384 went back, and 20,616 are owed to the host: 10,987 + 9,629.");
    say("The payment provider's own books say the same of every payment.");
    Ok(())
}

fn balance(ledger: &Value, account: &str, expected: i64) -> Told {
    let legs = list(ledger, "/items")?.iter().filter(|leg| says(leg, "/account", account));
    let sum = legs.map(|leg| amount(leg, "/amount_krw")).sum::<Told<i64>>()?;
    same(&format!("the ledger's account {account}"), &sum, &expected)
}

/// A day after the arrival an operator pays the host.
async fn pay_out(town: &Town, mina: &Person<'_>, party: &str) -> Told {
    if !town.has_operator() {
        say("The payout is due in 24 hours; `nbbang payouts list` shows it to an operator.");
        return Ok(());
    }
    town.pass(DAY_S).await?;
    let line = due(town, party).await?;
    same("the payout on the operator's list", &line.contains(" 20616 KRW due "), &true)?;
    say("A day later the payout of 20,616 won to Mina is due and on the operator's list.");
    let payout = line.split(' ').nth(1).ok_or_else(|| format!("there is no payout in {line}"))?;
    town.operator(&["payouts", "paid", party, payout, "--amount-krw", "20616", "--note", "demo"])?;
    let ledger = mina.gets(&format!("/v1/parties/{party}/ledger")).await?;
    check(&ledger, "/sum_krw", 0)?;
    balance(&ledger, "host", 0)?;
    balance(&ledger, "bank", -20_616)?;
    say("The operator pays, and the ledger owes nobody anything.");
    Ok(())
}

/// The payout's line in the operator's list, which is written soon after the completion.
async fn due(town: &Town, party: &str) -> Told<String> {
    for _ in 0..50 {
        let payouts = town.operator(&["payouts", "list"])?;
        if let Some(line) = payouts.lines().find(|line| line.contains(&format!(" party {party} "))) {
            return Ok(line.to_owned());
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    Err(format!("the payout of party {party} is not on the operator's list"))
}
