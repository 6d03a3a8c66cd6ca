//! The page that an invitation leads to, as a browser and as KakaoTalk's machines get it: what it says, what it never says, how it is
//! sent, and how it looks at a phone's size.

use std::path::{Path, PathBuf};
use std::process::Command;

use nbbang::config::Config;
use serde_json::{Value, json};

use crate::person::{Answer, Person, draft, food, transfer_draft};
use crate::world::{World, world, world_with};

/// As a browser that prefers this language.
async fn page(world: &World, path: &str, language: &str) -> Answer {
    let request = world.client.get(format!("{}{path}", world.base)).header("accept-language", language);
    Answer::of(request.send().await.unwrap()).await
}

fn with_apps(config: &mut Config) {
    let pages = &mut config.pages;
    pages.public_url = "https://nbbang.example.com".to_owned();
    pages.ios_app_id = Some("ABCDE12345.app.nbbang".to_owned());
    pages.ios_store_url = Some("https://apps.apple.com/kr/app/id1234567890".to_owned());
    pages.android_package = Some("app.nbbang".to_owned());
    pages.android_certs = vec![["1F"; 32].join(":")];
    pages.android_store_url = Some("https://play.google.com/store/apps/details?id=app.nbbang&hl=ko".to_owned());
}

/// A party of mina's with juno in it, and her invitation.
async fn invited(world: &World, change: Value) -> (Person, String, String) {
    let (mina, juno) = (world.person("mina").await, world.person("juno").await);
    let party = mina.opens(draft(&change)).await;
    juno.joins_and_pays(&party, food(8_000)).await;
    let code = mina.invites(&party).await;
    (mina, party, code)
}

/// The value of a meta tag.
#[track_caller]
fn meta<'a>(html: &'a str, name: &str) -> &'a str {
    let at = format!("\"{name}\" content=\"");
    let (_, rest) = html.split_once(&at).unwrap_or_else(|| panic!("no {name} in {html}"));
    rest.split_once('"').unwrap().0
}

