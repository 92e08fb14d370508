//! Who may do what, with the three texts of a 401.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answers;
use crate::simulator::http::Request;
use crate::simulator::nubus::reply::Reply;
use crate::simulator::nubus::server::Shared;

/// How long a right password needs no check.
const CACHED: Duration = Duration::from_secs(30);

/// Name and password of a request.
#[derive(Clone, Debug)]
pub struct Credential {
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
}

/// The credential of a request.
pub fn credential(request: &Request) -> Result<Credential, Reply> {
    let header = request.header("authorization").and_then(|value| value.split_once(' '));
    let text = header.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic")).map(|(_, text)| text.trim());
    let text = text.ok_or_else(|| answers::unauthorized("Not authenticated"))?;
    let plain = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = plain.as_deref().and_then(|plain| plain.split_once(':'));
    pair.map(|(user, password)| Credential { user: user.to_owned(), password: password.to_owned() })
        .ok_or_else(|| answers::unauthorized("Invalid authentication credentials"))
}

/// Only the user of a service (`admin`, `udm`, `prefill`): compared plainly, at once.
pub fn service(request: &Request, user: &str, password: &str) -> Result<(), Reply> {
    let credential = credential(request)?;
    if credential.user == user && credential.password == password {
        return Ok(());
    }
    Err(answers::unauthorized("Incorrect username or password"))
}

/// Only the subscription itself. Names are compared first, so also with a wrong password.
pub async fn own(shared: &Shared, request: &Request, name: &str) -> Result<(), Reply> {
    let credential = credential(request)?;
    if credential.user != name {
        return Err(answers::unauthorized("You do not have access to this data"));
    }
    check(shared, &credential).await
}

/// The subscription itself or the administrator; true for the latter.
pub async fn own_or_admin(shared: &Shared, request: &Request, name: &str) -> Result<bool, Reply> {
    let admin = credential(request)?.user == "admin";
    if admin {
        service(request, "admin", &shared.options().admin_password)?;
    } else {
        own(shared, request, name).await?;
    }
    Ok(admin)
}

/// Checks the password of a consumer, which takes its time unless it was right a moment ago.
async fn check(shared: &Shared, credential: &Credential) -> Result<(), Reply> {
    let right = shared.with_world(|world| {
        let subscription = world.provisioning.subscriptions.get(&credential.user);
        subscription.is_some_and(|subscription| subscription.accepts(&credential.password))
    });
    let key = (credential.user.clone(), credential.password.clone());
    let cached = right && shared.process().passwords.get(&key).is_some_and(|until| Instant::now() < *until);
    let cost = Duration::from_millis(shared.options().latency.password_check);
    if !cached && !cost.is_zero() {
        let _stopped = shared.event_loop.lock().await;
        tokio::time::sleep(cost).await;
    }
    if !right {
        return Err(answers::unauthorized("Incorrect username or password"));
    }
    shared.process().passwords.insert(key, Instant::now() + CACHED);
    Ok(())
}
