//! The words that are not welcome in what people say to others, and how they are found in it: also when something stands
//! between their letters, and not where they are only a part of an innocent word.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::domain::error::FieldFault;
use crate::domain::text;

/// What may stand behind a Korean word without making another one of it.
const PARTICLES: &[&str] = &[
    "가", "같네", "같다", "같아", "같은", "과", "는", "님", "도", "들", "들아", "들은", "들이", "랑", "로", "를", "만",
    "아", "야", "에", "에게", "와", "으로", "은", "을", "의", "이", "이고", "이냐", "이네", "이다", "이랑", "이야",
    "인", "인가", "임", "한테",
];
/// What English puts behind an apostrophe: "let's hit" has no bad word in it, and "who're" is none.
const CONTRACTED: &[&str] = &["s", "t", "re", "ve", "ll", "d", "m"];

/// Our own words, and those of the operator.
#[derive(Clone, Debug, Default)]
pub struct WordList {
    by_first_letter: HashMap<char, Vec<Word>>,
}

#[derive(Clone, Debug)]
struct Word {
    letters: Vec<char>,
    /// Whether it also counts where a longer word has it at its end, or at its beginning.
    open: [bool; 2],
}

/// A letter or digit in its plainest form.
#[derive(Clone, Copy, Debug)]
struct Letter {
    char: char,
    /// What stands before it.
    gap: Gap,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    None,
    Marks,
    Space,
}

impl WordList {
    pub fn built_in() -> Self {
        Self::default().with(include_str!("../../assets/words.txt")).unwrap_or_default()
    }

    /// With the words of a text beside those that it has: one a line, `#` begins a comment. The error is the end of a sentence.
    pub fn with(mut self, text: &str) -> Result<Self, String> {
        for (n, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if line.is_empty() {
                continue;
            }
            let letters: Vec<char> = letters(line).iter().map(|letter| letter.char).collect();
            let Some(first) = letters.first() else {
                return Err(format!("has no letter in line {}; write one word a line", n + 1));
            };
            let word = Word { open: [line.starts_with('*'), line.ends_with('*')], letters: letters.clone() };
            self.by_first_letter.entry(*first).or_default().push(word);
        }
        Ok(self)
    }

    pub fn len(&self) -> usize {
        self.by_first_letter.values().map(Vec::len).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.by_first_letter.is_empty()
    }

    /// What somebody says to others: as [`text::clean`], and without a word that is not welcome. Nicknames, titles and messages
    /// all come this way.
    pub fn said(&self, raw: &str, max: usize) -> Result<String, FieldFault> {
        let text = text::clean(raw, max)?;
        if self.welcomes(&text) { Ok(text) } else { Err(FieldFault::Offensive) }
    }

    fn welcomes(&self, text: &str) -> bool {
        let letters = letters(text);
        !letters.iter().enumerate().any(|(at, first)| {
            let words = self.by_first_letter.get(&first.char).into_iter().flatten();
            words.into_iter().any(|word| word.is_at(&letters, at))
        })
    }
}

impl Word {
    fn is_at(&self, letters: &[Letter], at: usize) -> bool {
        let (before, here) = letters.split_at(at);
        let Some((here, after)) = here.split_at_checked(self.letters.len()) else { return false };
        if !here.iter().map(|letter| letter.char).eq(self.letters.iter().copied()) {
            return false;
        }
        let (Some(first), Some(last)) = (here.first(), here.last()) else { return false };
        let is_spaced = here.iter().skip(1).any(|letter| letter.gap == Gap::Space);
        if is_spaced {
            // Words that follow one another may well spell it: "다시 발송". So what is spaced has to stand alone.
            let [begins, ends] = [Some(first).filter(|_| !before.is_empty()), after.first()];
            return [begins, ends].into_iter().flatten().all(|letter| letter.gap == Gap::Space);
        }
        let begins = before.last().is_none_or(|before| first.gap != Gap::None || parts(before.char, first.char));
        let ends = after.first().is_none_or(|after| after.gap != Gap::None || parts(last.char, after.char));
        let [open_before, open_after] = self.open;
        (open_before || begins) && (open_after || ends || is_hangul(last.char) && begins_with_particle(after))
    }
}

/// Whether what is left of this word is a particle.
fn begins_with_particle(after: &[Letter]) -> bool {
    let mut rest = String::new();
    for letter in after {
        if !rest.is_empty() && letter.gap != Gap::None || !is_hangul(letter.char) {
            break;
        }
        rest.push(letter.char);
    }
    PARTICLES.contains(&rest.as_str())
}

/// Whether a new word begins between two letters that stand together: where the script changes, but for a counted
/// thing in Korean ("7시").
fn parts(before: char, after: char) -> bool {
    match (before.is_numeric(), after.is_numeric()) {
        (true, false) => !is_hangul(after),
        (false, true) => true,
        _ => is_hangul(before) != is_hangul(after),
    }
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}')
}

/// The letters and digits of a text in one form for all that look the same to people: compatible forms made plain, small, without
/// accents and without what cannot be seen.
fn letters(text: &str) -> Vec<Letter> {
    let plain = text.nfkd().flat_map(char::to_lowercase).filter(|c| !is_combining_mark(*c) && !is_invisible(*c));
    let plain: Vec<char> = plain.nfc().collect();
    let mut letters = Vec::with_capacity(plain.len());
    let mut gap = Gap::None;
    for (n, &char) in plain.iter().enumerate() {
        if char.is_alphanumeric() || contracts(plain.split_at(n)) {
            letters.push(Letter { char, gap });
            gap = Gap::None;
        } else if char.is_whitespace() {
            gap = Gap::Space;
        } else if gap == Gap::None {
            gap = Gap::Marks;
        }
    }
    letters
}

