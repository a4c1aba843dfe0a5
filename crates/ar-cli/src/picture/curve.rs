//! Loss curves and others as SVG.

use std::path::Path;

use anyhow::{Context as _, Result};
use plotters::prelude::*;

use super::axes::{Axes, Point, below, drawable, label};
use super::file::write_whole;

/// The chart in CSS pixels; it is drawn at [`FINENESS`] times that, because the backend rounds
/// coordinates to whole pixels.
const SIZE: (u32, u32) = (800, 480);
const FINENESS: u32 = 2;
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(60, 64, 70);
const BOLD_GRID: RGBColor = RGBColor(218, 221, 226);
const LIGHT_GRID: RGBColor = RGBColor(240, 242, 244);
/// The colours of Okabe and Ito, which colour-blind readers can tell apart.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
];
/// A curve of at most this many points also gets a dot at each.
const DOTTED: usize = 24;

/// One line of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What the legend calls it.
    pub name: String,
    /// Step and value (nats per image, bits per dimension), in any order.
    pub points: Vec<(f64, f64)>,
}

/// Draws `curves` over a common x axis into the SVG file `path`, written whole or not at all.
///
/// Points that are NaN, infinite or beyond 1e12 are skipped, and a curve of more than 500 points is
/// averaged in groups. The y axis starts at the smallest value; when the first values are far above
/// the rest it does not reach them and the curves enter from above: it then ends at 1.5 times the
/// distance from the smallest value to the 95th percentile. No points at all give empty axes that
/// say so.
///
/// # Errors
/// If the chart cannot be drawn or the file cannot be written; the error names `path`.
pub fn save_loss_curve(
    path: &Path,
    title: &str,
    x_label: &str,
    y_label: &str,
    curves: &[Curve],
) -> Result<()> {
    save(path, title, (x_label, y_label), curves, None)
}

/// The same of shares and probabilities, on a y axis from 0 to 1.
///
/// # Errors
/// As [`save_loss_curve`].
pub(crate) fn save_share_curve(
    path: &Path,
    title: &str,
    x_label: &str,
    y_label: &str,
    curves: &[Curve],
) -> Result<()> {
    // A little more, so that a line at 1 does not lie on the edge.
    save(path, title, (x_label, y_label), curves, Some(1.02))
}

/// The y axis goes from 0 to `top`, where that is not for the curves to say.
fn save(
    path: &Path,
    title: &str,
    labels: (&str, &str),
    curves: &[Curve],
    top: Option<f64>,
) -> Result<()> {
    let mut svg = String::new();
    draw(&mut svg, title, labels, curves, top)
        .with_context(|| format!("cannot draw the chart {}", path.display()))?;
    // The drawing is finer than it is to be shown; the view box stays.
    let drawn = format!(
        "width=\"{}\" height=\"{}\"",
        SIZE.0 * FINENESS,
        SIZE.1 * FINENESS
    );
    let shown = format!("width=\"{}\" height=\"{}\"", SIZE.0, SIZE.1);
    write_whole(path, svg.replacen(&drawn, &shown, 1).as_bytes())
}

