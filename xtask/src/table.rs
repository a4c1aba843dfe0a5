//! Text tables and the few numbers in them.

/// Rows under a header: the first column to the left, the others to the right, two spaces apart.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let header: Vec<String> = header.iter().map(ToString::to_string).collect();
    let mut text = String::new();
    for row in std::iter::once(&header).chain(rows) {
        let cells = row.iter().zip(&widths).enumerate();
        let padded = cells.map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        text.push_str(padded.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Seconds to four significant digits, with a unit that keeps the number readable.
pub(crate) fn seconds(value: f64) -> String {
    match value {
        v if v < 1e-3 => format!("{} us", significant(v * 1e6)),
        v if v < 1.0 => format!("{} ms", significant(v * 1e3)),
        v => format!("{} s", significant(v)),
    }
}

/// A ratio such as `1.52x`, `301x`.
pub(crate) fn times(ratio: f64) -> String {
    match ratio {
        r if r < 10.0 => format!("{r:.2}x"),
        r if r < 100.0 => format!("{r:.1}x"),
        r => format!("{r:.0}x"),
    }
}

/// The middle value, the mean of the middle two when they are even in number; none of nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(sorted[sorted.len() / 2 - 1], upper))
}

/// A cell that may have nothing to show.
pub(crate) fn cell<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(|| "-".to_owned(), show)
}

fn significant(value: f64) -> String {
    match value {
        v if v < 10.0 => format!("{v:.3}"),
        v if v < 100.0 => format!("{v:.2}"),
        v => format!("{v:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["pixelcnn".to_owned(), "1.50x".to_owned()],
            vec!["a".to_owned(), "301x".to_owned()],
        ];
        assert_eq!(
            table(&["model", "ratio"], &rows),
            "model     ratio\npixelcnn  1.50x\na          301x\n"
        );
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(seconds(0.352_349), "352.3 ms");
        assert_eq!(seconds(0.000_012_5), "12.50 us");
        assert_eq!(seconds(82.4), "82.40 s");
        assert_eq!(times(1.518), "1.52x");
        assert_eq!(times(45.67), "45.7x");
        assert_eq!(times(301.2), "301x");
        assert_eq!(cell(None, times), "-");
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(&[]), None);
    }
}
