//! What a picture is drawn with: text in a font, round grounds, a slice of bread, and the PNG at the end; it knows no party.
#![expect(clippy::float_arithmetic, reason = "pixels are not money")]

use png::{BitDepth, ColorType, Compression, Encoder};
use tiny_skia::{Color, FillRule, LineCap, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};
use ttf_parser::{Face, OutlineBuilder};

use crate::domain::error::{Code, Error, Result};

pub type Rgb = (u8, u8, u8);

/// How something is written.
#[derive(Clone, Copy)]
pub struct Type<'a> {
    pub face: &'a Face<'a>,
    /// Pixels of an em.
    pub size: f32,
    pub ink: Rgb,
}

impl Type<'_> {
    fn scale(&self) -> f32 {
        self.size / f32::from(self.face.units_per_em())
    }

    /// What the font has not, such as an emoji, is left out.
    fn advance(&self, c: char) -> f32 {
        let glyph = self.face.glyph_index(c).and_then(|glyph| self.face.glyph_hor_advance(glyph));
        glyph.map_or(0.0, |units| f32::from(units) * self.scale())
    }

    pub fn width(&self, text: &str) -> f32 {
        text.chars().map(|c| self.advance(c)).sum()
    }

    /// Broken between words where that is possible, and cut short where it is too long.
    pub fn lines(&self, text: &str, width: f32, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() && lines.len() < most {
            let mut used = 0.0;
            let fits = |(_, c): &(usize, char)| {
                used += self.advance(*c);
                used <= width
            };
            let end = rest.char_indices().take_while(fits).last().map_or(rest.len(), |(at, c)| at + c.len_utf8());
            let (line, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            if after.is_empty() {
                lines.push(line.to_owned());
                break;
            }
            if lines.len() + 1 == most {
                lines.push(self.shortened(line, width));
                break;
            }
            let (line, next) = match line.rsplit_once(' ') {
                Some((words, _)) if !after.starts_with(' ') => {
                    rest.split_at_checked(words.len()).unwrap_or((line, after))
                }
                _ => (line, after),
            };
            lines.push(line.trim_end().to_owned());
            rest = next.trim_start();
        }
        lines
    }

    fn shortened(&self, line: &str, width: f32) -> String {
        let room = width - self.advance('…');
        let mut used = 0.0;
        let fits = |c: &char| {
            used += self.advance(*c);
            used <= room
        };
        let kept: String = line.chars().take_while(fits).collect();
        format!("{}…", kept.trim_end())
    }
}

pub struct Canvas(Pixmap);

impl Canvas {
    /// Of the text in a chip.
    pub const INDENT: f32 = 20.0;

    pub fn new((width, height): (u32, u32), ground: Rgb) -> Result<Self> {
        let pixmap = Pixmap::new(width, height);
        let mut pixmap = pixmap.ok_or_else(|| Error::internal(Code::Internal, "no room for a picture"))?;
        pixmap.fill(colour(ground));
        Ok(Self(pixmap))
    }

    /// Writes from `x` on, and says where it ends.
    pub fn write(&mut self, kind: Type<'_>, x: f32, baseline: f32, text: &str) -> f32 {
        let mut pen = Pen { path: PathBuilder::new(), scale: kind.scale(), x, baseline };
        for c in text.chars() {
            if let Some(glyph) = kind.face.glyph_index(c) {
                let _ = kind.face.outline_glyph(glyph, &mut pen);
            }
            pen.x += kind.advance(c);
        }
        let end = pen.x;
        self.paint(pen.path.finish(), kind.ink);
        end
    }

    pub fn struck(&mut self, kind: Type<'_>, x: f32, baseline: f32, text: &str) {
        let end = self.write(kind, x, baseline, text);
        let middle = baseline - kind.size * 0.32;
        self.fill(x - 4.0, middle - 1.5, end + 4.0, middle + 1.5, kind.ink);
    }

