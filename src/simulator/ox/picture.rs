//! Whether the server can read a picture.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::fault::Fault;
use super::record::Record;

/// Largest picture the shipped server takes.
const LIMIT: usize = 4 << 20;

/// Checks the picture of a user, if there is one; gives whether there is one.
pub fn check(user: &Record) -> Result<bool, Fault> {
    let Some(image) = user.filled("image1") else { return Ok(false) };
    let Some(content_type) = user.filled("image1ContentType") else {
        return Err(Fault::storage("imageContentType must not be null"));
    };
    let bytes = STANDARD.decode(image.as_bytes()).unwrap_or_default();
    if bytes.len() > LIMIT {
        return Err(Fault::storage(format!("The image exceeds the maximum size of {LIMIT} bytes.")));
    }
    match format(&bytes) {
        Format::None => Err(Fault::storage(format!(
            "com.openexchange.imagetransformation.NoSuchImageReader: No image reader available for format \
             {content_type}"
        ))),
        Format::Broken => Err(Fault::storage("javax.imageio.IIOException: Missing or broken frame header")),
        Format::Readable => Ok(true),
    }
}

enum Format {
    None,
    Broken,
    Readable,
}

fn format(bytes: &[u8]) -> Format {
    if bytes.starts_with(b"\xff\xd8\xff") {
        return if jpeg_frame(bytes) { Format::Readable } else { Format::Broken };
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return if bytes.get(12..16) == Some(b"IHDR") { Format::Readable } else { Format::Broken };
    }
    if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") || bytes.starts_with(b"BM") {
        return Format::Readable;
    }
    Format::None
}

/// Whether a JPEG has a frame header before its data.
fn jpeg_frame(bytes: &[u8]) -> bool {
    let mut at = 2;
    while let Some([0xff, marker, high, low]) = bytes.get(at..at + 4) {
        match marker {
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => return true,
            0xda | 0xd9 => return false,
            _ => at += 2 + usize::from(*high) * 256 + usize::from(*low),
        }
    }
    false
}
