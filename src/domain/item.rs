//! The lines of an order: what is eaten, what it costs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::error::{Error, Field, FieldFault, Result};
use crate::domain::json::present;
use crate::domain::money::Krw;
use crate::domain::text;

const MAX_LINES: usize = 30;
const MAX_UNIT_PRICE: Krw = Krw::new(1_000_000);
const MAX_QUANTITY: i64 = 99;
const MAX_FOOD: Krw = Krw::new(5_000_000);

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// As on the store's menu, 1 to 60 characters.
    #[schema(example = "양념치킨", min_length = 1, max_length = 60)]
    pub name: String,
    /// Price of one, 0 to 1,000,000 KRW.
    #[schema(value_type = i64, example = 12_000, minimum = 0, maximum = 1_000_000)]
    pub unit_price_krw: Krw,
    /// 1 to 99.
    #[schema(example = 1, minimum = 1, maximum = 99)]
    pub quantity: i64,
    /// A wish to the store, up to 200 characters.
    #[serde(skip_serializing_if = "Option::is_none", default, deserialize_with = "present")]
    #[schema(example = "순한맛으로", max_length = 200)]
    pub memo: Option<String>,
}

impl Item {
    pub fn price(&self) -> Krw {
        self.unit_price_krw * self.quantity
    }
}

pub fn food(items: &[Item]) -> Krw {
    items.iter().map(Item::price).sum()
}

/// Cleaned and within the limits; `pointer` is where the list stands in the request. A guest eats something (`food` above 0).
pub fn check(items: Vec<Item>, pointer: &str, guest: bool) -> Result<Vec<Item>> {
    let mut wrong = Vec::new();
    let mut report = |place: String, fault| wrong.push(Field { pointer: format!("{pointer}{place}"), fault });
    if items.len() > MAX_LINES {
        report(String::new(), FieldFault::TooMany);
    }
    let mut clean = Vec::with_capacity(items.len());
    for (n, item) in items.into_iter().enumerate() {
        let name = text::clean(&item.name, 60).unwrap_or_else(|fault| {
            report(format!("/{n}/name"), fault);
            String::new()
        });
        let memo = item
            .memo
            .and_then(|memo| text::clean(&memo, 200).map_err(|fault| report(format!("/{n}/memo"), fault)).ok());
        if !(Krw::ZERO..=MAX_UNIT_PRICE).contains(&item.unit_price_krw) {
            report(format!("/{n}/unit_price_krw"), FieldFault::OutOfRange);
        }
        if !(1..=MAX_QUANTITY).contains(&item.quantity) {
            report(format!("/{n}/quantity"), FieldFault::OutOfRange);
        }
        clean.push(Item { name, memo, ..item });
    }
    if wrong.is_empty() {
        let food = food(&clean);
        if food > MAX_FOOD {
            wrong.push(Field { pointer: pointer.to_owned(), fault: FieldFault::OutOfRange });
        } else if guest && food == Krw::ZERO {
            wrong.push(Field { pointer: pointer.to_owned(), fault: FieldFault::TooFew });
        }
    }
    if wrong.is_empty() { Ok(clean) } else { Err(Error::fields(wrong)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(price: i64, quantity: i64) -> Item {
        Item { name: "라면".into(), unit_price_krw: Krw::new(price), quantity, memo: None }
    }

    fn pointers(items: Vec<Item>) -> Vec<(String, FieldFault)> {
        let error = check(items, "/items", true).expect_err("refused");
        error.more.fields.into_iter().map(|field| (field.pointer, field.fault)).collect()
    }

    #[test]
    fn the_limits_hold_and_every_mistake_is_told() {
        assert!(check(vec![item(1_000_000, 5)], "/items", true).is_ok());
        assert_eq!(pointers(vec![item(1_000_000, 6)]), [("/items".to_owned(), FieldFault::OutOfRange)]);
        assert_eq!(pointers(vec![]), [("/items".to_owned(), FieldFault::TooFew)]);
        assert_eq!(pointers(vec![item(0, 1)]), [("/items".to_owned(), FieldFault::TooFew)]);
        assert_eq!(
            pointers(vec![item(-1, 1), item(i64::MAX, i64::MAX)]),
            [
                ("/items/0/unit_price_krw".to_owned(), FieldFault::OutOfRange),
                ("/items/1/unit_price_krw".to_owned(), FieldFault::OutOfRange),
                ("/items/1/quantity".to_owned(), FieldFault::OutOfRange),
            ]
        );
        assert_eq!(pointers(vec![item(1, 1); 31]), [("/items".to_owned(), FieldFault::TooMany)]);
        assert!(check(vec![], "/items", false).is_ok(), "a host may eat nothing");
    }
}
