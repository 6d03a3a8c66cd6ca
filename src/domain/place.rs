//! Places on a map that people look for: by name, by address, and the neighbourhood of a point. Nothing here is of a party.

use serde::{Deserialize, Serialize};

use crate::domain::geo::Point;

/// Something with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub name: String,
    pub category: Option<String>,
    pub address: Option<String>,
    pub street_address: Option<String>,
    pub point: Point,
}

/// An address, or a whole neighbourhood.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Address {
    pub address: String,
    pub street_address: Option<String>,
    pub building: Option<String>,
    pub postal_code: Option<String>,
    pub point: Point,
}

/// Where a point is, as one of the two ways of dividing the land has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    pub kind: RegionKind,
    /// The neighbourhood.
    pub name: String,
    pub city: String,
    /// Absent where a city has none.
    pub district: Option<String>,
    pub code: String,
}

crate::words! {
    /// By which division of the land.
    pub enum RegionKind {
        /// As the law and addresses have it: 역삼동.
        Legal => "legal",
        /// As the offices have it: 역삼1동.
        Administrative => "administrative",
    }
}

/// What people call the neighbourhood: by its legal name, else by that of its office.
pub fn neighbourhood(regions: &[Region]) -> Option<&str> {
    let by = |kind| regions.iter().find(|region| region.kind == kind && !region.name.is_empty());
    by(RegionKind::Legal).or_else(|| by(RegionKind::Administrative)).map(|region| region.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_neighbourhood_has_its_legal_name() {
        let region = |kind, name: &str| Region {
            kind,
            name: name.into(),
            city: "서울특별시".into(),
            district: Some("강남구".into()),
            code: "1168010100".into(),
        };
        let office = region(RegionKind::Administrative, "역삼1동");
        assert_eq!(neighbourhood(&[office.clone(), region(RegionKind::Legal, "역삼동")]), Some("역삼동"));
        assert_eq!(neighbourhood(std::slice::from_ref(&office)), Some("역삼1동"));
        assert_eq!(neighbourhood(&[region(RegionKind::Legal, ""), office]), Some("역삼1동"));
        assert_eq!(neighbourhood(&[]), None);
    }
}
