//! Some three hundred places of Seoul, and how Kakao would find them and write them down.
#![expect(clippy::float_arithmetic, reason = "coordinates are floats, and no money is near")]

use std::sync::LazyLock;

use serde_json::{Value, json};

/// A line a place: name, kind, district, legal dong, administrative dong, lot number, street address, latitude, longitude.
static PLACES: LazyLock<Vec<Place>> =
    LazyLock::new(|| include_str!("gazetteer.tsv").lines().enumerate().filter_map(Place::read).collect());

/// How far from any place a point still is in a region that we know.
const REGION_M: f64 = 4_000.0;

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub lat: f64,
    pub lng: f64,
}

#[derive(Debug)]
struct Place {
    number: usize,
    name: &'static str,
    kind: &'static str,
    district: &'static str,
    dong: &'static str,
    /// As the administration divides the city; not the same as the legal one.
    office: &'static str,
    lot: &'static str,
    street: &'static str,
    at: Point,
}

/// District, the first five digits of its regions' codes, the first two of its postal codes.
const DISTRICTS: [(&str, u32, u32); 25] = [
    ("종로구", 11_110, 3),
    ("중구", 11_140, 4),
    ("용산구", 11_170, 4),
    ("성동구", 11_200, 4),
    ("광진구", 11_215, 5),
    ("동대문구", 11_230, 2),
    ("중랑구", 11_260, 2),
    ("성북구", 11_290, 2),
    ("강북구", 11_305, 1),
    ("도봉구", 11_320, 1),
    ("노원구", 11_350, 1),
    ("은평구", 11_380, 3),
    ("서대문구", 11_410, 3),
    ("마포구", 11_440, 4),
    ("양천구", 11_470, 8),
    ("강서구", 11_500, 7),
    ("구로구", 11_530, 8),
    ("금천구", 11_545, 8),
    ("영등포구", 11_560, 7),
    ("동작구", 11_590, 6),
    ("관악구", 11_620, 8),
    ("서초구", 11_650, 6),
    ("강남구", 11_680, 6),
    ("송파구", 11_710, 5),
    ("강동구", 11_740, 5),
];

