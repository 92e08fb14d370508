//! SOAP calls against the simulator, written by hand.

use std::net::SocketAddr;

use super::http::Connection;
use super::xml::{self, Element};

/// An answer or the text of a fault.
pub type Outcome = Result<Element, String>;

/// Credentials of the master admin.
pub const MASTER: &str = "<s:auth><r:login>oxadminmaster</r:login><r:password>secret</r:password></s:auth>";
/// Credentials of the context admins that [`create_context`] makes.
pub const ADMIN: &str = "<s:auth><r:login>oxadmin</r:login><r:password>ctx-secret</r:password></s:auth>";

/// Calls an operation with the given children on a connection of its own.
pub async fn call(address: SocketAddr, service: &str, operation: &str, children: &str) -> Outcome {
    let mut connection = Connection::open(address).await;
    call_on(&mut connection, service, operation, children).await.unwrap()
}

/// As [`call`], on a connection; the error is that of the connection.
pub async fn call_on(
    connection: &mut Connection,
    service: &str,
    operation: &str,
    children: &str,
) -> std::io::Result<Outcome> {
    let namespace = if service == "OXUserCopyService" {
        "http://soap.copy.user.admin.openexchange.com"
    } else {
        "http://soap.admin.openexchange.com"
    };
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:s=\"{namespace}\" \
         xmlns:d=\"http://dataobjects.soap.admin.openexchange.com/xsd\" \
         xmlns:r=\"http://dataobjects.rmi.admin.openexchange.com/xsd\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><e:Body><s:{operation}>{children}</s:{operation}>\
         </e:Body></e:Envelope>"
    );
    let length = body.len().to_string();
    let headers =
        [("Host", "ox.example.test"), ("Content-Type", "text/xml; charset=utf-8"), ("Content-Length", length.as_str())];
    let path = format!("/webservices/{service}");
    let response = connection.exchange("POST", &path, &headers, body.as_bytes()).await?;
    if response.status == 503 {
        return Ok(Err("503".to_owned()));
    }
    let tree = xml::parse(&response.text());
    Ok(match tree.text_of("faultstring") {
        Some(text) => Err(text.split("; exceptionId ").next().unwrap().to_owned()),
        None => Ok(tree),
    })
}

/// The child that names a context.
pub fn ctx(id: i64) -> String {
    format!("<s:ctx><d:id>{id}</d:id></s:ctx>")
}

/// Makes a context with the admin of [`ADMIN`].
pub async fn create_context(address: SocketAddr, id: i64) {
    let children = format!(
        "<s:ctx><d:id>{id}</d:id><d:maxQuota>1024</d:maxQuota><d:name>context-{id}</d:name></s:ctx>\
         <s:admin_user>{}</s:admin_user>{MASTER}",
        user("oxadmin").replace("dummy", "ctx-secret")
    );
    call(address, "OXContextService", "create", &children).await.unwrap();
}

/// The mandatory fields of a user.
pub fn user(name: &str) -> String {
    format!(
        "<d:display_name>{name}</d:display_name><d:email1>{name}@school.example</d:email1>\
         <d:given_name>{name}</d:given_name><d:name>{name}</d:name><d:password>dummy</d:password>\
         <d:primaryEmail>{name}@school.example</d:primaryEmail><d:sur_name>Test</d:sur_name>"
    )
}

/// Makes a user with plain `create`; gives the id.
pub async fn create_user(address: SocketAddr, context: i64, name: &str) -> Result<i64, String> {
    let children = format!("{}<s:usrdata>{}</s:usrdata>{ADMIN}", ctx(context), user(name));
    let answer = call(address, "OXUserService", "create", &children).await?;
    Ok(answer.text_of("id").unwrap().parse().unwrap())
}
