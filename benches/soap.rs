//! How long a full user takes to write and to read. Together they should stay below 100 µs: the server itself answers in
//! milliseconds.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use oxherd::ox::attribute::{Attribute, Form};
use oxherd::ox::model::{ContextId, FieldValue, Guests, UserFields, UserId};
use oxherd::ox::rights::Rights;
use oxherd::ox::soap::{Credentials, Login, decode, encode, user};

const CONTEXT: ContextId = ContextId(10);

/// A user with all texts, flags and numbers.
fn full_user() -> UserFields {
    let value = |attribute: Attribute| match attribute.form() {
        Form::Text { .. } | Form::FixedText { .. } => Some(FieldValue::Text("Müller & Söhne <x>".to_owned())),
        Form::Texts { .. } => Some(FieldValue::Texts(vec!["anna@example.org".to_owned(), "a@example.org".to_owned()])),
        Form::Date => Some(FieldValue::Date("1990-02-01".to_owned())),
        Form::Number => Some(FieldValue::Number(143)),
        Form::Flag => Some(FieldValue::Flag(true)),
        Form::Picture => None,
    };
    let mut fields: UserFields = Attribute::all().filter_map(|a| Some((a, value(a)?))).collect();
    fields.insert(Attribute::LANGUAGE, FieldValue::Text("de_DE".to_owned()));
    fields
}

/// An answer of some 12 kB: as the server does it, with a nil element for each field that is not set.
fn answer() -> String {
    let fields = Attribute::all().map(|attribute| {
        let name = attribute.soap_name();
        match (attribute.form(), name.len() % 3) {
            (Form::Text { .. } | Form::FixedText { .. }, 0) => format!("<ns2:{name}>Müller &amp; Söhne</ns2:{name}>"),
            _ => format!(r#"<ns2:{name} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>"#),
        }
    });
    format!(
        r#"<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><getDataResponse xmlns="http://soap.admin.openexchange.com" xmlns:ns2="http://dataobjects.soap.admin.openexchange.com/xsd" xmlns:ns3="http://dataobjects.rmi.admin.openexchange.com/xsd" xmlns:ns4="http://rmi.java/xsd" xmlns:ns5="http://exceptions.rmi.admin.openexchange.com/xsd"><return><ns2:id>3</ns2:id>{}{}</return></getDataResponse></soap:Body></soap:Envelope>"#,
        fields.collect::<String>(),
        r#"<ns2:unknown xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>"#.repeat(25),
    )
}

fn user_round_trip(criterion: &mut Criterion) {
    let login = Login::context_admin(CONTEXT, Credentials::new("oxadmin", "ctx-secret"));
    let fields = full_user();
    let (rights, guests) = (Some(Rights::NONE), Guests::Refuse);
    let create = user::Create { context: CONTEXT, fields: &fields, rights, guests, secret: None };
    let get = user::GetData { context: CONTEXT, user: user::Key::Id(UserId(3)) };
    let answer = answer();

    assert!(encode(&create, &login).is_ok() && decode(&get, &login, 200, &answer).is_ok());
    let mut group = criterion.benchmark_group("user");
    group.bench_function("encode a full user", |bencher| {
        bencher.iter(|| encode(black_box(&create), &login));
    });
    group.throughput(Throughput::Bytes(answer.len() as u64));
    group.bench_function("decode a user", |bencher| {
        bencher.iter(|| decode(&get, &login, 200, black_box(&answer)));
    });
    group.finish();
}

criterion_group!(benches, user_round_trip);
criterion_main!(benches);
