//! Places on the map: the coarse centre that outsiders see, shards, distances and bands; it stores no one's position.
#![expect(clippy::float_arithmetic, reason = "coordinates are floats, and no money is near")]

use std::f64::consts::FRAC_PI_2;

use h3o::{CellIndex, LatLng, Resolution};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::id::Shard;

/// Mean radius of the earth in metres.
const EARTH_M: f64 = 6_371_008.8;
/// Cosine of 36.5°, the middle of Korea: one degree of longitude in degrees of latitude.
const COS_KOREA: f64 = 0.803_856_860_617_217_1;
/// Cells that outsiders see instead of a point, about 200 m from centre to corner.
const COARSE: Resolution = Resolution::Nine;
/// More than a coarse cell measures from its centre to any corner, anywhere on earth.
const COARSE_REACH_M: f64 = 300.0;
/// Cells whose parties are listed together for the search, about 500 m from centre to corner.
const TILE: Resolution = Resolution::Eight;
/// More than a tile measures from its centre to any corner, anywhere on earth.
const TILE_REACH_M: u32 = 800;
/// Every ring of tiles but the first is that wide and more.
const TILE_RING_M: f64 = 600.0;
/// Cells that decide where a party lives, about 3.7 km from centre to corner.
const HOME: Resolution = Resolution::Six;

/// Every ring of home cells but the first is that wide and more.
const HOME_RING_M: f64 = 4000.0;

/// A cell whose open parties are listed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile(CellIndex);

impl std::fmt::Display for Tile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Tile {
    /// Shards of all parties in it.
    pub fn shards(self) -> Vec<Shard> {
        Point::from(LatLng::from(self.0)).shards_within(TILE_REACH_M)
    }

    /// A box that holds it.
    pub fn plane_box(self) -> PlaneBox {
        Point::from(LatLng::from(self.0)).plane_box(TILE_REACH_M)
    }
}

/// A point in degrees, WGS 84.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "Raw")]
pub struct Point {
    #[schema(minimum = -90, maximum = 90, example = 37.4979)]
    pub lat: f64,
    #[schema(minimum = -180, maximum = 180, example = 127.0276)]
    pub lng: f64,
}

/// A box on the plane of [`Point::plane`], both corners inside.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlaneBox {
    pub low: (f64, f64),
    pub high: (f64, f64),
}

/// Fewest and most metres of one step on the plane of [`Point::plane`].
#[derive(Clone, Copy, Debug)]
pub struct PlaneScale {
    least: f64,
    most: f64,
}

impl PlaneScale {
    /// The fewest metres that so far on the plane can be.
    pub fn least_m(self, on_plane: f64) -> f64 {
        on_plane * self.least
    }

    /// The nearest on the plane that so many metres can be.
    pub fn nearest(self, metres: f64) -> f64 {
        metres / self.most
    }
}

impl Point {
    /// None for what is not on earth.
    pub fn new(lat: f64, lng: f64) -> Option<Self> {
        // A range holds neither NaN nor infinity.
        ((-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lng)).then_some(Self { lat, lng })
    }

    /// The centre of the coarse cell around this point: all that an outsider learns of it. A centre is its own centre.
    #[must_use]
    pub fn centre(self) -> Self {
        LatLng::from(self.cell(COARSE)).into()
    }

    /// The shard on which a party at this point lives. Stored in ids for ever: the hash must not change.
    pub fn shard(self) -> Shard {
        shard_of(self.cell(HOME))
    }

    /// The shards of all parties whose centre (not whose exact point) lies within `radius_m` of this point; sorted,
    /// each once. A party's shard is that of its exact point, which can lie a coarse cell further out.
    pub fn shards_within(self, radius_m: u32) -> Vec<Shard> {
        // A metre more than that, since cells are bounded by arcs and we measure to their chords.
        let reach = f64::from(radius_m) + COARSE_REACH_M + 1.0;
        let home = self.cell(HOME);
        let mut shards: Vec<Shard> = home
            .grid_disk::<Vec<_>>(rings(reach, HOME_RING_M))
            .into_iter()
            .filter(|cell| *cell == home || distance_to_cell_m(self, *cell) <= reach)
            .map(shard_of)
            .collect();
        shards.sort_unstable();
        shards.dedup();
        shards
    }

    /// The tile that this point is in.
    pub fn tile(self) -> Tile {
        Tile(self.cell(TILE))
    }

    /// The tiles that may hold a point within `radius_m` of this one.
    pub fn tiles_within(self, radius_m: u32) -> Vec<Tile> {
        let reach = f64::from(radius_m) + 1.0;
        let own = self.cell(TILE);
        let near = |cell: &CellIndex| *cell == own || distance_to_cell_m(self, *cell) <= reach;
        own.grid_disk::<Vec<_>>(rings(reach, TILE_RING_M)).into_iter().filter(near).map(Tile).collect()
    }

    /// Great-circle distance in metres (haversine).
    pub fn distance_m(self, other: Self) -> f64 {
        let lat = ((other.lat - self.lat).to_radians() / 2.0).sin();
        let lng = ((other.lng - self.lng).to_radians() / 2.0).sin();
        let chord = lat * lat + self.lat.to_radians().cos() * other.lat.to_radians().cos() * lng * lng;
        2.0 * EARTH_M * chord.sqrt().min(1.0).asin()
    }

    /// In whole metres.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "half around the earth is 20,000 km")]
    pub fn metres_to(self, other: Self) -> u32 {
        self.distance_m(other).round() as u32
    }

