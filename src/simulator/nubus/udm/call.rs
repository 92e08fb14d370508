//! One request to UDM REST: who asks, in which language, and the head of the answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::errors::{self, Fault};
use super::links::{Link, curies};
use crate::simulator::http::{Request, encode};
use crate::simulator::nubus::clock;
use crate::simulator::nubus::directory::{Json, Kind, Object};
use crate::simulator::nubus::options::UdmRights;
use crate::simulator::nubus::reply::{Body, Ending, Reply};
use crate::simulator::nubus::server::Shared;

/// What answers depend on.
const VARY: &str = "Accept, Accept-Language, Accept-Encoding, Authorization";

/// The language of texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, also without any wish.
    English,
    /// German, also for languages that are not installed.
    German,
}

/// A request.
#[derive(Debug)]
pub struct Call<'a> {
    /// The server.
    pub shared: &'a Shared,
    /// The request.
    pub request: &'a Request,
    /// Address of the API as the client spells it, without a slash at its end.
    pub root: String,
    /// Path behind it, still encoded.
    pub path: &'a str,
    /// Language of texts.
    pub language: Language,
    /// Media type of the answer.
    pub media_type: &'static str,
    /// What the account may do.
    pub rights: UdmRights,
    request_id: String,
}

/// How much of the head an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Head {
    /// With language, media type and `Vary`.
    Full,
    /// With language and media type HTML, of answers without a body.
    Html,
    /// Neither, of 204 and 304.
    Bare,
}

impl<'a> Call<'a> {
    /// Reads what concerns all requests; the reply is a refusal.
    pub async fn begin(shared: &'a Shared, request: &'a Request, base: &str, path: &'a str) -> Result<Self, Reply> {
        let host = request.header("host").map_or_else(|| shared.address().to_string(), str::to_owned);
        let mut call = Self {
            shared,
            request,
            root: format!("http://{host}{base}"),
            path,
            language: language(request),
            media_type: "application/json",
            rights: UdmRights::Outsider,
            request_id: request_id(shared, request.header("x-request-id")),
        };
        if !["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(&request.method.as_str()) {
            // The gateway answers this one.
            let headers = vec![
                ("Server", "Univention/1.0".to_owned()),
                ("Content-Type", "text/plain".to_owned()),
                ("Date", clock::http(Timestamp::now())),
            ];
            return Err(Reply::new(405, headers, Vec::new()));
        }
        match media_type(request.header("accept")) {
            Some(media_type) => call.media_type = media_type,
            None => {
                return Err(errors::empty(&call, 406));
            }
        }
        call.rights = call.authenticate().await?;
        if call.rights == UdmRights::Outsider {
            return Err(call.refuse(Fault::new(403, "HTTP 403: Forbidden (Not in allowed groups.)")));
        }
        Ok(call)
    }

