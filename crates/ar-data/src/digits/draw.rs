//! One image of the set.

use super::dice::{Dice, Purpose};
use super::hand::Hand;
use super::letters::LETTERS;
use super::pen::{PIXELS, Paper};
use super::shape::{Style, pick};
use super::strokes::DIGITS;

/// Image number `index` of the endless set `seed`: 28x28 grey levels, row by row from the top left
/// (0 black paper, 255 white ink), and the digit it shows.
///
/// A pure function of its arguments. Labels are balanced: each run of ten images that starts at a
/// multiple of ten holds every digit once, in an order of its own.
///
/// # Examples
///
/// ```
/// let (pixels, digit) = ar_data::digits::draw(1, 0);
/// assert_eq!(pixels.len(), 28 * 28);
/// assert!(digit < 10);
/// assert_eq!(ar_data::digits::draw(1, 0), (pixels, digit));
/// ```
pub fn draw(seed: u64, index: u64) -> ([u8; PIXELS], u8) {
    write(&DIGITS, seed, index)
}

/// The same of the ten letters of the built-in set: which one, A, C, E, F, H, K, L, M, T or X, counted from 0.
pub fn draw_letter(seed: u64, index: u64) -> ([u8; PIXELS], u8) {
    // Other draws than those of the digits.
    write(&LETTERS, !seed, index)
}

fn write(table: &[&[Style]; 10], seed: u64, index: u64) -> ([u8; PIXELS], u8) {
    let which = label(seed, index);
    let mut dice = Dice::new(seed, Purpose::Shape, index);
    let shape = pick(table[usize::from(which)], &mut dice);
    let hand = Hand::new(&mut dice);
    let mut paper = Paper::blank();
    for stroke in hand.write(&shape, &mut dice) {
        paper.ink(&stroke);
    }
    (paper.levels(), which)
}

/// What image `index` shows: its place in the shuffled run of ten it belongs to.
fn label(seed: u64, index: u64) -> u8 {
    let mut dice = Dice::new(seed, Purpose::Labels, index / 10);
    let mut digits: [u8; 10] = std::array::from_fn(|digit| digit as u8);
    for last in (1..digits.len()).rev() {
        digits.swap(last, dice.below(last + 1));
    }
    digits[(index % 10) as usize]
}
