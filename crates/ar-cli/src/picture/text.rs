//! Words on a picture.

use std::convert::Infallible;

use embedded_graphics::mono_font::{MonoTextStyle, iso_8859_1::FONT_7X13_BOLD};
use embedded_graphics::pixelcolor::{Gray8, GrayColor as _};
use embedded_graphics::prelude::*;
use embedded_graphics::text::{Baseline, Text};

use super::canvas::Picture;

const INK: u8 = 20;

/// `words` in black on a grey picture of the colour `paper`, 13 pixels high. Letters that are not
/// Latin ones show as question marks.
pub(super) fn words(words: &str, paper: u8) -> Picture {
    let width = FONT_7X13_BOLD.character_size.width as usize * words.chars().count();
    let height = FONT_7X13_BOLD.character_size.height as usize;
    let mut page = Page(Picture::filled(width.max(1), height, [paper; 3]));
    let style = MonoTextStyle::new(&FONT_7X13_BOLD, Gray8::new(INK));
    // Drawing into memory cannot fail.
    let Ok(_) = Text::with_baseline(words, Point::zero(), style, Baseline::Top).draw(&mut page);
    page.0
}

struct Page(Picture);

impl OriginDimensions for Page {
    fn size(&self) -> Size {
        Size::new(self.0.width() as u32, self.0.height() as u32)
    }
}

impl DrawTarget for Page {
    type Color = Gray8;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Gray8>>>(
        &mut self,
        pixels: I,
    ) -> Result<(), Infallible> {
        let (width, height) = (self.0.width(), self.0.height());
        for Pixel(at, colour) in pixels {
            let (x, y) = (at.x as usize, at.y as usize);
            if at.x >= 0 && at.y >= 0 && x < width && y < height {
                self.0
                    .paste(&Picture::filled(1, 1, [colour.luma(); 3]), x, y);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_leave_ink() {
        let inked = |text: &str| {
            let picture = words(text, 200);
            (
                picture.width(),
                picture.pixels().split(|&p| p == INK).count() - 1,
            )
        };
        let (width, ink) = inked("cat");
        assert_eq!(width, 21);
        assert!(ink > 20, "{ink}");
        assert!(inked("   ").1 == 0 && inked("猫").1 > 5 && inked("").0 == 1);
    }
}
