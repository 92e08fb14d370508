//! Pictures.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use image::ImageFormat;
use serde_json::json;

use crate::world::World;

pub fn encoded(format: ImageFormat, red: u8) -> String {
    let mut data = Cursor::new(Vec::new());
    image::RgbImage::from_pixel(3, 2, image::Rgb([red, 0, 0])).write_to(&mut data, format).unwrap();
    STANDARD.encode(data.into_inner())
}

pub fn jpeg() -> String {
    encoded(ImageFormat::Jpeg, 1)
}

#[test]
fn a_picture_is_sent_when_it_is_new_or_other() {
    let mut world = World::new();
    let (first, second) = (jpeg(), encoded(ImageFormat::Jpeg, 250));
    assert!(world.user("anna", json!({"jpegPhoto": first})).fields().get("image1").is_some());
    assert!(world.user("anna", json!({"jpegPhoto": first})).calls.is_empty());
    assert_eq!(world.user("anna", json!({"jpegPhoto": second})).fields().as_object().unwrap().len(), 1);
    let state = serde_json::to_string(world.state("anna")).unwrap();
    assert!(!state.contains(&second), "the record holds no data");
}

#[test]
fn j11_other_formats_are_sent_as_jpeg() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({"jpegPhoto": encoded(ImageFormat::Png, 9)}));
    assert_eq!(outcome.json()[0]["fields"]["image1"]["picture"]["mediaType"], "image/jpeg");
    assert!(outcome.warnings.is_empty());
}

#[test]
fn j11_a_picture_that_nobody_can_read_is_left_out_as_a_whole_and_said_once() {
    let mut world = World::new();
    let outcome = world.user("anna", json!({"jpegPhoto": "bm8gcGljdHVyZQ=="}));
    assert_eq!(outcome.names(), ["UserCreate"]);
    assert_eq!(outcome.fields().get("image1"), None);
    assert!(outcome.warnings[0].contains("'jpegPhoto'"), "{:?}", outcome.warnings);
    world.user("anna", json!({"jpegPhoto": "bm8gcGljdHVyZQ=="}));
    let again = world.user("anna", json!({"jpegPhoto": "bm8gcGljdHVyZQ==", "title": "Dr."}));
    assert!(again.warnings.is_empty() && again.fields() == json!({"title": "Dr."}));
}

#[test]
fn bad_input_a_picture_of_5_megabytes() {
    let mut world = World::new();
    let mut data = STANDARD.decode(jpeg()).unwrap();
    data.resize(5_000_000, 0);
    let outcome = world.user("anna", json!({"jpegPhoto": STANDARD.encode(data)}));
    assert_eq!(outcome.names(), ["UserCreate"]);
    assert!(outcome.warnings[0].contains("4 MiB"), "{:?}", outcome.warnings);
}

#[test]
fn a_picture_that_vanished_stays_and_that_is_said_once() {
    let mut world = World::new();
    world.user("anna", json!({"jpegPhoto": jpeg()}));
    let outcome = world.user("anna", json!({}));
    assert!(outcome.calls.is_empty() && outcome.warnings[0].contains("image1"));
    assert!(world.user("anna", json!({"title": "Dr."})).warnings.is_empty());
}

#[test]
fn a_picture_may_be_for_new_users_only() {
    use oxherd::ox::mapping::{EntrySpec, Mapping, MappingSpec};
    let property = Some("jpegPhoto".to_owned());
    let entry = EntrySpec { attribute: "image1".into(), property, create_only: true, ..EntrySpec::default() };
    let mut world = World::new();
    world.settings.mapping =
        Mapping::from_spec(&MappingSpec { entries: vec![entry], ..MappingSpec::default() }).unwrap();
    assert!(world.user("anna", json!({"jpegPhoto": jpeg()})).fields().get("image1").is_some());
    assert!(world.user("anna", json!({"jpegPhoto": encoded(ImageFormat::Jpeg, 250)})).calls.is_empty());
    let outcome = world.user("anna", json!({}));
    assert!(outcome.calls.is_empty() && outcome.warnings.is_empty());
}
