//! The picture that goes with an invitation's link: its store, seats left and what each saves, drawn with the fonts in `assets/fonts`.
#![expect(clippy::float_arithmetic, reason = "pixels are not money")]

use std::sync::LazyLock;

use ttf_parser::Face;

use crate::domain::error::{Code, Error, Result};
use crate::domain::terms::Category;
use crate::domain::user::Language;
use crate::http::pages::canvas::{Canvas, Rgb, Type};
use crate::http::pages::words::{self, Fee};

/// As `KakaoTalk` and others like it: nearly two to one, and large enough for a phone's screen.
pub const SIZE: (u32, u32) = (1200, 630);

const WIDTH: f32 = 1200.0;
const HEIGHT: f32 = 630.0;
const MARGIN: f32 = 72.0;
const INSIDE: f32 = WIDTH - 2.0 * MARGIN;
/// Where the band at the bottom begins.
const BAND: f32 = 412.0;
/// Where its right half begins.
const MIDDLE: f32 = 512.0;

const GROUND: Rgb = (0xff, 0xf5, 0xea);
const INK: Rgb = (0x25, 0x1a, 0x12);
const DIM: Rgb = (0x6a, 0x59, 0x4b);
const BRAND: Rgb = (0xbf, 0x3f, 0x0a);
const SOFT: Rgb = (0xff, 0xe1, 0xc9);
const WHITE: Rgb = (0xff, 0xff, 0xff);

static BOLD: LazyLock<Option<Face<'static>>> =
    LazyLock::new(|| Face::parse(include_bytes!("../../../assets/fonts/NanumSquareB.ttf"), 0).ok());
static REGULAR: LazyLock<Option<Face<'static>>> =
    LazyLock::new(|| Face::parse(include_bytes!("../../../assets/fonts/NanumSquareR.ttf"), 0).ok());

/// What is on it.
#[derive(Clone, Debug)]
pub struct Card {
    pub language: Language,
    pub title: String,
    pub store: String,
    pub category: Category,
    pub seats_left: i16,
    pub fee: Fee,
}

impl Card {
    /// A PNG.
    pub fn draw(&self) -> Result<Vec<u8>> {
        let broken = || Error::internal(Code::Internal, "a font of the card cannot be read");
        let (bold, regular) = (BOLD.as_ref().ok_or_else(broken)?, REGULAR.as_ref().ok_or_else(broken)?);
        let mut canvas = Canvas::new(SIZE, GROUND)?;
        self.draw_top(&mut canvas, bold, regular);
        self.draw_band(&mut canvas, bold, regular);
        canvas.png()
    }

    /// Who delivers, in up to two lines, and what the host says to it.
    fn draw_top(&self, canvas: &mut Canvas, bold: &Face<'_>, regular: &Face<'_>) {
        let site = Type { face: bold, size: 46.0, ink: BRAND };
        let after = canvas.write(site, MARGIN, 104.0, words::of(self.language).site);
        let category = Type { face: bold, size: 32.0, ink: BRAND };
        canvas.chip(category, after + 20.0, 104.0, SOFT, words::category(self.category, self.language));
        canvas.bread(WIDTH - MARGIN - 116.0, 26.0, 1.4, (SOFT, BRAND));
        let title = Type { face: regular, size: 42.0, ink: DIM };
        let large = Type { face: bold, size: 84.0, ink: INK };
        let (store, mut baseline) =
            if large.width(&self.store) <= INSIDE { (large, 252.0) } else { (Type { size: 72.0, ..large }, 216.0) };
        for line in store.lines(&self.store, INSIDE, 2) {
            canvas.write(store, MARGIN, baseline, &line);
            baseline += 84.0;
        }
        for line in title.lines(&self.title, INSIDE, 1) {
            canvas.write(title, MARGIN, baseline - 10.0, &line);
        }
    }

