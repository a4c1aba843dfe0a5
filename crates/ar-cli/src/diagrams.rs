//! Pictures of what a model looks at, drawn from the model itself.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ar_core::{Kernel, MaskType, Model, Order, Taps};

use crate::destination::Destinations;
use crate::failure::usage;
use crate::picture::{Picture, heat_grid};
use crate::target::Target;

/// Pictures of a model and where they go.
#[derive(Debug, Default)]
pub(crate) struct Diagrams(Vec<(PathBuf, Picture)>);

impl Diagrams {
    /// The masks of the model's kernels and what its centre pixel depends on, to go into `folder`:
    /// `MODEL-mask-a.png`, `MODEL-mask-b.png`, `MODEL-receptive-field.png`, `order.png`. `force` replaces what is there.
    ///
    /// # Errors
    /// When the images are too large to draw, or a file cannot or must not be written.
    pub(crate) fn of(target: &Target, folder: &Path, force: bool) -> Result<Self> {
        let (dims, most) = (target.spec.domain.dims(), 1 << 18);
        if dims > most {
            let problem = format!("images of {dims} values are too large; at most {most}");
            return Err(usage(format!("--draw: {problem}")));
        }
        if folder.is_file() {
            return Err(usage(format!("--draw {}: it is a file", folder.display())));
        }
        std::fs::create_dir_all(folder)
            .map_err(|error| usage(format!("--draw {}: {error}", folder.display())))?;
        let kernel = |field: &str| {
            let config = &target.spec.config;
            config.get(field).and_then(serde_json::Value::as_u64)
        };
        let model = target.first()?;
        let order = model.order();
        let masks = [
            ("mask-a", "first_kernel", MaskType::A),
            ("mask-b", "kernel", MaskType::B),
        ];
        let drawn = masks.into_iter().filter_map(|(name, field, mask)| {
            Some((name, draw_mask(order, kernel(field)? as usize, mask)))
        });
        let field = ("receptive-field", draw_field(model));
        let named = |(name, picture)| {
            let file = folder.join(format!("{}-{name}.png", target.spec.model));
            (file, picture)
        };
        let order = (folder.join("order.png"), draw_order(order));
        let all: Vec<_> = drawn.chain([field]).map(named).chain([order]).collect();
        let mut files = Destinations::new(force);
        if let Some(run) = &target.run {
            run.data.is_read(&mut files);
        }
        for (file, _) in &all {
            files.file("--draw", file, &["png"])?;
        }
        Ok(Self(all))
    }

    /// Writes them and gives the files.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(crate) fn save(self) -> Result<Vec<PathBuf>> {
        let save = |(file, picture): (PathBuf, Picture)| picture.save_png(&file).map(|()| file);
        self.0.into_iter().map(save).collect()
    }
}

/// When each pixel comes, the first the darkest.
fn draw_order(order: &Order) -> Picture {
    let last = (order.ranks() - 1).max(1) as f32;
    let when = |p| 1.0 - order.rank(p) as f32 / last;
    let cells: Vec<f32> = (0..order.positions()).map(when).collect();
    heat_grid(&cells, order.height(), order.width(), None)
}

/// The live taps of a `size` x `size` kernel.
fn draw_mask(order: &Order, size: usize, mask: MaskType) -> Picture {
    let taps = Taps::new(order, Kernel::square(size), mask);
    let (cells, centre) = (live(taps.offsets(), size), size / 2);
    heat_grid(
        &cells,
        size,
        size,
        (taps.centre().is_none()).then_some((centre, centre)),
    )
}

fn live(offsets: &[(isize, isize)], size: usize) -> Vec<f32> {
    let mut cells = vec![0.0; size * size];
    let half = size as isize / 2;
    for &(dy, dx) in offsets {
        let (row, column) = (half + dy, half + dx);
        if (0..size as isize).contains(&row) && (0..size as isize).contains(&column) {
            cells[row as usize * size + column as usize] = 1.0;
        }
    }
    cells
}

/// Which pixels the last channel of the centre pixel depends on: the share of their channels.
fn draw_field(model: &dyn Model) -> Picture {
    let (domain, order) = (model.domain(), model.order());
    let (row, column) = (domain.height / 2, domain.width / 2);
    let step = order.step_of(domain.channels - 1, row * domain.width + column);
    let mut cells = vec![0.0; domain.positions()];
    for dim in model.depends_on(step) {
        cells[dim % domain.positions()] += 1.0 / domain.channels as f32;
    }
    heat_grid(&cells, domain.height, domain.width, Some((row, column)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ar_core::{ChannelSteps, Domain};

    #[test]
    fn masks_show_the_taps() {
        let order = Order::raster(&Domain::new(1, 5, 5, 2).unwrap(), ChannelSteps::Separate);
        let taps = Taps::new(&order, Kernel::square(3), MaskType::B);
        assert_eq!(
            live(taps.offsets(), 3),
            [1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0]
        );
        let (a, b) = (
            draw_mask(&order, 3, MaskType::A),
            draw_mask(&order, 3, MaskType::B),
        );
        assert_ne!(a, b);
    }
}
