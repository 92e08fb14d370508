//! End points of secondary accounts: what is stored and what is shown.

use crate::simulator::ox::fault::Fault;
use crate::simulator::ox::record::{Record, Value};
use crate::simulator::ox::schema::ACCOUNT;
use crate::simulator::ox::world::{Context, User};

const TEXTS: [&str; 15] = [
    "login",
    "password",
    "name",
    "primaryAddress",
    "personal",
    "replyTo",
    "transportLogin",
    "transportPassword",
    "archiveFullname",
    "draftsFullname",
    "sentFullname",
    "spamFullname",
    "trashFullname",
    "confirmedSpamFullname",
    "confirmedHamFullname",
];

/// Field names of one direction.
struct End {
    source: &'static str,
    server: &'static str,
    port: &'static str,
    protocol: &'static str,
    secure: &'static str,
    start_tls: &'static str,
    default_protocol: &'static str,
    default_port: i64,
}

const MAIL: End = End {
    source: "mailEndpointSource",
    server: "mailServer",
    port: "mailPort",
    protocol: "mailProtocol",
    secure: "mailSecure",
    start_tls: "mailStartTls",
    default_protocol: "imap",
    default_port: 143,
};

const TRANSPORT: End = End {
    source: "transportEndpointSource",
    server: "transportServer",
    port: "transportPort",
    protocol: "transportProtocol",
    secure: "transportSecure",
    start_tls: "transportStartTls",
    default_protocol: "smtp",
    default_port: 25,
};

impl End {
    fn set(&self, account: &mut Record, server: &str, port: i64, secure: bool, start_tls: bool) {
        account.set_text(self.server, server);
        account.set_number(self.port, port);
        account.set_text(self.protocol, self.default_protocol);
        account.set_flag(self.secure, secure);
        account.set_flag(self.start_tls, start_tls);
    }

    /// Takes the end point from the user, the server itself or the request; false if there is none.
    fn copy(&self, account: &mut Record, user: &User, data: &Record) -> bool {
        match data.text(self.source).map(str::to_lowercase).as_deref() {
            Some("primary") => {
                let prefix = self.default_protocol;
                let server = user.record.text(&format!("{prefix}Server")).unwrap_or("localhost");
                let port = user.record.number(&format!("{prefix}Port")).unwrap_or(self.default_port);
                let secure = user.record.text(&format!("{prefix}Schema")).is_some_and(|s| s.ends_with("s://"));
                self.set(account, server, port, secure, false);
                true
            }
            Some("localhost") => {
                self.set(account, "localhost", self.default_port, false, true);
                true
            }
            _ => self.own(account, data),
        }
    }

    fn own(&self, account: &mut Record, data: &Record) -> bool {
        let Some(server) = data.filled(self.server) else { return false };
        account.set_text(self.server, server);
        for field in [self.port, self.protocol, self.secure, self.start_tls] {
            if let Some(value) = data.get(field) {
                account.set(field, value.clone());
            }
        }
        account.default_to(self.protocol, || Value::text(self.default_protocol));
        account.default_to(self.secure, || Value::Flag(false));
        account.default_to(self.start_tls, || Value::Flag(false));
        true
    }
}

/// The account of a user made from the data of a `create`.
pub fn account(context: &Context, user_id: i64, data: &Record) -> Result<Record, Fault> {
    let mut account = Record::new(&ACCOUNT);
    account.set_number("contextId", context.id);
    account.set_number("userId", user_id);
    for name in TEXTS {
        if let Some(text) = data.text(name) {
            account.set_text(name, text);
        }
    }
    let user = context.users.get(user_id).ok_or_else(Fault::runtime)?;
    if !MAIL.copy(&mut account, user, data) {
        return Err(Fault::storage(
            "Missing mail end-point data. Set end-point source to either \"primary\" or \"localhost\"; or specify \
             appropriate fields in account data",
        ));
    }
    for (field, column) in [("name", "name"), ("login", "login"), ("primaryAddress", "primary_addr")] {
        if !account.has(field) {
            return Err(Fault::storage(format!(
                "java.sql.SQLIntegrityConstraintViolationException: Column '{column}' cannot be null"
            )));
        }
    }
    let copied = data.text(MAIL.source).is_some_and(|source| !source.eq_ignore_ascii_case("none"));
    let own_transport = TRANSPORT.copy(&mut account, user, data);
    if !own_transport && copied {
        TRANSPORT.set(&mut account, "localhost", TRANSPORT.default_port, false, false);
    } else if !own_transport {
        account.set_number(TRANSPORT.port, TRANSPORT.default_port);
        let login = account.text("login").unwrap_or_default().to_owned();
        account.default_to("transportLogin", || Value::text(login));
    }
    account.default_to("transportLogin", || Value::text(""));
    if let Some(password) = account.text("password").map(ToOwned::to_owned) {
        account.default_to("transportPassword", || Value::text(password));
    }
    Ok(account)
}

/// Whether the user has an account already with that address or with that login on the same server.
pub fn takes_address(context: &Context, user_id: i64, account: &Record) -> bool {
    let lower = |record: &Record, name: &str| record.text(name).unwrap_or_default().to_lowercase();
    let address = lower(account, "primaryAddress");
    let end = |record: &Record| (lower(record, "mailServer"), record.number("mailPort"), lower(record, "login"));
    let primary = context.users.get(user_id).is_some_and(|user| {
        let own = (lower(&user.record, "imapServer"), user.record.number("imapPort"), lower(&user.record, "imapLogin"));
        user.mail_account
            && (user.primary_mail().to_lowercase() == address || (!own.2.is_empty() && own == end(account)))
    });
    primary
        || context
            .accounts
            .range((user_id, 0)..=(user_id, i64::MAX))
            .any(|(_, other)| lower(other, "primaryAddress") == address || end(other) == end(account))
}

/// Takes over what an `update` sends.
pub fn update_fields(account: &mut Record, data: &Record) {
    for (position, value) in data.slots() {
        account.set(data.kind().field(*position).name, value.clone());
    }
}

/// The account as `list` shows it: a mail server without port is stored, but not shown.
pub fn shown(account: &Record) -> Record {
    let mut shown = account.clone();
    for end in [&MAIL, &TRANSPORT] {
        if !shown.has(end.port) {
            for field in [end.server, end.protocol, end.secure, end.start_tls] {
                shown.take(field);
            }
        }
    }
    shown
}
