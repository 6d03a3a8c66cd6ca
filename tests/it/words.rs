//! Words that hurt: refused where people speak to others, whatever stands between their letters, and the operator's file of more.

use nbbang::app::App;
use serde_json::json;

use crate::person::draft;
use crate::world::{config, world, world_with};

const FAULT: &str = "offensive";

/// A file of one's own.
fn file(text: &[u8]) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("nbbang-words-{}.txt", nbbang::app::random()));
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test]
async fn nicknames_and_titles_that_hurt_are_refused_with_their_place() {
    world(|world| async move {
        let mina = world.person("mina").await;
        let refused = mina.patch("/v1/me", json!({"nickname": "시.발"})).await;
        let fields = json!([{"pointer": "/nickname", "code": FAULT, "detail": "쓸 수 없는 말이 있어요."}]);
        assert_eq!((refused.status, &refused.body["fields"]), (422, &fields), "{}", refused.text);
        assert_eq!(mina.get("/v1/me").await.expect(200)["nickname"], "mina");
        mina.patch("/v1/me", json!({"nickname": "즉시발송"})).await.expect(200);

        // With all other mistakes at once.
        let refused = mina.post("/v1/parties", draft(&json!({"title": "f u c k", "capacity": 1}))).await.expect(422);
        let told: Vec<_> = refused["fields"].as_array().unwrap().iter().map(|field| &field["code"]).collect();
        assert_eq!(told, ["offensive", "out_of_range"], "{refused}");
        let party = mina.opens(draft(&json!({"title": "Scunthorpe 치킨"}))).await;
        let refused =
            mina.patch(&format!("/v1/parties/{party}"), json!({"title": "개\u{200b}새끼들"})).await.expect(422);
        assert_eq!(
            (&refused["fields"][0]["pointer"], &refused["fields"][0]["code"]),
            (&json!("/title"), &json!(FAULT))
        );
        mina.patch(&format!("/v1/parties/{party}"), json!({"title": "다시 발송"})).await.expect(200);
    })
    .await;
}

#[tokio::test]
async fn a_provider_brings_no_name_that_hurts() {
    world(|world| async move {
        let token = world.token("kakao", "007", json!({"nickname": "씨발놈"})).await;
        let body = json!({"id_token": token, "nonce": crate::sign_in::NONCE});
        let sent = world.client.post(format!("{}/v1/sessions/kakao", world.base)).json(&body).send().await.unwrap();
        let session = crate::person::Answer::of(sent).await.expect(200);
        assert!(session["user"]["nickname"].as_str().unwrap().starts_with("이웃"), "{session}");
    })
    .await;
}

#[tokio::test]
async fn an_operator_adds_words_in_a_file() {
    let path = file("# ours\n꼰대*\n".as_bytes());
    world_with(
        |config| config.rules.words_file = Some(path.clone()),
        |world| async move {
            let mina = world.person("mina").await;
            for (nickname, status) in [("꼰대질", 422), ("시발", 422), ("민아", 200)] {
                mina.patch("/v1/me", json!({"nickname": nickname})).await.expect(status);
            }
        },
    )
    .await;
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn a_file_that_cannot_be_read_stops_the_start_with_a_sentence() {
    world(|world| async move {
        let bad = [(file(b"\xff\xfe"), "cannot be read"), (file("바보\n***\n".as_bytes()), "line 2")];
        let missing = (std::path::PathBuf::from("/nowhere/words.txt"), "cannot be read");
        for (path, why) in bad.into_iter().chain([missing]) {
            let mut config = config(&world.urls, &world.simulator);
            config.rules.words_file = Some(path.clone());
            let told = App::start(config).await.err().expect("no start");
            let begin = format!("NBBANG_WORDS_FILE: {} ", path.display());
            assert!(told.starts_with(&begin) && told.contains(why) && told.ends_with('.'), "{told}");
            drop(std::fs::remove_file(path));
        }
    })
    .await;
}