    async fn authenticate(&self) -> Result<UdmRights, Reply> {
        let Some(header) = self.request.header("authorization") else { return Err(self.unauthorized()) };
        let (scheme, text) = header.split_once(' ').unwrap_or((header, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            let mut reply = self.unauthorized();
            reply.headers.push(("Www-Authenticate", "Bearer realm=\"Univention Directory Manager\"".to_owned()));
            return Err(reply);
        }
        let plain = STANDARD.decode(text.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair =
            plain.as_deref().and_then(|plain| plain.split_once(':')).filter(|(_, password)| !password.is_empty());
        let Some((user, password)) = pair.filter(|_| scheme.eq_ignore_ascii_case("basic")) else {
            let text = "HTTP 400: Bad Request (The basic auth credentials are malformed.)";
            return Err(self.refuse(Fault::new(400, text)));
        };
        let options = self.shared.options();
        if options.ldap_down {
            tokio::time::sleep(std::time::Duration::from_millis(options.latency.ldap_timeout)).await;
            let cached = self.shared.process().sessions.contains(header);
            return Err(if cached { self.unauthorized() } else { self.refuse(Fault::ldap_down(15)) });
        }
        let account = options.udm_accounts.iter().find(|(name, _)| name.eq_ignore_ascii_case(user));
        match account.filter(|(_, account)| account.password == password) {
            Some((_, account)) => {
                self.shared.process().sessions.insert(header.to_owned());
                Ok(account.rights)
            }
            None => Err(self.unauthorized()),
        }
    }

    /// 401 with an empty body.
    pub fn unauthorized(&self) -> Reply {
        let challenge = ("Www-Authenticate", "Basic realm=\"Univention Directory Manager\"".to_owned());
        self.reply(401, Head::Html, vec![challenge], Body::Bytes(Vec::new()))
    }

    /// An error whose view would be HTML, which is switched off: a head without a body.
    pub fn without_body(&self, status: u16, headers: Vec<(&'static str, String)>) -> Reply {
        let mut headers = headers;
        headers.push(("Vary", VARY.to_owned()));
        self.reply(status, Head::Html, headers, Body::Bytes(Vec::new()))
    }

    /// An error in the form of the API.
    pub fn refuse(&self, fault: Fault) -> Reply {
        errors::reply(self, fault)
    }

    /// An answer with a JSON body; the links stand in it and in the head.
    pub fn answer(&self, status: u16, headers: Vec<(&'static str, String)>, links: &[Link], body: Vec<u8>) -> Reply {
        let mut all = headers;
        all.extend(links.iter().filter_map(Link::header));
        self.reply(status, Head::Full, all, Body::Bytes(body))
    }

    /// The same with a body that is made while it is sent.
    pub fn answer_in_pieces(
        &self,
        status: u16,
        headers: Vec<(&'static str, String)>,
        links: &[Link],
        pieces: Box<dyn FnMut() -> Option<Vec<u8>> + Send>,
    ) -> Reply {
        let mut all = headers;
        all.extend(links.iter().filter_map(Link::header));
        self.reply(status, Head::Full, all, Body::Pieces(pieces))
    }

    /// An answer without a body (204, 304).
    pub fn nothing(&self, status: u16, headers: Vec<(&'static str, String)>) -> Reply {
        self.reply(status, Head::Bare, headers, Body::Nothing)
    }

    /// An answer that has only keys, and `curies` as its links.
    pub fn small(&self, status: u16, headers: Vec<(&'static str, String)>, fields: &[(&str, Value)]) -> Reply {
        self.small_with(status, headers, fields, Vec::new())
    }

    /// The same with more links.
    pub fn small_with(
        &self,
        status: u16,
        headers: Vec<(&'static str, String)>,
        fields: &[(&str, Value)],
        mut links: Vec<Link>,
    ) -> Reply {
        links.push(curies(&self.root));
        let mut body = Vec::new();
        let mut json = Json::open(&mut body);
        for (name, value) in fields {
            json.field(name, value);
        }
        Link::write(&links, &mut json);
        json.close();
        self.answer(status, headers, &links, body)
    }

    fn reply(&self, status: u16, head: Head, more: Vec<(&'static str, String)>, body: Body) -> Reply {
        let mut headers = Vec::with_capacity(more.len() + 8);
        if head != Head::Bare {
            let language = if self.language == Language::English { "en-US" } else { "de-DE" };
            headers.push(("Content-Language", language.to_owned()));
        }
        headers.push(("Server", "Univention/1.0".to_owned()));
        match head {
            Head::Full => headers.push(("Content-Type", self.media_type.to_owned())),
            Head::Html => headers.push(("Content-Type", "text/html; charset=UTF-8".to_owned())),
            Head::Bare => {}
        }
        headers.push(("Date", clock::http(Timestamp::now())));
        headers.push(("Access-Control-Expose-Headers", "*, Authorization, X-Request-Id".to_owned()));
        headers.push(("X-Request-Id", self.request_id.clone()));
        headers.extend(more);
        if head == Head::Full {
            headers.push(("Vary", VARY.to_owned()));
            let extra = 0..self.shared.options().extra_links;
            headers.extend(extra.map(|number| ("Link", format!("<{}/extra/{number}>; rel=\"udm:extra\"", self.root))));
        }
        Reply { status, headers, body, ending: Ending::Whole }
    }

    /// The address of an object.
    pub fn url(&self, kind: Kind, dn: &str) -> String {
        format!("{}/{kind}/{}", self.root, encode(dn).replace("%2F", "/"))
    }

    /// The address of this request, without its query.
    pub fn here(&self) -> String {
        format!("{}{}", self.root, self.path)
    }

    /// Tag and time of an object; a change within the last second has no time yet.
    pub fn validators(object: &Object) -> Vec<(&'static str, String)> {
        let mut headers = vec![("Etag", object.tag())];
        if Timestamp::now().duration_since(object.modified).as_secs() >= 1 {
            headers.push(("Last-Modified", clock::http(object.modified)));
        }
        headers
    }
}

fn language(request: &Request) -> Language {
    let wish = request.header("accept-language").unwrap_or("en");
    let first = wish.split([',', ';']).next().unwrap_or_default().trim().to_lowercase();
    if first.is_empty() || first.starts_with("en") { Language::English } else { Language::German }
}

/// The media type of the answer: the best of JSON, unless HTML is wanted more.
fn media_type(accept: Option<&str>) -> Option<&'static str> {
    let mut best: Option<(f64, Option<&'static str>)> = None;
    for wish in accept?.split(',') {
        let mut parts = wish.split(';').map(str::trim);
        let kind = match parts.next().unwrap_or_default() {
            "application/json" => Some("application/json"),
            "application/hal+json" | "application/*" => Some("application/hal+json"),
            "text/html" | "application/xhtml+xml" | "text/*" | "*/*" => None,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=")).and_then(|text| text.parse().ok()).unwrap_or(1.0);
        if best.is_none_or(|(former, _)| quality > former) {
            best = Some((quality, kind));
        }
    }
    best.and_then(|(_, kind)| kind)
}

/// A client's id without what does not belong into one.
fn request_id(shared: &Shared, given: Option<&str>) -> String {
    let clean = |text: &str| {
        let signs = text.chars().filter(|sign| sign.is_ascii_hexdigit() || *sign == '-');
        signs.take(36).collect::<String>()
    };
    let given = given.map(clean).filter(|text| !text.is_empty());
    given.unwrap_or_else(|| shared.with_directory(|directory| directory.new_identifier()))
}
