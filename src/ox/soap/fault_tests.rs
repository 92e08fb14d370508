use super::*;
use crate::ox::soap::credentials::Credentials;
use strum::IntoEnumIterator;

fn origin(who: Who) -> Origin {
    Origin {
        service: Service::User,
        operation: "change",
        who,
        login: Credentials::new("oxadmin", "secret").login,
        context: Some(ContextId(10)),
    }
}

fn fault(detail: &str, text: &str) -> OxFault {
    let detail = (!detail.is_empty()).then(|| detail.to_owned());
    let fault = SoapFault { code: "Server".to_owned(), text: text.to_owned(), detail };
    OxFault::soap(&origin(Who::ContextAdmin(ContextId(10))), &fault)
}

#[test]
fn wrong_credentials_concern_everybody_or_one_context() {
    let refused = SoapFault {
        code: "Server".to_owned(),
        text: "Authentication failed; exceptionId 1-2".to_owned(),
        detail: Some("InvalidCredentialsException".to_owned()),
    };
    assert_eq!(OxFault::soap(&origin(Who::Master), &refused).class(), FaultClass::Credentials);
    let class = OxFault::soap(&origin(Who::ContextAdmin(ContextId(10))), &refused).class();
    assert_eq!(class, blocked(ContextId(10), Pace::Seldom));
}

#[test]
fn no_such_user_can_mean_the_administrator() {
    let admin = fault("NoSuchUserException", "No such user oxadmin in context 10; exceptionId 1-2");
    assert_eq!(admin.category(), Category::CredentialsRefused);
    let user = fault("NoSuchUserException", "No such user 5 in context 10; exceptionId 1-2");
    assert_eq!(user.category(), Category::UserGone);
    assert_eq!(user.missing_user(), Some(UserId(5)));
    assert_eq!(fault("NoSuchUserException", "No such user anna in context 10").missing_user(), None);
}

#[test]
fn a_busy_lock_is_neither_object_nor_world() {
    let text = "User update conflict: Another process is currently modifying user data. Please try again later.";
    assert_eq!(fault("StorageException", text).class(), blocked(ContextId(10), Pace::Soon));
    let text = "java.sql.SQLException: Lock wait timeout exceeded; try restarting transaction; exceptionId 1-1";
    assert_eq!(fault("StorageException", text).class(), FaultClass::Busy);
}

#[test]
fn database_trouble_is_world() {
    for (detail, text) in [
        ("StorageException", "com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure"),
        ("StorageException", "java.sql.SQLNonTransientConnectionException: Too many connections"),
        ("RemoteException", "whatever"),
    ] {
        assert_eq!(fault(detail, text).class(), FaultClass::World, "{text}");
    }
}

#[test]
fn an_update_of_the_database_concerns_its_context() {
    let text = "Database is locked or is now being updated, please try again later";
    for detail in ["DatabaseUpdateException", "StorageException"] {
        assert_eq!(fault(detail, text).class(), blocked(ContextId(10), Pace::Soon));
    }
}

#[test]
fn a_value_cannot_pretend_to_be_an_outage() {
    for (detail, text) in [
        ("InvalidDataException", "Invalid email address: Too many connections"),
        (
            "StorageException",
            "FLD-0075 Message='An infostore folder named \"Lock wait timeout exceeded\" already exists'",
        ),
        ("StorageException", "java.sql.SQLException: Duplicate entry '10-4-SQLRecoverableException' for key 'PRIMARY'"),
        ("NoSuchUserException", "No such user Deadlock found when trying to get lock in context 10"),
    ] {
        assert_eq!(fault(detail, text).class(), FaultClass::Object, "{text}");
    }
}

#[test]
fn too_long_names_the_attribute() {
    let create =
        fault("StorageException", "Data too long for underlying storage!Error field(s): field06; exceptionId 1-1");
    assert_eq!(create.attribute(), Some(Attribute::TITLE));
    let text = "com.mysql.cj.jdbc.exceptions.MysqlDataTruncation: Data truncation: Data too long for column 'field18' at row 1";
    assert_eq!(fault("StorageException", text).attribute(), Some(Attribute::COMPANY));
    let unknown = fault("StorageException", "Data too long for underlying storage!Error field(s): field99");
    assert_eq!(unknown.attribute(), None);
    assert!(unknown.to_string().contains("field99"));
}

#[test]
fn values_in_fault_texts_are_never_shown() {
    let texts = [
        ("InvalidDataException", "Invalid email address: anna alster@example.org"),
        ("InvalidDataException", "Illegal chars: \"anna\""),
        ("InvalidDataException", "User anna already exists in this context"),
        ("InvalidDataException", "Something about \"anna\" is odd"),
        (
            "InvalidDataException",
            "Primary mail address \"anna@x\" already exists in context 10 (Already assigned to user 5).",
        ),
        ("NoSuchUserException", "No such user anna in context 10"),
        (
            "StorageException",
            "FLD-0075 Categories=PERMISSION_DENIED Message='An infostore folder named \"anna\" already exists",
        ),
        ("StorageException", "Duplicate entry '10-4-anna@x' for key 'PRIMARY'"),
        ("StorageException", "odd: anna"),
        ("", "Cannot do this with anna@example.org"),
        ("NewException", "Cannot do this with 'anna'"),
    ];
    for (detail, text) in texts {
        let fault = fault(detail, &format!("{text}; exceptionId 1-1"));
        let shown = format!("{fault} {fault:?}");
        assert!(!shown.contains("anna"), "{shown}");
        assert!(fault.mentions("anna"));
    }
}

#[test]
fn statuses_without_soap() {
    let status = |service, status| {
        let fault = OxFault::status(&Origin { service, ..origin(Who::Master) }, status);
        (fault.class(), fault.category())
    };
    assert_eq!(status(Service::UserCopy, 404), (FaultClass::Object, Category::ServiceMissing));
    assert_eq!(status(Service::User, 404), (FaultClass::World, Category::Starting));
    assert_eq!(status(Service::User, 503), (FaultClass::World, Category::ServerError));
    assert_eq!(status(Service::User, 500), (FaultClass::World, Category::ServerError));
    assert_eq!(status(Service::User, 302), (FaultClass::World, Category::Redirected));
    assert_eq!(status(Service::User, 403), (FaultClass::World, Category::Rejected));
    assert_eq!(status(Service::User, 413), (FaultClass::Object, Category::TooLarge));
    assert_eq!(status(Service::User, 200), (FaultClass::Protocol, Category::Unreadable));
}

#[test]
fn category_names_are_words_for_reports() {
    for category in Category::iter() {
        let name: &'static str = category.into();
        assert!(name.chars().all(|c| c.is_ascii_alphabetic()));
    }
}
