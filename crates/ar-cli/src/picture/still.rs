//! A picture as a PNG file.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::canvas::Picture;
use super::file::write_whole;

impl Picture {
    /// How the PNG format calls this picture's channels.
    pub(super) fn colour_type(&self) -> png::ColorType {
        if self.channels() == 1 {
            png::ColorType::Grayscale
        } else {
            png::ColorType::Rgb
        }
    }

    /// Writes the picture as a PNG file, whole or not at all.
    ///
    /// # Errors
    /// If the picture is empty or the file cannot be written; the error names `path`.
    pub fn save_png(&self, path: &Path) -> Result<()> {
        let bytes = self
            .encode_png()
            .with_context(|| format!("cannot encode {} as PNG", path.display()))?;
        write_whole(path, &bytes)
    }

    /// The picture as the bytes of a PNG file.
    ///
    /// # Errors
    /// If the picture is empty.
    pub(crate) fn encode_png(&self) -> Result<Vec<u8>> {
        let (width, height) = (u32::try_from(self.width())?, u32::try_from(self.height())?);
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(self.colour_type());
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.pixels())?;
        writer.finish()?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(path: &Path) -> (png::OutputInfo, Vec<u8>) {
        let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info, pixels)
    }

    #[test]
    fn png_files_decode_to_the_same_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.png");
        for channels in [1, 3] {
            let planes: Vec<u8> = (0..channels * 35).map(|i| (i * 7) as u8).collect();
            let picture = Picture::from_planes((channels, 5, 7), &planes).unwrap();
            picture.save_png(&path).unwrap();
            let (info, pixels) = decode(&path);
            assert_eq!((info.width, info.height), (7, 5));
            assert_eq!(info.color_type, picture.colour_type());
            assert_eq!(pixels, picture.pixels());
        }
    }

    #[test]
    fn an_empty_picture_is_an_error_and_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.png");
        let message = Picture::filled(0, 3, [0; 3])
            .save_png(&path)
            .unwrap_err()
            .to_string();
        assert!(message.contains("empty.png"), "{message}");
        assert!(!path.exists());
    }
}
