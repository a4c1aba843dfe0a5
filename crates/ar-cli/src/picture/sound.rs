//! Stub.
use anyhow::Result;
use super::canvas::Picture;
pub(crate) fn sounds(recordings: &[&[u16]], _rate: u32) -> Result<Picture> {
    let (w, h) = (400, 64);
    let mut planes = vec![0u8; w * h * recordings.len()];
    for (k, r) in recordings.iter().enumerate() {
        for (t, s) in r.iter().enumerate() {
            let x = t * w / r.len();
            let y = (k * h + (h - 1) * usize::from(*s) / 65535) * w + x;
            planes[y] = 255;
        }
    }
    Picture::from_planes((1, h * recordings.len(), w), &planes)
}
