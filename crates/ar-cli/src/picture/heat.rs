//! Colours for amounts.

/// From black over violet and orange to pale yellow for 0 to 1, in steps that look even.
pub(super) fn heat(share: f32) -> [u8; 3] {
    const STOPS: [[u8; 9]; 3] = [
        [0, 28, 79, 129, 181, 229, 251, 254, 252],
        [0, 16, 18, 37, 54, 80, 135, 194, 253],
        [4, 68, 123, 129, 122, 100, 97, 135, 191],
    ];
    let place = share.clamp(0.0, 1.0) * 8.0;
    let below = (place as usize).min(7);
    STOPS.map(|stops| {
        let (a, b) = (f32::from(stops[below]), f32::from(stops[below + 1]));
        (a + (place - below as f32) * (b - a)).round() as u8
    })
}
