//! Pictures that are drawn when somebody asks for them: a few at a time, where they hold up nobody, and kept for a while. What is on
//! them is the caller's business.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use moka::sync::Cache;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::domain::error::{Code, Error, Result};
use crate::domain::id::Id;
use crate::domain::party::Party;
use crate::domain::user::Language;

/// How many are drawn at once: it is all computing, and requests need the cores too.
const AT_ONCE: usize = 2;
/// How long one waits for his turn.
const PATIENCE: Duration = Duration::from_secs(2);
const KEPT: Duration = Duration::from_mins(10);
/// Bytes.
const ROOM: u64 = 16 << 20;

/// A picture of a party, in a version and a language.
pub type Name = (Id<Party>, i64, Language);

pub struct Pictures {
    kept: Cache<Name, Bytes>,
    turns: Arc<Semaphore>,
}

impl Default for Pictures {
    fn default() -> Self {
        let weigh = |_: &Name, picture: &Bytes| u32::try_from(picture.len()).unwrap_or(u32::MAX);
        let kept = Cache::builder().weigher(weigh).max_capacity(ROOM).time_to_live(KEPT).build();
        Self { kept, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Pictures {
    pub async fn get(&self, name: Name, draw: impl FnOnce() -> Result<Vec<u8>> + Send + 'static) -> Result<Bytes> {
        if let Some(picture) = self.kept.get(&name) {
            return Ok(picture);
        }
        let turn = timeout(PATIENCE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Error::internal(Code::Busy, "too many pictures are being drawn"))?;
        // While one waited, another may have had it drawn.
        if let Some(picture) = self.kept.get(&name) {
            return Ok(picture);
        }
        let drawing = move || {
            // Its turn lasts as long as the drawing, also when whoever asked has hung up.
            let _turn = turn;
            draw()
        };
        let drawn = tokio::task::spawn_blocking(drawing).await;
        let picture = Bytes::from(drawn.map_err(|error| Error::internal(Code::Internal, error))??);
        self.kept.insert(name, picture.clone());
        Ok(picture)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_few_are_drawn_at_once_and_each_once() {
        static NOW: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        static DRAWN: AtomicUsize = AtomicUsize::new(0);
        let pictures = Arc::new(Pictures::default());
        let draw = |version: i64| {
            move || {
                MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                DRAWN.fetch_add(1, Ordering::SeqCst);
                let spent = (0..200_000).fold(0_u64, |sum, n| std::hint::black_box(sum.wrapping_mul(31) + n));
                NOW.fetch_sub(1, Ordering::SeqCst);
                Ok(vec![u8::try_from(version).unwrap(), u8::from(spent == 0)])
            }
        };
        let asking = (0..200).map(|n| {
            let pictures = Arc::clone(&pictures);
            tokio::spawn(async move {
                let version = n % 20;
                let got = pictures.get((Id::from_raw(1), version, Language::Korean), draw(version)).await.unwrap();
                assert_eq!(i64::from(got[0]), version);
            })
        });
        for asked in futures_util::future::join_all(asking).await {
            asked.unwrap();
        }
        assert!(MOST.load(Ordering::SeqCst) <= AT_ONCE);
        // Two turns may find the same one missing, each before the other is done.
        assert!((20..=40).contains(&DRAWN.load(Ordering::SeqCst)), "{DRAWN:?}");
    }

    #[tokio::test]
    async fn what_cannot_be_drawn_is_tried_again() {
        let pictures = Pictures::default();
        let name = (Id::from_raw(1), 1, Language::English);
        let failed = pictures.get(name, || Err(Code::Internal.into())).await;
        assert_eq!(failed.unwrap_err().code, Code::Internal);
        assert_eq!(pictures.get(name, || Ok(vec![7])).await.unwrap(), &[7][..]);
        assert_eq!(pictures.get(name, || Err(Code::Internal.into())).await.unwrap(), &[7][..], "kept");
    }
}
