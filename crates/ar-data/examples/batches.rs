//! ar-data alone: a data set as batches of integer levels, of the built-in digits or of what is named.
//!
//! `cargo run -p ar-data --example batches -- path/to/pngs`
#![expect(clippy::print_stdout, reason = "an example shows what it made")]

use std::sync::Arc;

use ar_data::{Encoding, LoadOptions, Source, Split, Traversal, batches, load};

fn main() -> ar_data::Result<()> {
    let Ok(source) = std::env::args()
        .nth(1)
        .map_or(Ok(Source::Digits), |text| text.parse());
    let options = LoadOptions {
        digits: 600,
        ..LoadOptions::default()
    };
    let set = load(&source, &options)?;
    println!("{}: {}", set.name, set.source);
    for split in [Split::Train, Split::Validation, Split::Test] {
        println!("{:6} {}", set.split(split).len(), split.name());
    }

    let encoding = Encoding::levels_of(set.native_levels(), 2)?;
    let traversal = Traversal::Shuffled { seed: 0, epoch: 0 };
    let shape = set.shape();
    for batch in batches(Arc::new(set.train), encoding.clone(), 128, traversal, 0)? {
        println!("{} images, {} levels", batch.len, batch.levels.len()); // (len, C, H, W), each 0 or 1
        if batch.len < 128 {
            let image = &batch.levels[..shape.height * shape.width];
            for row in image.chunks(shape.width) {
                println!(
                    "{}",
                    row.iter()
                        .map(|&x| [' ', '#'][x as usize])
                        .collect::<String>()
                );
            }
        }
    }
    Ok(())
}
