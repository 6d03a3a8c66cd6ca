//! The public view of parties: by id, and those nearest to a point. Nothing here reads the exact spot.

use sqlx::PgConnection;
use sqlx::types::Json;

use crate::domain::Time;
use crate::domain::error::{Code, Error, Result};
use crate::domain::geo::{PlaneBox, Point, Tile};
use crate::domain::id::Id;
use crate::domain::listing::{Listing, People, Spot};
use crate::domain::money::Krw;
use crate::domain::party::{BOOST, Party, State};
use crate::domain::split::{FeeTier, Split, Tariff};
use crate::domain::terms::{Category, Settlement, Store};
use crate::domain::user::User;

/// One party, and who is in it.
pub async fn find(conn: &mut PgConnection, id: Id<Party>, now: Time) -> Result<Option<(Listing, People)>> {
    let row = sqlx::query_as!(
        Row,
        r#"
        select id, version, title, store as "store: Json<Store>", area_lat, area_lng, area_name, state, host_id, host_nickname,
            host_trust, member_count, seats_taken, capacity, min_members, min_order_krw, food_total_krw, fee_max_krw,
            fee_cap_krw, fee_tiers as "fee_tiers: Json<Vec<FeeTier>>", deadline_at, settlement, split, created_at,
            coalesce(boosted_until > $2 and state = 'open', false) as "is_boosted!", member_ids as "member_ids?",
            null::float8 as distance
        from parties where id = $1
        "#,
        id.raw(),
        now,
    );
    let Some(mut row) = row.fetch_optional(conn).await? else { return Ok(None) };
    let members = row.member_ids.take().unwrap_or_default();
    let people = People { host: Id::from_raw(row.host_id), members: members.into_iter().map(Id::from_raw).collect() };
    Ok(Some((Listing::try_from(row)?, people)))
}

/// What to look for around a point.
pub struct Search<'a> {
    pub centre: Point,
    pub radius_m: u32,
    pub category: Option<Category>,
    pub apart: &'a [Id<User>],
    pub now: Time,
    /// Those count as boosted that were so then, whatever has become of them since.
    pub as_of: Time,
    /// On the plane; what is nearer is known already. None: all the boosted ones are.
    pub boosted_from: Option<f64>,
    pub from: f64,
    pub limit: i64,
}

/// A party near a point, and how far it is on the plane.
pub struct Near {
    pub on_plane: f64,
    pub listing: Listing,
}

/// Open parties inside the box around the radius, the boosted ones and then the others, each nearest first: a little more than
/// the disk, whose edge the caller minds. Ordered by distance alone, since with a second key PostgreSQL would rather sort the
/// whole box, of which it thinks that it holds next to nothing, than walk the index.
pub async fn nearest(conn: &mut PgConnection, search: &Search<'_>) -> Result<Vec<Near>> {
    let (x, y) = search.centre.plane();
    let PlaneBox { low, high } = search.centre.plane_box(search.radius_m);
    let rows = sqlx::query_as!(
        Row,
        r#"
        select id as "id!", version as "version!", title as "title!", store as "store!: Json<Store>", area_lat as "area_lat!",
            area_lng as "area_lng!", area_name, state as "state!", host_id as "host_id!", host_nickname as "host_nickname!",
            host_trust as "host_trust!", member_count as "member_count!", seats_taken as "seats_taken!",
            capacity as "capacity!", min_members as "min_members!", min_order_krw as "min_order_krw!",
            food_total_krw as "food_total_krw!", fee_max_krw as "fee_max_krw!", fee_cap_krw,
            fee_tiers as "fee_tiers!: Json<Vec<FeeTier>>", deadline_at as "deadline_at!", settlement as "settlement!",
            split as "split!", created_at as "created_at!", is_boosted as "is_boosted!", null::bigint[] as member_ids,
            area <-> point($5, $6) as distance
        from (
            (
                select p.*, true as is_boosted from parties p
                where $12::float8 is not null and state = 'open' and boosted_at > $13 and boosted_at <= $14
                    and area <@ box(point($1, $2), point($3, $4)) and deadline_at > $7
                    and ($8::text is null or category = $8) and not member_ids && $9
                    and area <-> point($5, $6) >= $12
                order by area <-> point($5, $6)
                limit $10
            )
            union all
            (
                select p.*, false from parties p
                where state = 'open' and (boosted_at is null or boosted_at <= $13 or boosted_at > $14)
                    and area <@ box(point($1, $2), point($3, $4)) and deadline_at > $7
                    and ($8::text is null or category = $8) and not member_ids && $9
                    and area <-> point($5, $6) >= $11
                order by area <-> point($5, $6)
                limit $10
            )
        ) near
        "#,
        low.0,
        low.1,
        high.0,
        high.1,
        x,
        y,
        search.now,
        search.category.map(Category::word),
        &raw(search.apart),
        search.limit,
        search.from,
        search.boosted_from,
        search.as_of - BOOST,
        search.as_of,
    );
    let near = |row: Row| Ok(Near { on_plane: row.distance.unwrap_or_default(), listing: Listing::try_from(row)? });
    rows.fetch_all(conn).await?.into_iter().map(near).collect()
}

