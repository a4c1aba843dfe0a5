//! Which shape a digit gets this time.

use super::curve::Point;
use super::dice::Dice;

/// All strokes of one way to write a digit, each the points of one pull of the pen, as `(x, y)` in
/// hundredths of the glyph's height.
pub(super) type Form = &'static [&'static [(i8, i8)]];

/// Forms that differ only in where their points lie: any mixture of two of them is a digit as well.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    /// How often the style is written, against the others of its digit.
    pub(super) weight: usize,
    pub(super) forms: &'static [Form],
}

/// One of these ways to write something: strokes of control points in units of the glyph's height. A
/// style at random, and within it a mixture of two forms.
pub(super) fn pick(styles: &[Style], dice: &mut Dice) -> Vec<Vec<Point>> {
    let mut ticket = dice.below(styles.iter().map(|style| style.weight).sum());
    let mut chosen = 0;
    while ticket >= styles[chosen].weight {
        ticket -= styles[chosen].weight;
        chosen += 1;
    }
    let forms = styles[chosen].forms;
    let one = forms[dice.below(forms.len())];
    let other = forms[dice.below(forms.len())];
    // Slightly beyond either end, so that no form of the table is an extreme.
    let share = dice.between(-0.1, 1.1);
    let mix = |a: i8, b: i8| (f32::from(a) + share * (f32::from(b) - f32::from(a))) / 100.0;
    std::iter::zip(one, other)
        .map(|(a, b)| {
            std::iter::zip(*a, *b)
                .map(|(a, b)| [mix(a.0, b.0), mix(a.1, b.1)])
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::dice::Purpose;
    use super::super::letters::LETTERS;
    use super::super::strokes::DIGITS;
    use super::*;

    #[test]
    fn forms_of_a_style_can_be_mixed() {
        // The number of points of every stroke, and which of them are corners.
        fn structure(form: Form) -> Vec<(usize, Vec<usize>)> {
            form.iter()
                .map(|stroke| {
                    let corners = (1..stroke.len()).filter(|&i| stroke[i - 1] == stroke[i]);
                    (stroke.len(), corners.collect())
                })
                .collect()
        }
        for (digit, styles) in DIGITS.iter().chain(&LETTERS).enumerate() {
            for (i, style) in styles.iter().enumerate() {
                assert!(
                    style.weight > 0 && style.forms.len() > 1,
                    "digit {digit}, style {i}"
                );
                for form in style.forms {
                    assert_eq!(
                        structure(form),
                        structure(style.forms[0]),
                        "digit {digit}, style {i}"
                    );
                }
            }
        }
    }

    #[test]
    fn forms_fill_the_height() {
        for form in DIGITS.concat().iter().flat_map(|style| style.forms) {
            let points = || form.iter().copied().flatten();
            assert!(
                points().all(|&(x, y)| (0..=90).contains(&x) && (0..=100).contains(&y)),
                "{form:?}"
            );
            let top = points().map(|point| point.1).min();
            let foot = points().map(|point| point.1).max();
            assert!(top <= Some(6) && foot > Some(93), "{form:?}");
        }
    }

    #[test]
    fn every_style_is_picked() {
        for (digit, styles) in DIGITS.iter().chain(&LETTERS).enumerate() {
            let mut dice = Dice::new(3, Purpose::Shape, digit as u64);
            let mut seen: Vec<Vec<usize>> = (0..200)
                .map(|_| pick(styles, &mut dice).iter().map(Vec::len).collect())
                .collect();
            seen.sort();
            seen.dedup();
            let mut known: Vec<Vec<usize>> = styles
                .iter()
                .map(|style| style.forms[0].iter().map(|stroke| stroke.len()).collect())
                .collect();
            known.sort();
            known.dedup();
            assert_eq!(seen, known, "digit {digit}");
        }
    }
}
