//! JSON read strictly: valid UTF-8, one object, and no name twice in any object, known or not.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::rejection::Rule;

/// The names of an object's fields, sorted.
pub(super) struct Names<'a>(Vec<Cow<'a, str>>);

impl Names<'_> {
    pub(super) fn any_of(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.0.binary_search_by(|it| it.as_ref().cmp(name)).is_ok())
    }
}

/// The names of the outermost object.
pub(super) fn scan(text: &str) -> Result<Names<'_>, Rule> {
    match serde_json::from_str(text) {
        Ok(Walk(Some(names))) => Ok(Names(names)),
        Err(e) if e.to_string().starts_with(TWICE) => Err(Rule::DuplicateName),
        Ok(Walk(None)) | Err(_) => Err(Rule::Json),
    }
}

const TWICE: &str = "a name twice";

/// A JSON value that was walked through; if it is an object, the names of its fields.
struct Walk<'a>(Option<Vec<Cow<'a, str>>>);

impl<'de> Deserialize<'de> for Walk<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Walker).map(Self)
    }
}

struct Walker;

impl<'de> Visitor<'de> for Walker {
    type Value = Option<Vec<Cow<'de, str>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<Walk<'de>>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut names: Vec<Cow<'de, str>> = Vec::new();
        while let Some(Name(name)) = fields.next_key()? {
            names.push(name);
            fields.next_value::<Walk<'de>>()?;
        }
        // Sorted, since an attacker's header may have ten thousand of them.
        names.sort_unstable();
        if names.windows(2).any(|pair| matches!(pair, [a, b] if a == b)) {
            return Err(A::Error::custom(TWICE));
        }
        Ok(Some(names))
    }
}

/// A name, borrowed where it has no escapes; two ways to write one name are one name.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Namer;

        impl<'de> Visitor<'de> for Namer {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(Namer)
    }
}