/// Open parties of a tile.
pub async fn of_tile(conn: &mut PgConnection, tile: Tile, now: Time) -> Result<Vec<Spot>> {
    let PlaneBox { low, high } = tile.plane_box();
    let rows = sqlx::query!(
        r#"
        select id, area_lat, area_lng, boosted_at from parties
        where state = 'open' and area <@ box(point($1, $2), point($3, $4)) and deadline_at > $5
        "#,
        low.0,
        low.1,
        high.0,
        high.1,
        now,
    );
    let rows = rows.fetch_all(conn).await?.into_iter();
    let spots = rows.map(|row| Spot {
        id: Id::from_raw(row.id),
        area: Point { lat: row.area_lat, lng: row.area_lng },
        boosted_at: row.boosted_at,
    });
    Ok(spots.filter(|spot| spot.area.tile() == tile).collect())
}

fn raw(users: &[Id<User>]) -> Vec<i64> {
    users.iter().map(|user| user.raw()).collect()
}

struct Row {
    id: i64,
    version: i64,
    title: String,
    store: Json<Store>,
    area_lat: f64,
    area_lng: f64,
    area_name: Option<String>,
    state: String,
    host_id: i64,
    host_nickname: String,
    host_trust: i16,
    member_count: i16,
    seats_taken: i16,
    capacity: i16,
    min_members: i16,
    min_order_krw: i64,
    food_total_krw: i64,
    fee_max_krw: i64,
    fee_cap_krw: Option<i64>,
    fee_tiers: Json<Vec<FeeTier>>,
    deadline_at: Time,
    settlement: String,
    split: String,
    created_at: Time,
    is_boosted: bool,
    member_ids: Option<Vec<i64>>,
    distance: Option<f64>,
}

impl TryFrom<Row> for Listing {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let unknown = || Error::internal(Code::Internal, "a party's row holds an unknown word");
        let split = Split::from_word(&row.split).ok_or_else(unknown)?;
        let food_total_krw = Krw::new(row.food_total_krw);
        let tariff = Tariff {
            split,
            fee_tiers: row.fee_tiers.0,
            discount_krw: Krw::ZERO,
            min_members: row.min_members,
            min_order_krw: Krw::new(row.min_order_krw),
        };
        Ok(Self {
            id: Id::from_raw(row.id),
            version: row.version,
            title: row.title,
            store: row.store.0,
            area: Point { lat: row.area_lat, lng: row.area_lng },
            area_name: row.area_name,
            state: State::from_word(&row.state).ok_or_else(unknown)?,
            host_id: Id::from_raw(row.host_id),
            host_nickname: row.host_nickname,
            host_trust: row.host_trust,
            member_count: row.member_count,
            seats_taken: row.seats_taken,
            capacity: row.capacity,
            min_members: row.min_members,
            min_order_krw: Krw::new(row.min_order_krw),
            food_total_krw,
            fee_krw: tariff.fee(food_total_krw),
            fee_max_krw: Krw::new(row.fee_max_krw),
            fee_cap_krw: Krw::new(row.fee_cap_krw.unwrap_or(row.fee_max_krw)),
            deadline_at: row.deadline_at,
            settlement: Settlement::from_word(&row.settlement).ok_or_else(unknown)?,
            split,
            is_boosted: row.is_boosted,
            created_at: row.created_at,
        })
    }
}
