//! Two people who settle between themselves: the guest sends the money, the host says that it has come.

use serde_json::{Value, json};

use crate::people::Town;
use crate::prepaid::{draft, food};
use crate::story::{Told, chapter, check, same, say, text};

/// Tells the story, and how much went from hand to hand.
pub async fn tell(town: &Town) -> Told<i64> {
    let (yuna, doyun) = (town.person("yuna").await?, town.person("doyun").await?);
    chapter("A transfer party");
    let mut terms = draft(town).await?;
    if let Value::Object(terms) = &mut terms {
        terms.insert("settlement".to_owned(), json!("transfer"));
        terms.insert(
            "transfer_account".to_owned(),
            json!({"bank": "카카오뱅크", "number": "3333-01-1234567", "holder": "김유나"}),
        );
        terms.insert("discount_krw".to_owned(), json!(0));
    }
    let room = yuna.opens(terms).await?;
    let party = text(&room, "/id")?;
    say("Yuna opens a party and eats for 10,000 won; the others are to send her their shares themselves.");

    let order = doyun.joins(&party, food("간장콤보", 9_001)).await?;
    check(&order, "/state", "joined")?;
    check(&order, "/paid_krw", 0)?;
    let order = text(&order, "/id")?;
    let seen = doyun.gets(&format!("/v1/parties/{party}/room")).await?;
    same("the account before the lock", &seen.get("transfer_account").is_some(), &false)?;
    say("Doyun joins with 9,001 won of food. He pays nothing yet, and does not see Yuna's account yet.");

    let room = yuna.puts(&format!("/v1/parties/{party}/lock"), None).await?;
    check(&room, "/quote/total_krw", 23_001)?;
    let seen = doyun.gets(&format!("/v1/orders/{order}")).await?;
    check(&seen, "/owed_krw", 11_001)?;
    check(&seen, "/transfer_state", "due")?;
    let seen = doyun.gets(&format!("/v1/parties/{party}/room")).await?;
    check(&seen, "/transfer_account/number", "3333-01-1234567")?;
    say("Yuna locks: 19,001 won of food and 4,000 of fee. Doyun owes 11,001, and now he sees her account.");

    let sent = doyun.puts(&format!("/v1/orders/{order}/transfer"), None).await?;
    check(&sent, "/transfer_state", "sent")?;
    let received = yuna.puts(&format!("/v1/orders/{order}/transfer/receipt"), None).await?;
    check(&received, "/transfer_state", "received")?;
    say("Doyun sends the 11,001 won and says so; Yuna says that they have come.");

    let placement = json!({"store_order_no": "B-1025", "receipt_total_krw": 23_001});
    yuna.puts(&format!("/v1/parties/{party}/placement"), Some(placement)).await?;
    yuna.puts(&format!("/v1/parties/{party}/arrival"), None).await?;
    doyun.puts(&format!("/v1/orders/{order}/pickup"), None).await?;
    let room = yuna.gets(&format!("/v1/parties/{party}/room")).await?;
    check(&room, "/state", "completed")?;
    let ledger = doyun.gets(&format!("/v1/parties/{party}/ledger")).await?;
    check(&ledger, "/items", json!([]))?;
    say(
        "Yuna orders for 23,001, the food arrives, Doyun picks his up. None of it went through us: the ledger is empty.",
    );
    Ok(11_001)
}
