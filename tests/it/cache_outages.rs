//! Redis slow, gone or not there at all: everybody is answered, nobody gets what is old, and it is used again when it is back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nbbang::domain::error::Code;
use nbbang::domain::id::Id;
use nbbang::storage::cache::{Cache, CacheKey, Settings};

use crate::cache::{Primary, key, process, read, until, version};
use crate::redis::Redis;
use crate::wire::Wire;

/// Until Redis is asked again, and has the value.
async fn used_again(cache: &Cache, primary: &Arc<Primary>, id: i64) {
    for _ in 0..1000 {
        let before = primary.loads();
        version(cache, primary, id).await;
        if primary.loads() == before {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("Redis is not used any more");
}

#[tokio::test]
async fn a_paused_redis_costs_nobody_his_answer_and_what_was_written_meanwhile_is_forgotten_first() {
    let redis = Redis::start().await;
    let cache = process(Some(&redis.url())).await;
    let primary = Primary::of(&(0..30).map(|id| (id, 1)).collect::<Vec<_>>());
    for id in 0..30 {
        assert_eq!(version(&cache, &primary, id).await, 1);
    }
    redis.pause();
    for id in 0..30 {
        primary.write(id, 2);
        cache.forget(&[key(id)]).await;
        assert_eq!(version(&cache, &primary, id).await, 2, "{id}");
    }
    redis.resume();
    for _ in 0..20 {
        for id in 0..30 {
            assert_eq!(version(&cache, &primary, id).await, 2, "{id}");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    used_again(&cache, &primary, 7).await;
}

#[tokio::test]
async fn what_one_process_could_not_forget_in_time_others_lose_too() {
    let redis = Redis::start().await;
    let (here, there) = (process(Some(&redis.url())).await, process(Some(&redis.url())).await);
    let primary = Primary::of(&(0..20).map(|id| (id, 1)).collect::<Vec<_>>());
    for id in 0..20 {
        assert_eq!(version(&there, &primary, id).await, 1);
    }
    redis.pause();
    for id in 0..20 {
        primary.write(id, 2);
        here.forget(&[key(id)]).await;
    }
    redis.resume();
    for id in 0..20 {
        for _ in 0..500 {
            if version(&there, &primary, id).await == 2 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(version(&there, &primary, id).await, 2, "{id}");
    }
}

#[tokio::test]
async fn a_killed_redis_costs_nobody_his_answer_and_is_used_again_when_it_is_back() {
    let mut redis = Redis::start().await;
    let cache = process(Some(&redis.url())).await;
    let primary = Primary::of(&[(1, 1)]);
    assert_eq!(version(&cache, &primary, 1).await, 1);
    redis.kill();
    for now in 2..20 {
        primary.write(1, now);
        cache.forget(&[key(1)]).await;
        assert_eq!(version(&cache, &primary, 1).await, now);
    }
    redis.restart().await;
    used_again(&cache, &primary, 1).await;
}

#[tokio::test]
async fn a_redis_that_comes_later_is_used_then() {
    let mut redis = Redis::start().await;
    redis.kill();
    let cache = process(Some(&redis.url())).await;
    let primary = Primary::of(&[(1, 1)]);
    assert_eq!(version(&cache, &primary, 1).await, 1);
    redis.restart().await;
    used_again(&cache, &primary, 1).await;
}

/// The process does not hear what it could not forget come back: the old value is still there when the wire is whole again.
#[tokio::test]
async fn what_could_not_be_forgotten_is_not_believed_though_redis_answers_again() {
    let redis = Redis::start().await;
    let wire = Wire::to(&redis.url()).await;
    let (here, there) = (process(Some(&wire.url)).await, process(Some(&redis.url())).await);
    let primary = Primary::of(&[(1, 1)]);
    assert_eq!(version(&here, &primary, 1).await, 1);
    wire.cut().await;
    primary.write(1, 2);
    here.forget(&[key(1)]).await;
    wire.mend();
    for _ in 0..50 {
        assert_eq!(version(&here, &primary, 1).await, 2);
    }
    for _ in 0..1000 {
        if version(&there, &primary, 1).await == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(version(&there, &primary, 1).await, 2, "it was made up for");
}

#[tokio::test]
async fn a_connection_that_has_broken_keeps_nothing_from_being_forgotten() {
    let redis = Redis::start().await;
    let wire = Wire::to(&redis.url()).await;
    let (here, there) = (process(Some(&wire.url)).await, process(Some(&redis.url())).await);
    let primary = Primary::of(&[(1, 1)]);
    for now in 2..10 {
        version(&there, &primary, 1).await;
        wire.cut().await;
        wire.mend();
        primary.write(1, now);
        here.forget(&[key(1)]).await;
        assert_eq!(version(&there, &primary, 1).await, now);
    }
}

/// As actix's threads do, before the jobs are over.
#[tokio::test(flavor = "current_thread")]
async fn the_thread_that_connected_anew_may_end() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    // This thread's reads alone are counted.
    let _here = metrics::set_default_local_recorder(&recorder);
    let redis = Redis::start().await;
    let wire = Wire::to(&redis.url()).await;
    let cache = process(Some(&wire.url)).await;
    let primary = Primary::of(&[(1, 1)]);
    wire.cut().await;
    wire.mend();
    let (asking, loading) = (cache.clone(), Arc::clone(&primary));
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(used_again(&asking, &loading, 1));
    });
    tokio::task::spawn_blocking(move || thread.join().unwrap()).await.unwrap();
    let before = primary.loads();
    assert_eq!(version(&cache, &primary, 1).await, 1);
    assert_eq!(primary.loads(), before);
    assert!(page.render().contains("nbbang_cache_reads_total{kind=\"party\",how=\"hit\"} 1"), "{}", page.render());
}

#[tokio::test]
async fn without_redis_the_database_is_asked_by_a_few_and_the_others_get_what_is_a_minute_old_or_are_told_to_wait() {
    let cache = process(None).await;
    let primary = Primary::of(&[(1, 1), (2, 1), (3, 1), (4, 1), (9, 1)]);
    assert_eq!(version(&cache, &primary, 9).await, 1);
    primary.write(9, 2);
    assert_eq!(version(&cache, &primary, 9).await, 2, "nothing old is served while the database can be asked");
    let (asked, blocks) = (Arc::clone(&primary), CacheKey::Blocks(Id::from_raw(9)));
    cache.read(&blocks, move || asked.load(9)).await.unwrap();
    let before = primary.loads();
    let held = primary.hold().await;
    let four: Vec<_> = (1..=4)
        .map(|id| {
            let (cache, primary) = (cache.clone(), Arc::clone(&primary));
            tokio::spawn(async move { version(&cache, &primary, id).await })
        })
        .collect();
    primary.loaded(before + 4).await;
    primary.write(9, 3);
    let old = read(&cache, &primary, 9).await.unwrap();
    assert_eq!((old.version, old.stale), (2, true));
    let asked = Arc::clone(&primary);
    let told = cache.read(&key(5), move || asked.load(5)).await;
    assert_eq!(told.unwrap_err().code, Code::Busy);
    let asked = Arc::clone(&primary);
    let told = cache.read(&blocks, move || asked.load(9)).await;
    assert_eq!(told.unwrap_err().code, Code::Busy, "old blocks are worse than none");
    drop(held);
    for one in four {
        assert_eq!(one.await.unwrap(), 1);
    }
    assert_eq!(version(&cache, &primary, 9).await, 3);
}

#[tokio::test]
async fn a_profile_is_known_without_asking_for_a_moment_but_not_after_it_was_forgotten_here() {
    let redis = Redis::start().await;
    let cache = process(Some(&redis.url())).await;
    let primary = Primary::of(&[(1, 1)]);
    let profile = CacheKey::Profile(Id::from_raw(1));
    let look = || {
        let primary = Arc::clone(&primary);
        let read = cache.read(&profile, move || primary.load(1));
        async move { read.await.unwrap().unwrap().version }
    };
    assert_eq!(look().await, 1);
    redis.pause();
    assert_eq!(look().await, 1);
    assert_eq!(primary.loads(), 1, "from its own copy");
    redis.resume();
    primary.write(1, 2);
    cache.forget(std::slice::from_ref(&profile)).await;
    assert_eq!(look().await, 2);
}

/// The recorder is that of one thread, so everything runs on it.
#[tokio::test(flavor = "current_thread")]
async fn the_auditor_counts_what_was_never_forgotten() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    let _here = metrics::set_default_local_recorder(&recorder);
    let redis = Redis::start().await;
    let url = redis.url();
    let settings = Settings {
        url: Some(&url),
        bulkhead: 4,
        audit_every: 2,
        now: nbbang::app::clock::real_unix_ms,
        random: || nbbang::app::random().as_u128(),
    };
    let cache = Cache::start(settings).await.unwrap();
    let primary = Primary::of(&[(1, 1)]);
    let counted = |stale: &str, times: usize| {
        page.render().contains(&format!("nbbang_cache_audits_total{{kind=\"party\",stale=\"{stale}\"}} {times}"))
    };
    assert_eq!(version(&cache, &primary, 1).await, 1);
    for _ in 0..2 {
        assert_eq!(version(&cache, &primary, 1).await, 1);
    }
    until("a hit is compared", || counted("false", 1)).await;
    primary.write(1, 2);
    for _ in 0..2 {
        assert_eq!(version(&cache, &primary, 1).await, 1, "nobody has forgotten it");
    }
    until("it is found out", || counted("true", 1)).await;
    primary.loads.store(0, Ordering::SeqCst);
    assert!(page.render().contains("nbbang_cache_reads_total{kind=\"party\",how=\"hit\"} 4"), "{}", page.render());
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_forgotten_in_time_is_cached_again_at_once() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    let _here = metrics::set_default_local_recorder(&recorder);
    let redis = Redis::start().await;
    let cache = process(Some(&redis.url())).await;
    let primary = Primary::of(&[(1, 1)]);
    cache.forget(&[key(1)]).await;
    assert_eq!(version(&cache, &primary, 1).await, 1);
    assert_eq!(version(&cache, &primary, 1).await, 1);
    assert_eq!(primary.loads(), 1, "{}", page.render());
    assert!(page.render().contains("nbbang_cache_forgets_total{ok=\"true\"} 1"), "{}", page.render());
}
