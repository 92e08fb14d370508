//! One SOAP exchange: from the body of a request to the answer.

use std::time::Duration;

use super::call::Call;
use super::fault::Fault;
use super::faults_on_demand::{FaultAction, soap_fault};
use super::http::{Reply, Request};
use super::options::OxOptions;
use super::request;
use super::response::{Answer, Rendering};
use super::server::Shared;
use super::service::{self, Class, Operation, Service};
use super::write_log::Write;
use super::wsdl;

/// The list of services.
pub fn index(shared: &Shared) -> Reply {
    let options = shared.options();
    let installed = service::all().iter().filter(|service| options.allows(service.feature));
    let item = |service: &Service| format!("<li><a href=\"/webservices/{0}?wsdl\">{0}</a></li>", service.name);
    let items: Vec<String> = installed.map(item).collect();
    let items = items.concat();
    let body = format!("<html><body><ul>{items}</ul></body></html>").into_bytes();
    Reply::Plain { status: "200 OK", content_type: "text/html; charset=UTF-8", body }
}

/// A request to a service.
pub async fn call(shared: &Shared, name: &str, request: &Request) -> Reply {
    let options = shared.options();
    let Some(service) = service::find(name).filter(|service| options.allows(service.feature)) else {
        return Reply::no_service();
    };
    let exchange = Exchange { shared, options: &options, service, latin1: is_latin1(request) };
    if request.method == "GET" {
        if request.query.eq_ignore_ascii_case("wsdl") {
            let body = wsdl::describe(service, &options, &shared.base_url()).into_bytes();
            return Reply::Plain { status: "200 OK", content_type: "text/xml; charset=UTF-8", body };
        }
        return Exchange { latin1: false, ..exchange }.fault("?", &request::no_operation(), 0);
    }
    exchange.run(&request.body).await
}

/// Without a charset the real server reads the body as ISO-8859-1, whatever the XML declaration says.
fn is_latin1(request: &Request) -> bool {
    let charset = request.content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.trim().split_once('=')?;
        name.eq_ignore_ascii_case("charset").then(|| value.trim_matches('"').to_ascii_lowercase())
    });
    charset.is_none_or(|charset| matches!(charset.as_str(), "iso-8859-1" | "latin1"))
}

struct Exchange<'s> {
    shared: &'s Shared,
    options: &'s OxOptions,
    service: &'static Service,
    latin1: bool,
}

impl Exchange<'_> {
    async fn run(&self, bytes: &[u8]) -> Reply {
        let size = bytes.len();
        let text =
            if self.latin1 { bytes.iter().copied().map(char::from).collect() } else { String::from_utf8_lossy(bytes) };
        let (operation, body) = match request::read(self.service, self.options, &text) {
            Ok(read) => read,
            Err(fault) => return self.fault("?", &fault, size),
        };
        let mut call = Call { world: &self.shared.world, options: self.options, body };
        let context = call.context_id(self.service.context_field);
        let _under_way = context
            .filter(|_| operation.class == Class::UserWrite)
            .map(|context| self.shared.counters.user_write(context));

        let order = self.shared.faults.order(self.service.name, operation.name, context, &self.shared.chance);
        if !order.delay.is_zero() {
            tokio::time::sleep(order.delay).await;
        }
        let reset_after = match order.action {
            None => false,
            Some(FaultAction::ResetAfter) => true,
            Some(action) => return self.ordered(operation, action, size),
        };
        let result = self.perform(operation, &mut call, context).await;
        if operation.class != Class::Read && result.is_ok() {
            self.shared.mark_changed();
            let (service, operation) = (self.service.name, operation.name);
            self.shared.writes.note(|| Write { service, operation, context, request: text.to_string() });
        }
        if reset_after {
            return self.reset(operation, size);
        }
        match result {
            Ok(answer) => {
                self.shared.counters.count(self.service.name, operation.name, "ok", size);
                let rendering = Box::new(Rendering::new(self.service.style, operation.name, answer));
                Reply::Answer { rendering, latin1: self.latin1 }
            }
            Err(fault) => self.fault(operation.name, &fault, size),
        }
    }

    /// Takes the time the call takes, holds the lock it needs and does it.
    async fn perform(
        &self,
        operation: &'static Operation,
        call: &mut Call<'_>,
        context: Option<i64>,
    ) -> Result<Answer, Fault> {
        let tenant = context
            .filter(|_| operation.class == Class::UserWrite && self.options.user_write_lock)
            .and_then(|context| self.shared.world.context(context));
        let _held = match &tenant {
            Some(tenant) => Some(tenant.user_lock.acquire(self.options.lock_wait_factor, &self.shared.chance).await?),
            None => None,
        };
        let latency = self.options.latency;
        let mut milliseconds = match operation.class {
            Class::Read => latency.reads,
            Class::UserWrite => latency.user_writes,
            Class::OtherWrite => latency.other_writes,
        };
        if latency.master_calls > 0 && call.credentials().0 == self.options.master_login {
            milliseconds += latency.master_calls;
        }
        if milliseconds > 0 {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
        (operation.handler)(call)
    }

    /// A fault that a test ordered.
    fn ordered(&self, operation: &'static Operation, action: FaultAction, size: usize) -> Reply {
        match action {
            FaultAction::Unavailable => {
                self.shared.counters.count(self.service.name, operation.name, "503", size);
                Reply::Plain {
                    status: "503 Service Unavailable",
                    content_type: "text/html; charset=UTF-8",
                    body: b"<html><body>Service Unavailable</body></html>".to_vec(),
                }
            }
            FaultAction::SoapFault { name, text } => self.fault(operation.name, &soap_fault(&name, &text), size),
            FaultAction::WrongCredentials => self.fault(operation.name, &Fault::authentication(), size),
            _ => self.reset(operation, size),
        }
    }

    fn reset(&self, operation: &'static Operation, size: usize) -> Reply {
        self.shared.counters.count(self.service.name, operation.name, "reset", size);
        Reply::Reset
    }

    fn fault(&self, operation: &'static str, fault: &Fault, size: usize) -> Reply {
        self.shared.counters.count(self.service.name, operation, fault.outcome(), size);
        let mut envelope = Vec::with_capacity(1024);
        fault.write(self.service.style, &self.shared.exception_ids, &mut envelope);
        Reply::Fault { envelope, latin1: self.latin1 }
    }
}
