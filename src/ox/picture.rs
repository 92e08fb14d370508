//! Pictures: from what a directory holds to what OX can read.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::{ImageFormat, ImageReader, Limits};
use sha2::{Digest, Sha256};

use super::model::Picture;

/// The largest picture that OX stores.
pub const LIMIT: usize = 4 * 1024 * 1024;

/// The largest picture that is converted; decoding must not be a way to exhaust memory.
const SOURCE_LIMIT: usize = 16 * 1024 * 1024;

/// Why a picture cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// It is not base64.
    #[error("it is not base64 text")]
    Encoding,
    /// No reader understands it.
    #[error("it is not a readable JPEG, PNG, GIF, BMP or WebP picture")]
    Unreadable,
    /// OX would refuse its size.
    #[error("it is larger than 4 MiB")]
    TooLarge,
}

/// A picture as the directory holds it. Cheap to compare; converted only when it has to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePicture {
    data: Option<Vec<u8>>,
    fingerprint: String,
}

impl SourcePicture {
    /// Takes base64 text; white space in it does not count.
    pub fn new(text: &str) -> Self {
        let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let data = STANDARD.decode(&compact).ok();
        let fingerprint = hexadecimal(&Sha256::digest(data.as_deref().unwrap_or(&compact)));
        Self { data, fingerprint }
    }

    /// SHA-256 of the data in hexadecimal.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The picture in a form that OX reads: a JPEG as it is, anything else as JPEG.
    pub fn convert(&self) -> Result<Picture, PictureError> {
        let data = self.data.as_deref().ok_or(PictureError::Encoding)?;
        if data.len() > SOURCE_LIMIT {
            return Err(PictureError::TooLarge);
        }
        let (base64, sent) = if is_jpeg_with_frame(data) {
            within_limit(data)?;
            (STANDARD.encode(data), None)
        } else {
            let jpeg = to_jpeg(data)?;
            within_limit(&jpeg)?;
            (STANDARD.encode(&jpeg), Some(hexadecimal(&Sha256::digest(&jpeg))))
        };
        let (media_type, fingerprint) = ("image/jpeg".to_owned(), self.fingerprint.clone());
        Ok(Picture { media_type, fingerprint, sent, base64: Some(base64) })
    }
}

fn within_limit(data: &[u8]) -> Result<(), PictureError> {
    if data.len() > LIMIT { Err(PictureError::TooLarge) } else { Ok(()) }
}

/// SHA-256 and the like in hexadecimal.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Whether the data are a JPEG with a frame header (SOF marker), without which the server cannot read it.
fn is_jpeg_with_frame(data: &[u8]) -> bool {
    let Some(mut rest) = data.strip_prefix(&[0xFF, 0xD8]) else { return false };
    while let [0xFF, marker, tail @ ..] = rest {
        match marker {
            0xFF => rest = &rest[1..],
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => return true,
            0xD9 | 0xDA => return false,
            0x01 | 0xD0..=0xD7 => rest = tail,
            _ => {
                let Some(length) = tail.first_chunk().map(|bytes| usize::from(u16::from_be_bytes(*bytes))) else {
                    return false;
                };
                let Some(next) = tail.get(length..) else { return false };
                rest = next;
            }
        }
    }
    false
}

fn to_jpeg(data: &[u8]) -> Result<Vec<u8>, PictureError> {
    let mut reader = ImageReader::new(Cursor::new(data)).with_guessed_format().map_err(|_| PictureError::Unreadable)?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(10_000);
    limits.max_image_height = Some(10_000);
    limits.max_alloc = Some(128 * 1024 * 1024);
    reader.limits(limits);
    let picture = reader.decode().map_err(|_| PictureError::Unreadable)?;
    let mut jpeg = Cursor::new(Vec::new());
    picture.to_rgb8().write_to(&mut jpeg, ImageFormat::Jpeg).map_err(|_| PictureError::Unreadable)?;
    Ok(jpeg.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(format: ImageFormat) -> String {
        let mut data = Cursor::new(Vec::new());
        image::RgbImage::from_pixel(4, 3, image::Rgb([200, 10, 10])).write_to(&mut data, format).unwrap();
        STANDARD.encode(data.into_inner())
    }

    #[test]
    fn a_jpeg_passes_as_it_is() {
        let text = encoded(ImageFormat::Jpeg);
        let picture = SourcePicture::new(&text).convert().unwrap();
        assert_eq!(picture.media_type, "image/jpeg");
        assert_eq!(picture.base64.as_deref(), Some(text.as_str()));
    }

    #[test]
    fn other_formats_become_jpeg_and_keep_the_fingerprint_of_the_source() {
        for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::WebP] {
            let source = SourcePicture::new(&encoded(format));
            let picture = source.convert().unwrap();
            assert_eq!(picture.fingerprint, source.fingerprint());
            let jpeg = STANDARD.decode(picture.base64.unwrap()).unwrap();
            assert!(is_jpeg_with_frame(&jpeg), "{format:?}");
        }
    }

    #[test]
    fn line_breaks_in_base64_do_not_matter() {
        let text = encoded(ImageFormat::Jpeg);
        let (head, tail) = text.split_at(20);
        assert_eq!(SourcePicture::new(&format!("{head}\n{tail}\n")), SourcePicture::new(&text));
    }

    #[test]
    fn unusable_pictures_say_why() {
        let error = |data: &[u8]| SourcePicture::new(&STANDARD.encode(data)).convert().unwrap_err();
        assert_eq!(SourcePicture::new("not base64!").convert(), Err(PictureError::Encoding));
        assert_eq!(error(b"hello"), PictureError::Unreadable);
        assert_eq!(error(&[0xFF, 0xD8, 0xFF, 0xE0, 0x00, 0x04, 0, 0, 0xFF, 0xD9]), PictureError::Unreadable);
        assert_eq!(error(&vec![0; SOURCE_LIMIT + 1]), PictureError::TooLarge);
        let mut jpeg = STANDARD.decode(encoded(ImageFormat::Jpeg)).unwrap();
        jpeg.resize(5_000_000, 0);
        assert_eq!(error(&jpeg), PictureError::TooLarge);
    }
}