#[tokio::test]
async fn a_page_says_what_is_offered_and_in_which_language() {
    world_with(with_apps, |world| async move {
        let (_, _, code) = invited(&world, json!({})).await;
        let korean = page(&world, &format!("/i/{code}"), "ko-KR,ko;q=0.9").await;
        assert_eq!(korean.status, 200, "{}", korean.text);
        let html = &korean.text;
        assert!(html.starts_with("<!doctype html>\n<html lang=\"ko\">"), "{html}");
        // Two are in it, four can be; 4,000 alone, a third of it for the third.
        for said in [
            "치킨 같이 시켜요",
            "교촌치킨 역삼점",
            "치킨</span>",
            "2자리 남았어요",
            "1,333원",
            "4,000원",
            "2,667원",
            "2,000원",
        ] {
            assert!(html.contains(said), "{said}: {html}");
        }
        let english = page(&world, &format!("/i/{}", code.to_uppercase()), "en").await;
        for said in ["<html lang=\"en\">", "2 seats left", "₩1,333", "save ₩2,667", "(KST)", "Chicken"] {
            assert!(english.text.contains(said), "{said}: {}", english.text);
        }
        for answer in [&korean, &english] {
            assert!(
                answer.text.len() < 9_000,
                "comes in the first flight of 14 kB, uncompressed: {}",
                answer.text.len()
            );
            let url = format!("https://nbbang.example.com/i/{code}");
            let said = |name| meta(&answer.text, name);
            assert_eq!((said("og:url"), said("og:title")), (url.as_str(), "치킨 같이 시켜요"));
            assert!(said("og:image").starts_with(&format!("{url}/card.png?lang=")), "{}", said("og:image"));
            assert_eq!((said("og:image:width"), said("og:image:height")), ("1200", "630"));
            assert!(said("og:description").contains("교촌치킨 역삼점 · 2"), "{}", said("og:description"));
            assert_eq!(said("twitter:card"), "summary_large_image");
            assert_eq!(said("apple-itunes-app"), format!("app-id=1234567890, app-argument={url}"));
            for link in [
                format!("nbbang://i/{code}"),
                "https://apps.apple.com/kr/app/id1234567890".to_owned(),
                "https://play.google.com/store/apps/details?id=app.nbbang&#38;hl=ko".to_owned(),
            ] {
                assert!(answer.text.contains(&format!("href=\"{link}\"")), "{link}: {}", answer.text);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn it_is_sent_with_headers_that_let_nothing_else_in() {
    world(|world| async move {
        let (_, _, code) = invited(&world, json!({})).await;
        for path in [format!("/i/{code}"), "/i/0000000000".to_owned()] {
            let answer = page(&world, &path, "ko").await;
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
            assert!(!policy.contains("unsafe") && !policy.contains("script"), "{policy}");
            for part in ["base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
                assert!(policy.contains(part), "{policy}");
            }
            for (name, value) in [
                ("referrer-policy", "no-referrer"),
                ("x-content-type-options", "nosniff"),
                ("x-robots-tag", "noindex"),
                ("set-cookie", ""),
            ] {
                assert_eq!(answer.header(name), value, "{name}");
            }
            let varies: Vec<_> = answer.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
            assert!(varies.join(",").contains("accept-language"), "{varies:?}");
            let html = &answer.text;
            assert!(!html.contains("<script") && !html.contains("style=\"") && !html.contains(" on"), "{html}");
            // What it loads is in it.
            assert!(!html.contains("src=") && !html.contains("stylesheet"), "{html}");
            for part in ["name=\"viewport\"", "color-scheme", "<main", "<h1>"] {
                assert!(html.contains(part), "{part}: {html}");
            }
            assert!(!html.contains("nbbang://") && !html.contains("<nav"), "there is no app to open: {html}");
        }
        let kept = page(&world, &format!("/i/{code}"), "ko").await;
        assert_eq!(kept.header("cache-control"), "public, max-age=30");
    })
    .await;
}

#[tokio::test]
async fn what_people_wrote_is_text_and_nothing_else() {
    world(|world| async move {
        let change = json!({
            "title": "<script>alert(1)</script>", "store": {"name": "\"><img src=x onerror=alert(1)>&amp;", "category": "pizza"},
        });
        let (_, _, code) = invited(&world, change).await;
        let html = page(&world, &format!("/i/{code}"), "ko").await.text;
        assert!(!html.contains("<script") && !html.contains("<img") && !html.contains("\"><img"), "{html}");
        assert!(html.contains("&#60;script&#62;alert(1)&#60;/script&#62;"), "{html}");
        assert_eq!(meta(&html, "og:title"), "&#60;script&#62;alert(1)&#60;/script&#62;");
        assert!(meta(&html, "og:description").starts_with("&#34;&#62;&#60;img src=x onerror=alert(1)&#62;&#38;amp;"));
    })
    .await;
}

#[tokio::test]
async fn one_that_leads_nowhere_says_so_kindly() {
    world_with(with_apps, |world| async move {
        let (mina, party, code) = invited(&world, json!({})).await;
        let other = mina.invites(&party).await;
        mina.delete(&format!("/v1/parties/{party}/invitations/{other}")).await.expect(204);
        let check = async |path: &str, status: u16, heading: &str| {
            let answer = page(&world, path, "ko").await;
            assert_eq!((answer.status, answer.header("cache-control")), (status, "no-store"), "{path}");
            assert!(answer.text.contains(&format!("<h1>{heading}</h1>")), "{path}: {}", answer.text);
            assert!(answer.text.contains("apps.apple.com"), "{path}");
            assert!(!answer.text.contains("교촌") && !answer.text.contains("og:image"), "{path}: {}", answer.text);
            let picture = world.get(&format!("{}/card.png", path.trim_end_matches('/'))).await;
            assert_eq!(picture.status, status, "{path}");
        };
        check(&format!("/i/{other}"), 410, "이 초대는 끝났어요").await;
        for unknown in ["/i/0000000000", "/i/short", "/i/%ED%95%9C", "/i/a/b"] {
            check(unknown, 404, "초대를 찾을 수 없어요").await;
        }
        assert_eq!(page(&world, &format!("/i/{code}"), "ko").await.status, 200);
        mina.cancels(&party, "host").await.expect(200);
        check(&format!("/i/{code}"), 410, "이 초대는 끝났어요").await;
        let english = page(&world, &format!("/i/{code}"), "en").await;
        assert!(english.text.contains("<h1>This invitation is over</h1>"), "{}", english.text);
        let posted = world.client.post(format!("{}/i/{code}", world.base)).send().await.unwrap();
        assert_eq!((posted.status().as_u16(), posted.headers()["allow"].to_str().unwrap()), (405, "GET, HEAD"));
    })
    .await;
}

#[tokio::test]
async fn it_changes_with_the_party() {
    world(|world| async move {
        let (mina, party, code) = invited(&world, json!({"capacity": 3})).await;
        let path = format!("/i/{code}");
        let before = page(&world, &path, "ko").await.text;
        assert!(meta(&before, "og:description").contains("1자리 남았어요"), "{before}");
        world.person("sena").await.joins_and_pays(&party, food(5_000)).await;
        let after = page(&world, &path, "ko").await.text;
        assert!(after.contains("자리가 모두 찼어요"), "{after}");
        assert_ne!(meta(&before, "og:image"), meta(&after, "og:image"), "another address, which nobody has kept");
        mina.patch(&format!("/v1/parties/{party}"), json!({"title": "이제 꽉 찼어요"})).await.expect(200);
        assert!(page(&world, &path, "ko").await.text.contains("이제 꽉 찼어요"));
        // Only by way of what the food costs is it known what one pays.
        let other = world.person("other").await;
        let shared = other.opens(draft(&json!({"split": "proportional"}))).await;
        let html = page(&world, &format!("/i/{}", other.invites(&shared).await), "ko").await.text;
        assert!(
            html.contains("음식값에 비례해서")
                && html.contains("함께 나눌 배달비")
                && !html.contains("class=\"saves\""),
            "{html}"
        );
    })
    .await;
}

#[tokio::test]
async fn it_never_holds_what_is_for_members_alone() {
    world_with(with_apps, |world| async move {
        let mina = world.person("mina").await;
        let mut terms = transfer_draft(&json!({
            "pickup": {"lat": 37.498_137_219, "lng": 127.027_719_463, "label": "canary-label", "memo": "canary-memo"},
        }));
        terms["transfer_account"] =
            json!({"bank": "canary-bank", "number": "9081-7263-5544", "holder": "canary-holder"});
        terms["items"] =
            json!([{"name": "canary-food", "unit_price_krw": 7_919, "quantity": 1, "memo": "canary-wish"}]);
        let party = mina.opens(terms).await;
        mina.patch("/v1/me", json!({"nickname": "canary-name"})).await.expect(200);
        world.settle().await;
        let path = format!("/i/{}", mina.invites(&party).await);
        for language in ["ko", "en"] {
            let answer = page(&world, &path, language).await;
            let text = format!("{:?} {}", answer.headers, answer.text);
            for word in ["canary", "37.4", "127.0", "9081", "7919", "7,919", &mina.id, &party] {
                assert!(!text.contains(word), "{word}: {text}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_card_is_a_picture_that_is_asked_for_once() {
    world(|world| async move {
        let (mina, party, code) = invited(&world, json!({})).await;
        let card = async |query: &str, tag: &str| {
            let address = format!("{}/i/{code}/card.png{query}", world.base);
            let answer = world.client.get(address).header("if-none-match", tag).send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            (status, headers, answer.bytes().await.unwrap())
        };
        let (status, headers, korean) = card("", "").await;
        assert_eq!(
            (status, &headers["content-type"], &headers["cache-control"]),
            (200, &"image/png".parse().unwrap(), &"public, max-age=60".parse().unwrap())
        );
        assert!(korean.starts_with(b"\x89PNG\r\n\x1a\n") && korean.len() < 100_000, "{}", korean.len());
        let tag = headers["etag"].to_str().unwrap().to_owned();
        assert_eq!(card("", &tag).await.0, 304);
        assert_eq!(card("?lang=ko&v=9", "").await.2, korean);
        assert_eq!(card("?lang=xx", "").await.2, korean, "what it does not know it does not mind");
        assert_ne!(card("?lang=en", "").await.2, korean);
        mina.patch(&format!("/v1/parties/{party}"), json!({"title": "다른 제목"})).await.expect(200);
        assert_ne!(card("", &tag).await.2, korean);
    })
    .await;
}

#[tokio::test]
async fn phones_are_told_which_app_opens_the_links() {
    let (apple, android) = ("/.well-known/apple-app-site-association", "/.well-known/assetlinks.json");
    world_with(with_apps, |world| async move {
        let told = world.get(apple).await;
        assert_eq!(told.header("content-type"), "application/json");
        assert_eq!(
            told.expect(200)["applinks"]["details"],
            json!([{
                "appIDs": ["ABCDE12345.app.nbbang"],
                "components": [{"/": "/i/*/card.png", "exclude": true}, {"/": "/i/*"}],
            }])
        );
        let told = world.get(android).await;
        assert_eq!(told.header("content-type"), "application/json");
        let certificate = ["1F"; 32].join(":");
        let target = json!({
            "namespace": "android_app", "package_name": "app.nbbang", "sha256_cert_fingerprints": [certificate],
        });
        let told = told.expect(200);
        assert_eq!(
            (&told[0]["target"], &told[0]["relation"]),
            (&target, &json!(["delegate_permission/common.handle_all_urls"]))
        );
    })
    .await;
    world(|world| async move {
        for path in [apple, android] {
            assert_eq!(world.get(path).await.code(404), "not_found");
        }
    })
    .await;
}

/// Text on the ground that it stands on, by the names of the style sheet, in both themes.
#[test]
fn every_colour_can_be_read_on_its_ground() {
    let css = include_str!("../../assets/page.css");
    let themes: Vec<&str> = css.split(":root{").skip(1).map(|rest| rest.split_once('}').unwrap().0).collect();
    assert_eq!(themes.len(), 2, "light and dark");
    for theme in themes {
        let colour = |name: &str| {
            let (_, rest) = theme.split_once(&format!("--{name}:#")).unwrap_or_else(|| panic!("no {name} in {theme}"));
            let hex: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
            let wide = if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex };
            u32::from_str_radix(&wide, 16).unwrap()
        };
        for (text, ground) in [
            ("ink", "ground"),
            ("dim", "ground"),
            ("brand", "ground"),
            ("ink", "card"),
            ("dim", "card"),
            ("brand", "card"),
            ("brand", "soft"),
            ("on", "brand"),
        ] {
            let contrast = contrast(colour(text), colour(ground));
            assert!(contrast >= 4.5, "{text} on {ground} in {theme}: {contrast}");
        }
    }
    assert!(contrast(0x00_00_00, 0xff_ff_ff) > 20.9 && contrast(0x77_77_77, 0xff_ff_ff) < 4.5);
}

/// As WCAG 2 has it.
#[expect(clippy::float_arithmetic, reason = "colours are not money")]
fn contrast(one: u32, other: u32) -> f64 {
    let luminance = |colour: u32| {
        let part = |shift: u32| {
            let part = f64::from((colour >> shift) & 0xff) / 255.0;
            if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(16) + 0.7152 * part(8) + 0.0722 * part(0)
    };
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// A real browser, if there is one; bin/ci installs it.
fn chromium() -> Option<PathBuf> {
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).flat_map(|folder| names.map(|name| folder.join(name))).find(|path| path.is_file())
}

/// What a phone's browser does with the page at this address: its screen as a picture, or the document as it has become.
async fn browse(chromium: &Path, options: &[&str], address: &str) -> String {
    let profile = std::env::temp_dir().join(format!("nbbang-chromium-{}", nbbang::app::random()));
    let mut command = Command::new(chromium);
    command
        .args([
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            "--mute-audio",
        ])
        .args(["--disable-extensions", "--disable-background-networking", "--disable-component-update"])
        .args(["--enable-logging=stderr", "--log-level=0", "--lang=ko"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(options)
        .arg(address);
    // It ends by itself, also when the page does not answer.
    command.arg("--timeout=30000");
    let done = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let log = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{log}");
    // What its own policy kept from it, or what is wrong with it, a page would complain of here.
    let complaint = log.lines().find(|line| line.contains("CONSOLE") || line.contains("Refused to"));
    assert!(complaint.is_none(), "{complaint:?}");
    drop(std::fs::remove_dir_all(profile));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// Width and height of a PNG.
fn size(png: &[u8]) -> (u32, u32) {
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[tokio::test]
async fn a_browser_shows_it_at_the_size_of_a_phone_in_light_and_dark() {
    let Some(chromium) = chromium() else {
        eprintln!("SKIPPED: there is no Chromium here, so nobody has looked at the pages. bin/ci installs one.");
        return;
    };
    world_with(with_apps, |world| async move {
        let artefacts = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/pages");
        std::fs::create_dir_all(&artefacts).unwrap();
        let (mina, party, code) = invited(&world, json!({"title": "금요일 저녁엔 역시 치킨, 같이 시켜요"})).await;
        let long = json!({
            "title": "퇴근길에 같이 시켜요 아무나 환영하니까 편하게 들어오세요 메뉴는 각자 고르면 됩니다",
            "store": {"name": "원조 할머니 손맛 떡볶이와 튀김 그리고 순대 강남역삼본점", "category": "snack"},
            "capacity": 10, "split": "proportional",
        });
        let sena = world.person("sena").await;
        let other = sena.opens(draft(&long)).await;
        let other_code = sena.invites(&other).await;
        let shots = [
            ("invitation", "ko", format!("/i/{code}")),
            ("english", "en", format!("/i/{code}")),
            ("long", "ko", format!("/i/{other_code}")),
            ("over", "ko", "/i/0000000000".to_owned()),
        ];
        let mut taken = Vec::new();
        for (name, language, path) in &shots {
            for (theme, option) in [("light", ""), ("dark", "--blink-settings=preferredColorScheme=0")] {
                let file = artefacts.join(format!("{name}-{theme}.png"));
                drop(std::fs::remove_file(&file));
                let shot = format!("--screenshot={}", file.display());
                // Chromium counts its window's frame: a screen of 390 by 844.
                let language = format!("--accept-lang={language}");
                let options = [
                    language.as_str(),
                    shot.as_str(),
                    "--window-size=390,844",
                    "--force-device-scale-factor=2",
                    option,
                ];
                let options: Vec<&str> = options.into_iter().filter(|option| !option.is_empty()).collect();
                browse(&chromium, &options, &format!("{}{path}", world.base)).await;
                let png = std::fs::read(&file).unwrap();
                assert_eq!(size(&png).0, 780, "{name} {theme}");
                taken.push((*name, theme, png));
            }
        }
        for (name, theme, png) in &taken {
            let same = taken.iter().filter(|(_, _, other)| other == png).count();
            assert_eq!(same, 1, "{name} {theme} looks like another");
        }
        let card = world.client.get(format!("{}/i/{code}/card.png", world.base)).send().await.unwrap();
        std::fs::write(artefacts.join("card.png"), card.bytes().await.unwrap()).unwrap();
        let card = world.client.get(format!("{}/i/{other_code}/card.png", world.base)).send().await.unwrap();
        std::fs::write(artefacts.join("card-long.png"), card.bytes().await.unwrap()).unwrap();
        let card = world.client.get(format!("{}/i/{code}/card.png?lang=en", world.base)).send().await.unwrap();
        std::fs::write(artefacts.join("card-english.png"), card.bytes().await.unwrap()).unwrap();
        // As the browser has understood it.
        let document =
            browse(&chromium, &["--dump-dom", "--accept-lang=ko"], &format!("{}/i/{code}", world.base)).await;
        for part in ["<h1>금요일 저녁엔", "2자리 남았어요", "<nav aria-label=\"앱\">"] {
            assert!(document.contains(part), "{part}: {document}");
        }
        mina.cancels(&party, "host").await.expect(200);
    })
    .await;
}