impl Place {
    fn read((number, line): (usize, &'static str)) -> Option<Self> {
        let fields: Vec<&'static str> = line.split('\t').collect();
        let &[name, kind, district, dong, office, lot, street, lat, lng] = fields.as_slice() else { return None };
        let at = Point { lat: lat.parse().ok()?, lng: lng.parse().ok()? };
        Some(Self { number, name, kind, district, dong, office, lot, street, at })
    }

    fn lot_address(&self) -> String {
        format!("서울 {} {} {}", self.district, self.dong, self.lot)
    }

    fn street_address(&self) -> String {
        format!("서울 {} {}", self.district, self.street)
    }

    fn district_numbers(&self) -> (u32, u32) {
        let known = DISTRICTS.iter().find(|(name, ..)| *name == self.district);
        known.map_or((11_000, 0), |(_, region, postal)| (*region, *postal))
    }

    /// Ten digits; the district's are real.
    fn region_code(&self, administrative: bool) -> String {
        let part = |place: &Self| if administrative { place.office } else { place.dong };
        let mut dongs: Vec<&str> = Vec::new();
        for place in PLACES.iter().filter(|place| place.district == self.district) {
            if !dongs.contains(&part(place)) {
                dongs.push(part(place));
            }
        }
        let number = dongs.iter().position(|dong| *dong == part(self)).unwrap_or_default() + 1;
        let first = if administrative { 500 } else { 100 };
        format!("{}{:03}00", self.district_numbers().0, first + number)
    }

    fn postal_code(&self) -> String {
        format!("{:02}{:03}", self.district_numbers().1, (self.number * 37) % 1000)
    }

    /// Kakao's group of the kind: its code, its name and the whole path of categories.
    fn category(&self) -> (&'static str, &'static str, String) {
        let (code, group, above) = match self.kind {
            "지하철역" => ("SW8", "지하철역", "교통,수송 > 지하철,전철"),
            "기차역" | "버스터미널" => ("", "", "교통,수송"),
            "대학교" => ("SC4", "학교", "교육,학문 > 학교"),
            "병원" => ("HP8", "병원", "의료,건강"),
            "관공서" => ("PO3", "공공기관", "사회,공공기관"),
            "호텔" => ("AD5", "숙박", "여행 > 숙박"),
            "아파트" => ("", "", "부동산 > 주거시설"),
            "공연장" | "박물관" | "미술관" | "도서관" => ("CT1", "문화시설", "문화,예술 > 문화시설"),
            "쇼핑몰" | "백화점" | "시장" => ("", "", "가정,생활"),
            _ => ("AT4", "관광명소", "여행 > 관광,명소"),
        };
        (code, group, format!("{above} > {}", self.kind))
    }

    fn as_found(&self, near: Option<Point>) -> Value {
        let (code, group, path) = self.category();
        json!({
            "id": (8_000_000 + self.number).to_string(),
            "place_name": self.name,
            "category_name": path,
            "category_group_code": code,
            "category_group_name": group,
            "phone": "",
            "address_name": self.lot_address(),
            "road_address_name": self.street_address(),
            "x": self.at.lng.to_string(),
            "y": self.at.lat.to_string(),
            "place_url": format!("http://place.map.kakao.com/{}", 8_000_000 + self.number),
            "distance": near.map_or_else(String::new, |near| format!("{:.0}", self.at.distance_m(near))),
        })
    }

    /// As an address; `kind` is what was asked for.
    fn as_address(&self, kind: &str) -> Value {
        let name = match kind {
            "REGION" => format!("서울 {} {}", self.district, self.dong),
            "ROAD_ADDR" => self.street_address(),
            _ => self.lot_address(),
        };
        let street = (kind != "REGION").then(|| self.street_part());
        json!({
            "address_name": name, "address_type": kind,
            "x": self.at.lng.to_string(), "y": self.at.lat.to_string(),
            "address": self.lot_part(kind == "REGION"), "road_address": street,
        })
    }

    fn lot_part(&self, region_alone: bool) -> Value {
        let mountain = self.lot.starts_with('산');
        let (main, sub) = numbers(if region_alone { "" } else { self.lot.trim_start_matches('산') });
        let name = if region_alone { format!("서울 {} {}", self.district, self.dong) } else { self.lot_address() };
        json!({
            "address_name": name,
            "region_1depth_name": "서울", "region_2depth_name": self.district, "region_3depth_name": self.dong,
            "region_3depth_h_name": self.office,
            "b_code": self.region_code(false), "h_code": self.region_code(true),
            "mountain_yn": if mountain { "Y" } else { "N" },
            "main_address_no": main, "sub_address_no": sub,
            "x": self.at.lng.to_string(), "y": self.at.lat.to_string(),
        })
    }

    fn street_part(&self) -> Value {
        let (road, number) = self.street.rsplit_once(' ').unwrap_or((self.street, ""));
        let (main, sub) = numbers(number);
        json!({
            "address_name": self.street_address(),
            "region_1depth_name": "서울", "region_2depth_name": self.district, "region_3depth_name": self.dong,
            "road_name": road, "underground_yn": "N", "main_building_no": main, "sub_building_no": sub,
            "building_name": self.name, "zone_no": self.postal_code(),
            "x": self.at.lng.to_string(), "y": self.at.lat.to_string(),
        })
    }

    fn as_region(&self, kind: &str, at: Point) -> Value {
        let dong = if kind == "H" { self.office } else { self.dong };
        json!({
            "region_type": kind,
            "address_name": format!("서울특별시 {} {dong}", self.district),
            "region_1depth_name": "서울특별시", "region_2depth_name": self.district, "region_3depth_name": dong,
            "region_4depth_name": "", "code": self.region_code(kind == "H"), "x": at.lng, "y": at.lat,
        })
    }
}

impl Point {
    /// Good enough within a city.
    fn distance_m(self, other: Self) -> f64 {
        let degree = 111_195.0;
        let (north, east) = (self.lat - other.lat, (self.lng - other.lng) * self.lat.to_radians().cos());
        north.hypot(east) * degree
    }
}

/// Places whose name, kind or address has every word of the query: those that begin with it first, then as they stand, or by
/// distance.
pub fn named(query: &str, near: Option<Point>, radius_m: Option<f64>, by_distance: bool) -> Vec<Value> {
    let squeezed = |text: &str| text.split_whitespace().collect::<String>().to_lowercase();
    let words: Vec<String> = words(query).iter().map(|word| word.to_lowercase()).collect();
    let whole = squeezed(query);
    let distance = |place: &Place| near.map_or(0.0, |near| place.at.distance_m(near));
    let mut found: Vec<&Place> = PLACES
        .iter()
        .filter(|place| {
            let text = squeezed(&format!("{} {} {} {}", place.name, place.kind, place.lot_address(), place.street));
            text.contains(&whole) || !words.is_empty() && words.iter().all(|word| text.contains(word))
        })
        .filter(|place| radius_m.is_none_or(|radius| distance(place) <= radius))
        .collect();
    if by_distance {
        found.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
    } else {
        let rank = |place: &Place| match squeezed(place.name) {
            name if name == whole => 0,
            name if name.starts_with(&whole) => 1,
            name if name.contains(&whole) => 2,
            _ => 3,
        };
        found.sort_by(|a, b| rank(a).cmp(&rank(b)).then(distance(a).total_cmp(&distance(b))));
    }
    found.into_iter().map(|place| place.as_found(near)).collect()
}

/// Addresses that have every word of the query: a region, a lot or a street with its number.
pub fn addresses(query: &str) -> Vec<Value> {
    let words = words(query);
    if words.is_empty() {
        return Vec::new();
    }
    let is_in = |address: &str| {
        let parts: Vec<&str> = address.split(' ').collect();
        words.iter().all(|word| parts.contains(word))
    };
    let region = |place: &Place| {
        words.contains(&place.dong) && is_in(&format!("{} {} {}", place.district, place.dong, place.office))
    };
    let mut regions: Vec<&Place> = Vec::new();
    for place in PLACES.iter().filter(|place| region(place)) {
        if !regions.iter().any(|known| (known.district, known.dong) == (place.district, place.dong)) {
            regions.push(place);
        }
    }
    if !regions.is_empty() {
        return regions.into_iter().map(|place| place.as_address("REGION")).collect();
    }
    let kind = |place: &Place| {
        if is_in(&place.street_address()) {
            Some("ROAD_ADDR")
        } else {
            is_in(&format!("{} {}", place.lot_address(), place.office)).then_some("REGION_ADDR")
        }
    };
    PLACES.iter().filter_map(|place| Some(place.as_address(kind(place)?))).collect()
}

/// The legal and the administrative region of a point: those of the nearest place. None far from Seoul.
pub fn region(at: Point) -> Vec<Value> {
    let nearest = PLACES.iter().min_by(|a, b| a.at.distance_m(at).total_cmp(&b.at.distance_m(at)));
    let nearest = nearest.filter(|place| place.at.distance_m(at) <= REGION_M);
    nearest.map_or_else(Vec::new, |place| vec![place.as_region("B", at), place.as_region("H", at)])
}

/// Without the city, which goes without saying.
fn words(query: &str) -> Vec<&str> {
    query.split_whitespace().filter(|word| !matches!(*word, "서울" | "서울시" | "서울특별시")).collect()
}

fn numbers(text: &str) -> (&str, &str) {
    text.split_once('-').unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GANGNAM: Point = Point { lat: 37.4979, lng: 127.0276 };

    fn names(found: &[Value]) -> Vec<&str> {
        found.iter().map(|place| place["place_name"].as_str().unwrap()).collect()
    }

    #[test]
    fn every_line_is_a_place_in_a_district_of_seoul() {
        assert_eq!(PLACES.len(), include_str!("gazetteer.tsv").lines().count());
        assert!(PLACES.len() >= 200, "{}", PLACES.len());
        for place in PLACES.iter() {
            assert!(DISTRICTS.iter().any(|(name, ..)| *name == place.district), "{place:?}");
            assert!((37.42..37.72).contains(&place.at.lat) && (126.75..127.19).contains(&place.at.lng), "{place:?}");
            assert!(
                [place.name, place.dong, place.office, place.lot, place.street].iter().all(|text| !text.is_empty())
            );
            assert!(place.street.contains(' '), "{place:?}");
        }
        for (district, ..) in DISTRICTS {
            assert!(PLACES.iter().any(|place| place.district == district), "{district} has no place");
        }
    }

    #[test]
    fn a_name_is_found_by_its_beginning_its_words_and_its_kind() {
        assert_eq!(names(&named("강남역", None, None, false))[0], "강남역");
        assert_eq!(names(&named("연세대", None, None, false))[0], "연세대학교 신촌캠퍼스");
        assert_eq!(names(&named("세브란스 신촌", None, None, false)), ["신촌세브란스병원"]);
        assert!(names(&named("송파구 아파트", None, None, false)).contains(&"헬리오시티"));
        assert!(named("없는 이름의 곳", None, None, false).is_empty());
    }

    #[test]
    fn distance_orders_and_bounds() {
        let found = named("지하철역", Some(GANGNAM), Some(1_000.0), true);
        assert_eq!(names(&found)[0], "강남역");
        let metres: Vec<u32> = found.iter().map(|place| place["distance"].as_str().unwrap().parse().unwrap()).collect();
        assert!(metres.is_sorted() && metres.len() > 1 && metres.iter().all(|metres| *metres <= 1_000), "{metres:?}");
    }

    #[test]
    fn an_address_is_a_region_a_lot_or_a_street() {
        let kinds = |query: &str| -> Vec<String> {
            addresses(query).iter().map(|it| it["address_type"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(kinds("역삼동"), ["REGION"]);
        assert_eq!(kinds("서울시 강남구 역삼동 858"), ["REGION_ADDR"]);
        assert_eq!(kinds("강남대로 396"), ["ROAD_ADDR"]);
        assert_eq!(kinds("서울"), [] as [&str; 0]);
        assert_eq!(kinds("세종대로 1"), [] as [&str; 0]);
        assert_eq!(addresses("역삼동")[0]["road_address"], Value::Null);
    }

    #[test]
    fn a_point_lies_in_the_regions_of_the_nearest_place() {
        let found = region(GANGNAM);
        assert_eq!((&found[0]["region_type"], &found[0]["region_3depth_name"]), (&json!("B"), &json!("역삼동")));
        assert_eq!((&found[1]["region_type"], &found[1]["region_3depth_name"]), (&json!("H"), &json!("역삼1동")));
        assert!(found[0]["code"].as_str().unwrap().starts_with("11680"));
        assert!(region(Point { lat: 35.1, lng: 129.0 }).is_empty(), "we know Seoul alone");
    }
}
