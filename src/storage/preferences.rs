//! SQL of what users have chosen: a document, read and written whole.

use sqlx::PgConnection;
use sqlx::types::Json;

use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::preferences::Chosen;
use crate::domain::user::{Language, User};
use crate::storage::{bounded, tx::Tx};

/// None when the user is gone.
pub async fn find(conn: &mut PgConnection, user: Id<User>) -> Result<Option<(Chosen, Language)>> {
    let row = sqlx::query!(
        r#"select u.language, p.document as "document?: Json<Chosen>"
           from users u left join preferences p on p.user_id = u.id
           where u.id = $1 and u.erased_at is null"#,
        user.raw(),
    );
    let row = bounded(row.fetch_optional(conn)).await?;
    row.map(|row| understood(&row.language, row.document)).transpose()
}

/// As [`find`], for a change: nobody else changes them until the transaction ends.
pub async fn lock(tx: &mut Tx, user: Id<User>) -> Result<Option<(Chosen, Language)>> {
    // By itself: a statement that waits for the lock sees the document as it was before.
    let alone = sqlx::query!("select from users where id = $1 for no key update", user.raw());
    bounded(alone.execute(&mut **tx)).await?;
    find(tx, user).await
}

fn understood(language: &str, document: Option<Json<Chosen>>) -> Result<(Chosen, Language)> {
    let unknown = || Error::internal(Code::Internal, format_args!("users.language is {language:?}"));
    let language = Language::from_word(language).ok_or_else(unknown)?;
    Ok((document.map(|Json(chosen)| chosen).unwrap_or_default(), language))
}

pub async fn save(tx: &mut Tx, user: Id<User>, chosen: &Chosen) -> Result<()> {
    let save = sqlx::query!(
        "insert into preferences (user_id, document) values ($1, $2)
         on conflict (user_id) do update set document = excluded.document",
        user.raw(),
        Json(chosen) as Json<&Chosen>,
    );
    bounded(save.execute(&mut **tx)).await?;
    Ok(())
}
