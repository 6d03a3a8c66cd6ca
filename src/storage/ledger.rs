//! The ledger, for those who check it; commands write it with the party.

use sqlx::PgConnection;
use sqlx::types::Json;

use crate::domain::error::Result;
use crate::domain::id::Id;
use crate::domain::ledger::Leg;
use crate::domain::party::Party;

pub async fn of(conn: &mut PgConnection, party: Id<Party>) -> Result<Vec<Leg>> {
    let rows = sqlx::query_scalar!(
        r#"select row_to_json(l) as "leg!: Json<Leg>" from ledger l where party_id = $1 order by id"#,
        party.raw(),
    );
    Ok(rows.fetch_all(conn).await?.into_iter().map(|Json(leg)| leg).collect())
}