    /// A slice of bread that smiles; its square has sides of 96 times `scale`.
    pub fn bread(&mut self, x: f32, y: f32, scale: f32, (ground, ink): (Rgb, Rgb)) {
        let place = Transform::from_row(scale, 0.0, 0.0, scale, x, y);
        let mut slice = PathBuilder::new();
        slice.move_to(18.0, 46.0);
        slice.cubic_to(10.0, 42.0, 10.0, 22.0, 32.0, 22.0);
        slice.line_to(64.0, 22.0);
        slice.cubic_to(86.0, 22.0, 86.0, 42.0, 78.0, 46.0);
        slice.line_to(78.0, 68.0);
        slice.quad_to(78.0, 74.0, 72.0, 74.0);
        slice.line_to(24.0, 74.0);
        slice.quad_to(18.0, 74.0, 18.0, 68.0);
        slice.close();
        self.paint(slice.finish().and_then(|slice| slice.transform(place)), ground);
        let mut face = PathBuilder::new();
        for eye in [38.0, 58.0] {
            face.move_to(eye, 43.0);
            face.line_to(eye, 46.0);
        }
        face.move_to(39.0, 57.0);
        face.cubic_to(43.0, 62.0, 53.0, 62.0, 57.0, 57.0);
        let pen = Stroke { width: 5.0, line_cap: LineCap::Round, ..Stroke::default() };
        let drawn = face.finish().and_then(|face| face.stroke(&pen, scale)).and_then(|face| face.transform(place));
        self.paint(drawn, ink);
    }

    /// Writes on a round ground.
    pub fn chip(&mut self, kind: Type<'_>, x: f32, baseline: f32, ground: Rgb, text: &str) {
        let (top, bottom) = (baseline - kind.size * 1.12, baseline + kind.size * 0.46);
        let right = x + kind.width(text) + 2.0 * Self::INDENT;
        self.paint(pill(x, top, right, bottom), ground);
        self.write(kind, x + Self::INDENT, baseline, text);
    }

    /// A rectangle.
    pub fn fill(&mut self, left: f32, top: f32, right: f32, bottom: f32, ink: Rgb) {
        self.paint(Rect::from_ltrb(left, top, right, bottom).map(PathBuilder::from_rect), ink);
    }

    fn paint(&mut self, path: Option<Path>, ink: Rgb) {
        let Some(path) = path else { return };
        let mut paint = Paint::default();
        paint.set_color(colour(ink));
        self.0.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }

    /// Nothing shines through, so the colours are enough.
    pub fn png(&self) -> Result<Vec<u8>> {
        let pixels: Vec<u8> =
            self.0.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect();
        let mut file = Vec::with_capacity(64 << 10);
        let mut encoder = Encoder::new(&mut file, self.0.width(), self.0.height());
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(Compression::Fast);
        let failed = |error| Error::internal(Code::Internal, error);
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&pixels).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(file)
    }
}

fn colour((red, green, blue): Rgb) -> Color {
    Color::from_rgba8(red, green, blue, 0xff)
}

/// A rectangle whose short sides are round.
fn pill(left: f32, top: f32, right: f32, bottom: f32) -> Option<Path> {
    let radius = (bottom - top) / 2.0;
    // By how much of the radius the handles of a cubic stand off that is nearly a quarter of a circle.
    let handle = radius * 0.552_284_8;
    let middle = top + radius;
    let (from, to) = (left + radius, right - radius);
    let mut path = PathBuilder::new();
    path.move_to(from, top);
    path.line_to(to, top);
    path.cubic_to(to + handle, top, right, middle - handle, right, middle);
    path.cubic_to(right, middle + handle, to + handle, bottom, to, bottom);
    path.line_to(from, bottom);
    path.cubic_to(from - handle, bottom, left, middle + handle, left, middle);
    path.cubic_to(left, middle - handle, from - handle, top, from, top);
    path.close();
    path.finish()
}

/// Draws a glyph of the font, whose y points up, where it stands on the canvas.
struct Pen {
    path: PathBuilder,
    scale: f32,
    x: f32,
    baseline: f32,
}

impl Pen {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.baseline - y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}
