//! Places, distances, shards and tiles, against brute force.

use proptest::prelude::*;

use super::*;

const GANGNAM: Point = Point { lat: 37.4979, lng: 127.0276 };

prop_compose! {
    /// From Marado to beyond the northern border.
    fn in_korea()(lat in 33.0..39.0, lng in 124.5..131.0) -> Point {
        Point { lat, lng }
    }
}

/// The point at this distance and bearing.
fn away(from: Point, metres: f64, bearing: f64) -> Point {
    let (angle, lat) = (metres / EARTH_M, from.lat.to_radians());
    let there = (lat.sin() * angle.cos() + lat.cos() * angle.sin() * bearing.cos()).asin();
    let east = (bearing.sin() * angle.sin() * lat.cos()).atan2(angle.cos() - lat.sin() * there.sin());
    Point { lat: there.to_degrees(), lng: from.lng + east.to_degrees() }
}

#[test]
fn a_point_is_on_earth() {
    assert!(Point::new(-90.0, 180.0).is_some());
    for (lat, lng) in [(90.1, 0.0), (0.0, -180.1), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
        assert_eq!(Point::new(lat, lng), None);
    }
    assert!(serde_json::from_str::<Point>(r#"{"lat": 37.5, "lng": 127}"#).is_ok());
    for bad in [r#"{"lat": 91, "lng": 127}"#, r#"{"lat": 37.5}"#, r#"{"lat": 37.5, "lng": 127, "alt": 1}"#] {
        assert!(serde_json::from_str::<Point>(bad).is_err(), "{bad}");
    }
}

#[test]
fn shards_are_for_ever() {
    let seoul_busan_jeju = [GANGNAM, Point { lat: 35.1796, lng: 129.0756 }, Point { lat: 33.4996, lng: 126.5312 }];
    assert_eq!(seoul_busan_jeju.map(|point| point.shard().number()), [2851, 2400, 4859]);
    assert_eq!(
        seoul_busan_jeju.map(|point| u64::from(point.cell(HOME))),
        [0x0863_0e1c_a7ff_ffff, 0x0863_0c16_1fff_ffff, 0x0863_0d1c_c7ff_ffff]
    );
}

#[test]
fn cells_spread_over_the_shards() {
    let cells = GANGNAM.cell(HOME).grid_disk::<Vec<_>>(30);
    let shards: std::collections::BTreeSet<Shard> = cells.iter().copied().map(shard_of).collect();
    assert!(cells.len() == 2791 && shards.len() > 2300, "{} shards; at random it is 2,365", shards.len());
}

#[test]
fn bands_are_as_named() {
    let bands = [0.0, 99.9, 100.0, 499.0, 999.0, 1000.0, 2999.9].map(|metres| DistanceBand::of(metres).unwrap().word());
    let words = ["under_100m", "under_100m", "under_300m", "under_500m", "under_1km", "under_2km", "under_3km"];
    assert_eq!(bands, words);
    assert_eq!(DistanceBand::of(3000.0), None);
}

#[test]
fn the_known_distance_from_seoul_to_busan() {
    let metres = Point { lat: 37.5665, lng: 126.9780 }.distance_m(Point { lat: 35.1796, lng: 129.0756 });
    assert!((metres - 325_100.0).abs() < 500.0, "{metres}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn a_centre_is_near_and_is_its_own_centre(point in in_korea()) {
        let centre = point.centre();
        prop_assert!(point.distance_m(centre) < COARSE_REACH_M);
        prop_assert_eq!(centre.centre(), centre);
    }

    #[test]
    fn distance_is_that_of_the_way_and_the_same_back(from in in_korea(), metres in 0.0..50_000.0, bearing in 0.0..6.3) {
        let to = away(from, metres, bearing);
        prop_assert!((from.distance_m(to) - metres).abs() < 0.01);
        prop_assert!((from.distance_m(to) - to.distance_m(from)).abs() < 0.001);
    }

    #[test]
    fn every_party_whose_centre_is_in_the_disk_is_on_its_shards(
        from in prop_oneof![3 => in_korea(), 1 => (-80.0..80.0, -180.0..180.0).prop_map(|(lat, lng)| Point { lat, lng })],
        radius in 100_u32..=3000,
        part in 0.0..=1.0,
        beyond in 0.0..=250.0,
        bearing in 0.0..6.3,
    ) {
        let shards = from.shards_within(radius);
        prop_assert!(shards.is_sorted() && shards.contains(&from.shard()));
        let inside = away(from, f64::from(radius) * part, bearing);
        prop_assert!(shards.contains(&inside.shard()));
        // The exact point can lie outside while its centre lies inside.
        let exact = away(from, f64::from(radius) + beyond, bearing);
        prop_assert!(from.distance_m(exact.centre()) > f64::from(radius) || shards.contains(&exact.shard()));
    }

    #[test]
    fn a_disk_asks_few_shards(from in in_korea(), radius in 100_u32..=3000) {
        prop_assert!(from.shards_within(radius).len() <= 7);
    }

    #[test]
    fn metres_and_plane_keep_to_their_scale(
        from in prop_oneof![in_korea(), (-80.0..80.0, -170.0..170.0).prop_map(|(lat, lng)| Point { lat, lng })],
        radius in 100_u32..=3000, part in 0.001..=1.0, bearing in 0.0..6.3,
    ) {
        let to = away(from, f64::from(radius) * part, bearing);
        let ((x, y), (to_x, to_y)) = (from.plane(), to.plane());
        let (on_plane, metres) = ((to_x - x).hypot(to_y - y), from.distance_m(to));
        let scale = from.plane_scale(radius);
        prop_assert!(scale.least_m(on_plane) <= metres && scale.nearest(metres) <= on_plane);
    }

    #[test]
    fn the_box_holds_the_disk(from in in_korea(), radius in 100_u32..=3000, part in 0.0..=1.0, bearing in 0.0..6.3) {
        let (x, y) = away(from, f64::from(radius) * part, bearing).plane();
        let PlaneBox { low, high } = from.plane_box(radius);
        prop_assert!((low.0..=high.0).contains(&x) && (low.1..=high.1).contains(&y));
    }
}

proptest! {
    /// Whatever lies within the radius is in one of the tiles, and a tile's box and shards hold all that is in it.
    #[test]
    fn tiles_hold_what_is_near(lat in 33.0..39.0_f64, lng in 125.0..130.0_f64, north in -1.0..1.0_f64, east in -1.0..1.0_f64, radius in 100_u32..3000) {
        let centre = Point { lat, lng };
        let other = Point { lat: lat + 0.03 * north, lng: lng + 0.03 * east }.centre();
        if centre.distance_m(other) <= f64::from(radius) {
            prop_assert!(centre.tiles_within(radius).contains(&other.tile()));
        }
        let (tile, (x, y)) = (other.tile(), other.plane());
        let PlaneBox { low, high } = tile.plane_box();
        prop_assert!(low.0 <= x && x <= high.0 && low.1 <= y && y <= high.1);
        prop_assert!(tile.shards().contains(&other.shard()));
    }
}