/// Whether the apostrophe, with which the second part begins, belongs to its word like a letter.
fn contracts((before, rest): (&[char], &[char])) -> bool {
    let Some(('\'' | '\u{2019}', rest)) = rest.split_first() else { return false };
    let rest: String = rest.iter().take_while(|c| c.is_alphanumeric()).collect();
    before.last().is_some_and(|c| c.is_alphanumeric()) && CONTRACTED.contains(&rest.as_str())
}

/// What has no width: joiners, fillers, marks of direction, tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn welcome(text: &str) -> bool {
        WordList::built_in().welcomes(text)
    }

    #[test]
    fn what_hurts_is_found_however_it_is_written() {
        for text in [
            "시발",
            "시발!",
            "야 시발",
            "시발아",
            "씨발놈들",
            "아 진짜 병신같은",
            "개새끼야",
            "ㅅㅂ",
            "좆같네",
            "치킨 fuck 치킨",
            "FUCK",
            "ｆｕｃｋ",
            "𝐟𝐮𝐜𝐤",
            "fück",
            "motherfucker",
            "Bitches",
            "shit99",
            "99shit",
            "개bitch",
            "시발99",
            // With something between the letters.
            "시.발",
            "시 발",
            "시  발",
            "시-발놈아",
            "시\u{200b}발",
            "시\u{3164}발",
            "시\u{ad}발",
            "시★발",
            "병 신",
            "병/신",
            "f.u.c.k",
            "f u c k",
            "f-u-c-k you",
            "fu\u{200d}ck",
            "f*u*c*k",
            "fu.cking",
            "f'u'c'k",
            "(f u c k)",
            "f\u{301}u\u{301}ck",
            // Letter by letter.
            "ㅅㅣ발",
            "\u{1109}\u{1175}\u{1107}\u{1161}\u{11af}",
        ] {
            assert!(!welcome(text), "{text}");
        }
    }

    #[test]
    fn innocent_words_are_not_convicted() {
        for text in [
            "Scunthorpe",
            "Scunthorpe United",
            "shitake",
            "표고버섯 shitake 피자",
            "class",
            "Bass hit",
            "That's hit",
            "let’s hit KFC",
            "who're hungry",
            "push it",
            "U.S. hit",
            "who re-orders",
            "snigger",
            "niggardly",
            "assassin",
            "Dickens",
            "cocktail",
            "즉시발송",
            "즉시 발송",
            "다시 발송해 주세요",
            "역시 발전",
            "동시발매",
            "7시발 기차",
            "7시 발송",
            "몇 시 발송이에요",
            "서울시-발산동",
            "시발점",
            "시발역에서 만나요",
            "잠시.발코니",
            "홍길동씨발표",
            "홍길동 씨 발표",
            "수박씨 발라 먹기",
            "질병신고",
            "질병 신고",
            "신병 신고",
            "고양이 새끼",
            "새끼손가락",
            "보지 마세요",
            "자지 말고",
            "존나이트",
            "뭔지랄까",
            "창녀촌길",
            "개 세 마리",
            "시바견",
            "신발 18",
            "치킨 같이 시켜요",
            "교촌치킨 역삼점",
            "ㅋㅋㅋㅋ",
            "ㅅㅅㅂㅂ",
            "탈퇴한 이웃",
            "Neighbour 00000",
            "👍🏽 1+1=2",
            "",
        ] {
            assert!(welcome(text), "{text}");
        }
    }

    #[test]
    fn an_operator_adds_words_of_his_own() {
        let own = WordList::built_in().with("# ours\n바보 # mild\n\n  꼰대*\n*Spam*\n죽어 버려\n").unwrap();
        assert_eq!(own.len(), WordList::built_in().len() + 4);
        for text in ["바보", "바보야", "바 보", "꼰대질", "nospamhere", "S.P.A.M", "죽어버려", "죽어 버려", "시발"]
        {
            assert!(!own.welcomes(text), "{text}");
        }
        for text in ["슈퍼바보스", "바보라면", "늙은꼰대", "죽어도 버려"] {
            assert!(own.welcomes(text), "{text}");
        }
        let told = WordList::default().with("바보\n***").unwrap_err();
        assert!(told.contains("line 2"), "{told}");
        assert!(WordList::default().welcomes("시발") && WordList::default().is_empty());
    }

    #[test]
    fn what_is_said_is_clean_as_well() {
        let list = WordList::built_in();
        assert_eq!(list.said(" 치킨 같이 ", 60).as_deref(), Ok("치킨 같이"));
        assert_eq!(list.said("시 발", 60), Err(FieldFault::Offensive));
        assert_eq!(list.said("  ", 60), Err(FieldFault::Empty));
        assert_eq!(list.said("치킨", 1), Err(FieldFault::TooLong));
    }

    #[test]
    fn our_own_words_are_all_read() {
        let own = include_str!("../../assets/words.txt");
        assert!(WordList::default().with(own).is_ok() && WordList::built_in().len() > 40);
        for line in
            own.lines().map(|line| line.trim_matches('*')).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            assert!(!welcome(line) && !welcome(&line.to_uppercase()), "{line}");
        }
    }
}
