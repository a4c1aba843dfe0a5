//! Probabilities as bars in a terminal.

/// Eighths of a character, from below.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Lines of the largest bar.
const HEIGHT: usize = 8;
/// Characters before the bars: a probability and a space.
const MARGIN: usize = 7;
/// The widest bar, with the space beside it.
const WIDEST: usize = 6;

/// `probabilities` of levels from 0 as lines of at most `columns` characters: bars, a `^` under that of the
/// level `marked`, and the levels. Where there are more levels than characters, a bar is the sum of so many
/// neighbours; how many is the second value.
pub(crate) fn bars(probabilities: &[f64], marked: usize, columns: usize) -> (Vec<String>, usize) {
    let room = columns.saturating_sub(MARGIN).max(1);
    let levels = probabilities.len();
    let each = levels.div_ceil(room).max(1);
    let sums: Vec<f64> = probabilities.chunks(each).map(|c| c.iter().sum()).collect();
    let cell = (room / sums.len().max(1)).clamp(1, WIDEST);
    let bar = (cell - 1).max(1);
    let largest = sums.iter().copied().fold(0.0, f64::max);
    // Nothing of nothing is no number, and as a whole one 0.
    let eighths = |p: f64| (p / largest * (8 * HEIGHT) as f64).round() as usize;
    let line = |line: usize| {
        let block = |&p: &f64| BLOCKS[eighths(p).saturating_sub(8 * line).min(8)];
        let cells = sums.iter().map(|p| {
            let block = block(p).to_string().repeat(bar);
            format!("{block}{}", " ".repeat(cell - bar))
        });
        let label = match line + 1 {
            HEIGHT => format!("{largest:.4}"),
            _ => String::new(),
        };
        let cells = cells.collect::<String>();
        format!("{label:<MARGIN$}{cells}").trim_end().to_owned()
    };
    let mut lines: Vec<String> = (0..HEIGHT).rev().map(line).collect();
    let mark = MARGIN + marked / each * cell + (bar - 1) / 2;
    lines.push(format!("{}^", " ".repeat(mark)));
    lines.push(scale(levels, each, cell));
    (lines, each)
}

/// The level that each bar begins with where there is room, or else the first and the last of all.
fn scale(levels: usize, each: usize, cell: usize) -> String {
    let last = levels.saturating_sub(1).to_string();
    let bars = levels.div_ceil(each);
    let margin = " ".repeat(MARGIN);
    if last.len() < cell {
        let labels = (0..bars).map(|bar| format!("{:<cell$}", bar * each));
        let labels: String = labels.collect();
        return format!("{margin}{}", labels.trim_end());
    }
    let left = (bars * cell).saturating_sub(1).max(last.len() + 1);
    format!("{margin}0{last:>left$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_levels_have_a_bar_and_a_number_each() {
        let (lines, each) = bars(&[0.25, 0.5, 0.25], 2, 80);
        assert_eq!(each, 1);
        assert_eq!(lines.len(), HEIGHT + 2);
        assert_eq!(lines[0], "0.5000       █████");
        assert_eq!(lines[4], "       █████ █████ █████");
        assert_eq!(lines[8], "                     ^");
        assert_eq!(lines[9], "       0     1     2");
    }

    #[test]
    fn many_levels_share_bars() {
        let mut probabilities = [0.0; 256];
        probabilities[255] = 0.75;
        probabilities[0] = 0.25;
        let (lines, each) = bars(&probabilities, 200, 7 + 64);
        assert_eq!(each, 4);
        assert!(lines.iter().all(|line| line.chars().count() <= 7 + 64));
        assert_eq!(lines[8].find('^'), Some(7 + 50));
        assert!(lines[9].starts_with("       0 ") && lines[9].ends_with(" 255"));
        assert_eq!(lines[9].chars().count(), 7 + 64);
        let shown = |line: &str| (line.chars().nth(7), line.chars().nth(7 + 63));
        assert_eq!(shown(&lines[7]), (Some('█'), Some('█')));
        assert_eq!(shown(&lines[0]), (Some(' '), Some('█')));
    }

    #[test]
    fn no_width_and_no_probability_are_drawn_too() {
        for (levels, columns) in [(2, 0), (65_536, 1), (65_536, 80), (300, 80), (70, 77)] {
            let (lines, each) = bars(&vec![0.0; levels], levels - 1, columns);
            assert!(lines.len() == HEIGHT + 2 && each * columns.max(1) > 0);
        }
    }
}
