//! What is for sale and what it gives: a price is the store's business, and a client never says what it bought.

use serde::Deserialize;

use super::words::ProductType;

/// Everything for sale. At least one product, each id once.
#[derive(Clone, Debug)]
pub struct Catalogue(Vec<Product>);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    /// As in App Store Connect.
    pub product_id: String,
    pub kind: Kind,
    pub grants: Grants,
}

crate::words! {
    /// How a product is bought.
    pub enum Kind {
        /// Renewed until it is given up
        Subscription => "subscription",
        /// Bought again and again
        Consumable => "consumable",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Grants {
    /// Plus, as long as it lasts.
    Plus,
    /// So many boosts, once.
    Boosts(u32),
}

impl Catalogue {
    pub fn built_in() -> Self {
        let boosts = |product_id: &str, count| Product {
            product_id: product_id.to_owned(),
            kind: Kind::Consumable,
            grants: Grants::Boosts(count),
        };
        let plus = Product { product_id: "plus_monthly".to_owned(), kind: Kind::Subscription, grants: Grants::Plus };
        Self(vec![plus, boosts("boost_1", 1), boosts("boost_5", 5)])
    }

    /// From a file's JSON, a list of products; the error is the end of a sentence.
    pub fn read(json: &str) -> Result<Self, String> {
        let products: Vec<Product> =
            serde_json::from_str(json).map_err(|e| format!("is not a list of products: {e}"))?;
        for (at, product) in products.iter().enumerate() {
            if products.iter().take(at).any(|before| before.product_id == product.product_id) {
                return Err(format!("has {} twice", product.product_id));
            }
            let fits = match product.grants {
                Grants::Plus => product.kind == Kind::Subscription,
                Grants::Boosts(count) => product.kind == Kind::Consumable && (1..=1000).contains(&count),
            };
            if !fits {
                return Err(format!(
                    "lets {} grant what its kind cannot: a subscription grants plus, a consumable 1 to 1000 boosts",
                    product.product_id
                ));
            }
        }
        if products.is_empty() { Err("has no product".to_owned()) } else { Ok(Self(products)) }
    }

    pub fn products(&self) -> &[Product] {
        &self.0
    }

    /// The product that was bought; none if we do not sell it, or not in this way.
    pub fn find(&self, product_id: &str, bought_as: &ProductType) -> Option<&Product> {
        let kind = match bought_as {
            ProductType::AutoRenewable => Kind::Subscription,
            ProductType::Consumable => Kind::Consumable,
            ProductType::NonConsumable | ProductType::NonRenewing | ProductType::Unknown(_) => return None,
        };
        self.0.iter().find(|product| product.product_id == product_id && product.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_found_only_as_what_it_is() {
        let catalogue = Catalogue::built_in();
        let grants = |id, kind| catalogue.find(id, &kind).map(|product| product.grants);
        assert_eq!(grants("plus_monthly", ProductType::AutoRenewable), Some(Grants::Plus));
        assert_eq!(grants("boost_5", ProductType::Consumable), Some(Grants::Boosts(5)));
        assert_eq!(grants("boost_5", ProductType::AutoRenewable), None);
        assert_eq!(grants("plus_monthly", ProductType::Unknown("Auto-Renewable".into())), None);
        assert_eq!(grants("boost_50", ProductType::Consumable), None);
    }

    #[test]
    fn a_file_of_products_is_read_strictly() {
        let built_in = r#"[{"product_id": "plus_monthly", "kind": "subscription", "grants": "plus"},
            {"product_id": "boost_1", "kind": "consumable", "grants": {"boosts": 1}},
            {"product_id": "boost_5", "kind": "consumable", "grants": {"boosts": 5}}]"#;
        assert_eq!(Catalogue::read(built_in).unwrap().products(), Catalogue::built_in().products());
        for (wrong, why) in [
            ("{}", "not a list"),
            ("[]", "no product"),
            (r#"[{"product_id": "a", "kind": "subscription", "grants": {"boosts": 1}}]"#, "what its kind cannot"),
            (r#"[{"product_id": "a", "kind": "consumable", "grants": "plus"}]"#, "what its kind cannot"),
            (r#"[{"product_id": "a", "kind": "consumable", "grants": {"boosts": 0}}]"#, "what its kind cannot"),
            (r#"[{"product_id": "a", "kind": "consumable", "grants": {"boosts": 1}, "price": 1}]"#, "not a list"),
        ] {
            let told = Catalogue::read(wrong).unwrap_err();
            assert!(told.contains(why), "{wrong}: {told}");
        }
        let twice = built_in.replace("boost_5", "boost_1");
        assert!(Catalogue::read(&twice).unwrap_err().contains("boost_1 twice"));
    }
}
