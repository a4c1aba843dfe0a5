//! Frames of images appearing in the order in which they were generated.

use anyhow::Result;
use ar_core::Order;

use crate::picture::{Picture, Sheet, masked_input};

/// Frames at most, whatever the size of the images.
const MOST_FRAMES: usize = 120;

/// All `images` side by side, first unknown and then pixel by pixel (or what is drawn at once), as many a
/// frame as make at most 120 frames; the last frame is complete.
///
/// # Errors
/// When the images are not of the order's size.
pub(crate) fn appearing(images: &[Picture], order: &Order) -> Result<Vec<Picture>> {
    let ranks = order.ranks();
    let per_frame = ranks.div_ceil(MOST_FRAMES - 1).max(1);
    let mut known = vec![false; order.positions()];
    let mut frames = Vec::with_capacity(ranks.div_ceil(per_frame) + 1);
    for first in (0..ranks + per_frame).step_by(per_frame) {
        for rank in first.saturating_sub(per_frame)..first.min(ranks) {
            order
                .at(rank)
                .iter()
                .for_each(|&p| known[p as usize] = true);
        }
        let masked: Result<Vec<_>> = images
            .iter()
            .map(|image| masked_input(image, &known))
            .collect();
        frames.push(Sheet::default().of(&masked?));
    }
    Ok(frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ar_core::{ChannelSteps, Domain};

    #[test]
    fn pixels_appear_in_order_and_frames_are_few() {
        let frames_of = |h, w| {
            let domain = Domain::new(1, h, w, 2).unwrap();
            let order = Order::raster(&domain, ChannelSteps::Separate);
            let images = vec![Picture::filled(w, h, [255; 3]); 2];
            appearing(&images, &order).unwrap()
        };
        let small = frames_of(3, 4);
        assert_eq!(small.len(), 13);
        let distinct = small.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(distinct, 12);
        assert_eq!(small[12].rgb(5, 5), [255; 3]);
        assert_ne!(small[0].rgb(5, 5), [255; 3]);
        let large = frames_of(28, 28);
        assert!((100..=120).contains(&large.len()), "{}", large.len());
    }

    #[test]
    fn pixels_appear_where_the_order_is() {
        let domain = Domain::new(1, 3, 4, 2).unwrap();
        let scan = "spiral+flip".parse().unwrap();
        let order = Order::scan(scan, &domain, ChannelSteps::Separate).unwrap();
        let frames = appearing(&[Picture::filled(4, 3, [255; 3])], &order).unwrap();
        let [width, height] = [frames[0].width(), frames[0].height()];
        let known = |frame: &Picture| -> Vec<bool> {
            let all = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
            let new = all.map(|(x, y)| frame.rgb(x, y) != frames[0].rgb(x, y));
            new.collect()
        };
        let frames: Vec<_> = frames.iter().map(known).collect();
        let all = frames[12].iter().filter(|&&new| new).count();
        let corner = frames[12].iter().position(|&new| new).unwrap();
        let side = (all / 12).isqrt();
        for (rank, &p) in order.sequence().iter().enumerate() {
            let p = p as usize;
            let square: Vec<usize> = (0..side * side)
                .map(|i| (p / 4 * side + i / side) * width + p % 4 * side + i % side + corner)
                .collect();
            let new = |&i: &usize| frames[rank][i] != frames[rank + 1][i];
            let changed: Vec<usize> = (0..width * height).filter(new).collect();
            assert_eq!(changed, square, "rank {rank}");
        }
    }
}