fn draw(
    svg: &mut String,
    title: &str,
    labels: (&str, &str),
    curves: &[Curve],
    top: Option<f64>,
) -> Result<()> {
    let px = FINENESS as i32;
    let text = |size: i32| (FONT, size * px).into_font().color(&INK);
    let points: Vec<Vec<Point>> = curves.iter().map(|curve| drawable(&curve.points)).collect();
    let axes = Axes::around(&points).map(|around| Axes {
        y: top.map_or(around.y, |top| 0.0..top),
        ..around
    });
    let Axes { x, y } = axes.clone().unwrap_or(Axes {
        x: 0.0..1.0,
        y: 0.0..1.0,
    });
    let (ceiling, last_step, lowest) = (y.end, x.end, y.start);
    let largest = ceiling.abs().max(lowest.abs());

    let area =
        SVGBackend::with_string(svg, (SIZE.0 * FINENESS, SIZE.1 * FINENESS)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut builder = ChartBuilder::on(&area);
    builder.margin(12 * px).margin_right(24 * px);
    builder
        .x_label_area_size(44 * px)
        .y_label_area_size(64 * px);
    if !title.is_empty() {
        builder.caption(title, text(21));
    }
    let mut chart = builder.build_cartesian_2d(x, y)?;
    chart
        .configure_mesh()
        .x_desc(labels.0)
        .y_desc(labels.1)
        .x_labels(9)
        .y_labels(8)
        .x_label_formatter(&|x| label(*x, last_step))
        .y_label_formatter(&|y| label(*y, largest))
        .max_light_lines(2)
        .label_style(text(16))
        .axis_desc_style(text(17))
        .axis_style(INK.stroke_width(FINENESS))
        .bold_line_style(BOLD_GRID.stroke_width(FINENESS))
        .light_line_style(LIGHT_GRID.stroke_width(FINENESS))
        .draw()?;

    if axes.is_none() {
        let middle = (
            (SIZE.0 * FINENESS / 2) as i32,
            (SIZE.1 * FINENESS / 2) as i32,
        );
        area.draw(&Text::new("no points yet", middle, text(17)))?;
        area.present()?;
        return Ok(());
    }
    for (at, (curve, points)) in curves.iter().zip(&points).enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let line = colour.stroke_width(2 * FINENESS);
        // A curve that is nowhere below the ceiling still has its place in the legend.
        chart
            .draw_series(std::iter::empty::<PathElement<Point>>())?
            .label(&curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18 * px, y)], line));
        for piece in below(points, ceiling) {
            chart.draw_series(LineSeries::new(piece, line))?;
        }
        if points.len() <= DOTTED {
            let seen = points.iter().filter(|point| point.1 <= ceiling);
            chart.draw_series(seen.map(|&at| Circle::new(at, 3 * px, colour.filled())))?;
        }
    }
    chart
        .configure_series_labels()
        // Losses fall, shares rise.
        .position(match top {
            None => SeriesLabelPosition::UpperRight,
            Some(_) => SeriesLabelPosition::UpperLeft,
        })
        .legend_area_size(24 * px)
        .margin(8 * px)
        .label_font(text(17))
        .background_style(WHITE.mix(0.85))
        .border_style(BOLD_GRID.stroke_width(FINENESS))
        .draw()?;
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn svg(curves: &[Curve]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loss.svg");
        save_loss_curve(&path, "run <a> & b", "step", "nats per image", curves).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        assert!(svg.starts_with("<svg width=\"800\" height=\"480\" viewBox=\"0 0 1600 960\""));
        assert!(svg.trim_end().ends_with("</svg>"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        assert!(svg.contains("run &lt;a&gt; &amp; b"));
        svg
    }

    fn curve(name: &str, points: impl IntoIterator<Item = (f64, f64)>) -> Curve {
        Curve {
            name: name.to_owned(),
            points: points.into_iter().collect(),
        }
    }

    #[test]
    fn every_curve_has_a_line_of_its_own_colour_and_a_legend() {
        let train = curve(
            "train",
            (0..300).map(|i| (f64::from(i), 500.0 / f64::from(i + 1))),
        );
        let test = curve("test", [(100.0, 9.0), (200.0, f64::NAN), (300.0, 4.0)]);
        let svg = svg(&[train, test]);
        for (colour, name) in [("#0072B2", "train"), ("#D55E00", "test")] {
            let line = |text: &&str| text.starts_with("polyline") && text.contains(colour);
            // One in the chart, one in the legend.
            assert_eq!(svg.split('<').filter(line).count(), 2);
            assert!(svg.contains(name));
        }
        assert_eq!(svg.matches("<circle").count(), 2);
    }

    #[test]
    fn few_points_and_none_are_drawn() {
        assert!(svg(&[]).contains("no points yet"));
        assert!(svg(&[curve("train", [(1.0, f64::NAN)])]).contains("no points yet"));
        assert_eq!(
            svg(&[curve("train", [(1.0, 2.0)])])
                .matches("<circle")
                .count(),
            1
        );
        let two = svg(&[curve("train", [(1.0, 2.0), (2.0, 2.0)]), curve("test", [])]);
        assert_eq!(two.matches("<circle").count(), 2);
        assert!(two.contains("test"));
    }

    #[test]
    fn extreme_values_neither_panic_nor_hang() {
        svg(&[curve(
            "a",
            [(0.0, 1e300), (1e300, 1.0), (f64::INFINITY, 2.0), (3.0, 1.0)],
        )]);
        svg(&[curve("a", [(0.0, 1e12), (1e12, -1e12)])]);
        svg(&[curve("a", [(0.0, 1e-300), (1e-300, 0.0)])]);
        svg(&[curve("a", [(1e12, 1e12), (1e12, 1e12)])]);
    }

    #[test]
    fn shares_are_drawn_on_all_of_their_axis() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shares.svg");
        let accuracy = curve("accuracy", [(0.5, 0.3), (1.0, 0.4)]);
        save_share_curve(&path, "", "seen", "share", &[accuracy]).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for label in ["\n0\n", "\n0.2\n", "\n1\n", "accuracy"] {
            assert!(svg.contains(label), "{label:?}: {svg}");
        }
    }

    #[test]
    fn an_unwritable_path_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("loss.svg");
        let message = save_loss_curve(&path, "", "", "", &[])
            .unwrap_err()
            .to_string();
        assert!(message.contains("loss.svg"), "{message}");
    }
}