    /// With so many decimals of a degree alone.
    #[must_use]
    pub fn rounded(self, decimals: i32) -> Self {
        let scale = 10_f64.powi(decimals);
        let round = |degrees: f64| (degrees * scale).round() / scale;
        Self { lat: round(self.lat), lng: round(self.lng) }
    }

    /// On a plane where near Korea a step east is about as long as a step north: for the nearest-neighbour index.
    pub fn plane(self) -> (f64, f64) {
        (self.lng * COS_KOREA, self.lat)
    }

    /// A box on that plane which holds every point within `radius_m`, away from the poles and the date line.
    pub fn plane_box(self, radius_m: u32) -> PlaneBox {
        // A thousandth more, so that rounding leaves nobody out.
        let angle = (f64::from(radius_m) * 1.001 / EARTH_M).min(FRAC_PI_2);
        let east = (angle.sin() / self.lat.to_radians().cos()).min(1.0).asin().to_degrees() * COS_KOREA;
        let north = angle.to_degrees();
        let (x, y) = self.plane();
        PlaneBox { low: (x - east, y - north), high: (x + east, y + north) }
    }

    /// How metres and that plane compare within `radius_m` of this point.
    pub fn plane_scale(self, radius_m: u32) -> PlaneScale {
        let metres = 1_f64.to_radians() * EARTH_M;
        let reach = f64::from(radius_m) * 1.001 / metres;
        let east = |lat: f64| lat.clamp(-90.0, 90.0).to_radians().cos() / COS_KOREA;
        let (south, north) = (east(self.lat - reach), east(self.lat + reach));
        let widest = if self.lat.abs() <= reach { COS_KOREA.recip() } else { south.max(north) };
        // A little more on both sides, since the earth is round.
        PlaneScale { least: metres * south.min(north).min(1.0) * 0.9999, most: metres * widest.max(1.0) * 1.0001 }
    }

    fn cell(self, resolution: Resolution) -> CellIndex {
        LatLng::from(self).to_cell(resolution)
    }

    /// In metres from the middle of the earth.
    fn in_space(self) -> [f64; 3] {
        let (lat, lng) = (self.lat.to_radians(), self.lng.to_radians());
        [lat.cos() * lng.cos(), lat.cos() * lng.sin(), lat.sin()].map(|part| part * EARTH_M)
    }
}

crate::words! {
    /// How far a party's neighbourhood is from the searcher.
    pub enum DistanceBand {
        Under100m => "under_100m",
        Under300m => "under_300m",
        Under500m => "under_500m",
        Under1km => "under_1km",
        Under2km => "under_2km",
        Under3km => "under_3km",
    }
}

impl DistanceBand {
    /// None beyond the widest search.
    pub fn of(metres: f64) -> Option<Self> {
        Self::ALL.iter().copied().find(|band| metres < band.below_m())
    }

    const fn below_m(self) -> f64 {
        match self {
            Self::Under100m => 100.0,
            Self::Under300m => 300.0,
            Self::Under500m => 500.0,
            Self::Under1km => 1000.0,
            Self::Under2km => 2000.0,
            Self::Under3km => 3000.0,
        }
    }
}

/// The finaliser of splitmix64: neighbouring cells differ in few bits, their shards in all.
fn shard_of(cell: CellIndex) -> Shard {
    let mut hash = u64::from(cell);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Shard::of_hash(hash ^ (hash >> 31))
}

/// Rings of cells that surely hold a disk around a point of the innermost: every ring but the first is `ring_m` and more.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a reach is positive and small")]
fn rings(reach_m: f64, ring_m: f64) -> u32 {
    1 + (reach_m / ring_m).ceil() as u32
}

/// From a point outside of a cell to its nearest edge.
fn distance_to_cell_m(from: Point, cell: CellIndex) -> f64 {
    let boundary = cell.boundary();
    let corners: Vec<[f64; 3]> = boundary.iter().map(|corner| Point::from(*corner).in_space()).collect();
    let from = from.in_space();
    corners
        .iter()
        .zip(corners.iter().cycle().skip(1))
        .map(|(start, end)| distance_to_edge_m(from, *start, *end))
        .fold(f64::INFINITY, f64::min)
}

fn distance_to_edge_m(from: [f64; 3], start: [f64; 3], end: [f64; 3]) -> f64 {
    let edge = minus(end, start);
    let along = (dot(minus(from, start), edge) / dot(edge, edge)).clamp(0.0, 1.0);
    let off = minus(minus(from, start), edge.map(|part| part * along));
    dot(off, off).sqrt()
}

fn minus([ax, ay, az]: [f64; 3], [bx, by, bz]: [f64; 3]) -> [f64; 3] {
    [ax - bx, ay - by, az - bz]
}

fn dot([ax, ay, az]: [f64; 3], [bx, by, bz]: [f64; 3]) -> f64 {
    ax * bx + ay * by + az * bz
}

/// A point as written, before it is known to be on earth.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    lat: f64,
    lng: f64,
}

impl TryFrom<Raw> for Point {
    type Error = &'static str;

    fn try_from(raw: Raw) -> Result<Self, Self::Error> {
        Self::new(raw.lat, raw.lng).ok_or("not a point on earth")
    }
}

impl From<LatLng> for Point {
    fn from(at: LatLng) -> Self {
        Self { lat: at.lat(), lng: at.lng() }
    }
}

impl From<Point> for LatLng {
    #[expect(clippy::expect_used, reason = "a point is finite, which is all that is asked")]
    fn from(point: Point) -> Self {
        Self::new(point.lat, point.lng).expect("a point is finite")
    }
}

#[cfg(test)]
#[path = "geo_tests.rs"]
mod tests;