    /// How many seats are left, and what one pays and saves.
    fn draw_band(&self, canvas: &mut Canvas, bold: &Face<'_>, regular: &Face<'_>) {
        canvas.fill(0.0, BAND, WIDTH, HEIGHT, BRAND);
        let label = Type { face: regular, size: 36.0, ink: SOFT };
        let (first, second) = (BAND + 72.0, BAND + 160.0);
        let [seats, delivery] = match self.language {
            Language::Korean => ["남은 자리", "배달비"],
            Language::English => ["Seats left", "Delivery"],
        };
        let number = Type { face: bold, size: 84.0, ink: WHITE };
        canvas.write(label, MARGIN, first, seats);
        let left = match (self.language, self.seats_left) {
            (Language::Korean, ..=0) => "마감".to_owned(),
            (Language::English, ..=0) => "full".to_owned(),
            (language, left) => words::seats(left, language),
        };
        canvas.write(number, MARGIN, second, &left);
        let after = canvas.write(label, MIDDLE, first, delivery);
        if self.fee.saved().is_some() {
            canvas.struck(label, after + 16.0, first, &words::won(self.fee.alone, self.language));
        }
        let after = canvas.write(number, MIDDLE, second, &words::won(self.fee.shown(), self.language));
        let chip = Type { face: bold, size: 36.0, ink: BRAND };
        let said = self.fee.badge(self.language).unwrap_or_else(|| self.said().to_owned());
        // Beside the amount where there is room, else it is left out: the amounts say it.
        if after + 24.0 + chip.width(&said) + 2.0 * Canvas::INDENT <= WIDTH - 36.0 {
            canvas.chip(chip, after + 24.0, second - 8.0, WHITE, &said);
        }
    }

    /// Where nothing is known to be saved.
    fn said(&self) -> &'static str {
        match (self.language, self.fee.own) {
            (Language::Korean, None) => "나눠 내요",
            (Language::Korean, Some(_)) => "함께 주문",
            (Language::English, None) => "shared",
            (Language::English, Some(_)) => "together",
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::domain::money::Krw;
    use crate::domain::split::Split;

    use super::*;

    fn card(store: &str, title: &str) -> Card {
        let fee = Fee {
            split: Split::Even,
            alone: Krw::new(4_000),
            whole: Krw::new(4_000),
            own: Some(Krw::new(1_333)),
            cap: Krw::new(2_000),
        };
        let (store, title) = (store.to_owned(), title.to_owned());
        Card { language: Language::Korean, title, store, category: Category::Chicken, seats_left: 2, fee }
    }

    #[test]
    fn whatever_people_write_it_is_a_picture_of_that_size() {
        let plain = card("교촌치킨 역삼점", "치킨 같이 시켜요").draw().unwrap();
        assert!(plain.len() < 100_000, "{} bytes", plain.len());
        for text in [
            "",
            " ",
            "<script>",
            "🍗🍕",
            "\u{200b}\u{0301}",
            "מסעדה",
            &"가".repeat(60),
            &"긴 이름 ".repeat(15),
            &"W".repeat(60),
        ] {
            for language in [Language::Korean, Language::English] {
                let picture = Card { language, ..card(text, text) }.draw().unwrap();
                let mut read = png::Decoder::new(std::io::Cursor::new(picture)).read_info().unwrap();
                assert_eq!((read.info().width, read.info().height), SIZE, "{text}");
                let mut pixels = vec![0; read.output_buffer_size().unwrap()];
                read.next_frame(&mut pixels).unwrap();
            }
        }
        assert_ne!(plain, card("교촌치킨 선릉점", "치킨 같이 시켜요").draw().unwrap());
    }

    #[test]
    fn every_hangul_syllable_can_be_written() {
        for face in [&BOLD, &REGULAR] {
            let face = face.as_ref().unwrap();
            let missing: Vec<char> = ('가'..='힣')
                .chain(' '..='~')
                .chain("₩…·원".chars())
                .filter(|c| face.glyph_index(*c).is_none())
                .collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    }

    #[test]
    fn lines_break_between_words_and_end_where_there_is_no_room() {
        let kind = Type { face: BOLD.as_ref().unwrap(), size: 84.0, ink: INK };
        assert_eq!(kind.lines("교촌치킨 역삼점", INSIDE, 2), ["교촌치킨 역삼점"]);
        let long = kind.lines("아주 오래된 할머니 손맛 원조 떡볶이 역삼 본점 이층 별관 옆집", INSIDE, 2);
        assert!(long.len() == 2 && long[1].ends_with('…') && !long[0].ends_with(' '), "{long:?}");
        assert!(long.iter().all(|line| kind.width(line) <= INSIDE), "{long:?}");
        let unbroken = kind.lines(&"가".repeat(40), INSIDE, 2);
        assert!(unbroken.len() == 2 && unbroken[1].ends_with('…'), "{unbroken:?}");
        assert_eq!(kind.lines("🍗", INSIDE, 2), ["🍗"]);
    }
}
