//! IMAP and SMTP servers of a user: sent as host and port, stored as URL, answered in parts.

use super::record::Record;

/// Field names and ports of one protocol.
pub struct Protocol {
    name: &'static str,
    server: &'static str,
    server_string: &'static str,
    port: &'static str,
    schema: &'static str,
    plain_port: i64,
    secure_port: i64,
}

/// IMAP.
pub const IMAP: Protocol = Protocol {
    name: "imap",
    server: "imapServer",
    server_string: "imapServerString",
    port: "imapPort",
    schema: "imapSchema",
    plain_port: 143,
    secure_port: 993,
};

/// SMTP.
pub const SMTP: Protocol = Protocol {
    name: "smtp",
    server: "smtpServer",
    server_string: "smtpServerString",
    port: "smtpPort",
    schema: "smtpSchema",
    plain_port: 25,
    secure_port: 465,
};

impl Protocol {
    /// The URL that a request stores; `None` if it names no server.
    pub fn url(&self, sent: &Record) -> Option<String> {
        let server = sent.filled(self.server)?;
        Some(match sent.number(self.port) {
            Some(port) => {
                let secure = if port == self.secure_port { "s" } else { "" };
                format!("{}{secure}://{}:{port}", self.name, parts(server).1)
            }
            None => server.to_owned(),
        })
    }

    /// Whether the request names an empty server.
    pub fn is_empty(&self, sent: &Record) -> bool {
        sent.text(self.server) == Some("")
    }

    /// Writes the parts of a URL into a user as it is answered.
    pub fn write(&self, url: &str, user: &mut Record) {
        let (scheme, host, port) = parts(url);
        let scheme = scheme.unwrap_or(self.name);
        let port = port.unwrap_or(self.plain_port);
        user.set_number(self.port, port);
        user.set_text(self.schema, format!("{scheme}://"));
        user.set_text(self.server, host);
        user.set_text(self.server_string, format!("{scheme}://{host}:{port}"));
    }

    /// What an answer to `create` says when no server was sent: only the constructor defaults.
    pub fn write_defaults(&self, user: &mut Record) {
        user.set_number(self.port, self.plain_port);
        user.set_text(self.schema, format!("{}://", self.name));
        user.take(self.server);
        user.take(self.server_string);
    }

    /// The URL of a user for whom no server was sent.
    pub fn default_url(&self) -> String {
        format!("{}://localhost:{}", self.name, self.plain_port)
    }

    /// The name of the field with the full URL.
    pub const fn url_field(&self) -> &'static str {
        self.server_string
    }
}

/// Scheme, host and port of a URL or host.
fn parts(url: &str) -> (Option<&str>, &str, Option<i64>) {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, url),
    };
    match rest.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (scheme, host, Some(port)),
        None => (scheme, rest, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::ox::schema::USER;

    #[test]
    fn the_port_decides_about_the_scheme() {
        let mut sent = Record::new(&USER);
        assert_eq!(IMAP.url(&sent), None);
        sent.set_text("imapServer", "imap.example");
        assert_eq!(IMAP.url(&sent).as_deref(), Some("imap.example"));
        sent.set_number("imapPort", 993);
        assert_eq!(IMAP.url(&sent).as_deref(), Some("imaps://imap.example:993"));
        sent.set_number("imapPort", 0);
        assert_eq!(IMAP.url(&sent).as_deref(), Some("imap://imap.example:0"));
    }
}
