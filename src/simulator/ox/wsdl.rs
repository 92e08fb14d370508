//! `?wsdl`: a description of our own, enough for clients that look for operations and their elements.

use std::fmt::Write as _;

use super::options::OxOptions;
use super::schema::{DATA_NS, Field, Kind, Ns, RMI_NS, Type};
use super::service::{Operation, Service};

/// The WSDL of a service with the features that are switched on.
pub fn describe(service: &Service, options: &OxOptions, base: &str) -> String {
    let tns = service.style.operation_ns;
    let name = service.name;
    let operations: Vec<&Operation> =
        service.operations.iter().filter(|operation| options.allows(operation.feature)).collect();
    let mut types = String::new();
    let mut messages = String::new();
    let mut port_type = String::new();
    let mut binding = String::new();
    // Writing to a text cannot fail.
    for operation in &operations {
        let op = operation.name;
        let _ = write!(types, "<xs:element name=\"{op}\"><xs:complexType><xs:sequence>");
        for field in operation.input.fields.iter().filter(|field| options.allows(field.feature)) {
            let _ = write!(types, "{}", element(field));
        }
        let _ = write!(types, "</xs:sequence></xs:complexType></xs:element>");
        let _ = write!(
            messages,
            "<wsdl:message name=\"{op}\"><wsdl:part name=\"parameters\" element=\"tns:{op}\"/></wsdl:message>"
        );
        let mut answer = String::new();
        if !operation.void {
            let _ = write!(
                types,
                "<xs:element name=\"{op}Response\"><xs:complexType><xs:sequence><xs:element name=\"return\" \
                 minOccurs=\"0\" maxOccurs=\"unbounded\" nillable=\"true\" type=\"xs:anyType\"/></xs:sequence>\
                 </xs:complexType></xs:element>"
            );
            let _ = write!(
                messages,
                "<wsdl:message name=\"{op}Response\"><wsdl:part name=\"parameters\" \
                 element=\"tns:{op}Response\"/></wsdl:message>"
            );
            answer = format!("<wsdl:output message=\"tns:{op}Response\"/>");
        }
        let _ = write!(
            port_type,
            "<wsdl:operation name=\"{op}\"><wsdl:input message=\"tns:{op}\"/>{answer}</wsdl:operation>"
        );
        let output = if operation.void { "" } else { "<wsdl:output><soap:body use=\"literal\"/></wsdl:output>" };
        let _ = write!(
            binding,
            "<wsdl:operation name=\"{op}\"><soap:operation soapAction=\"urn:{op}\" style=\"document\"/>\
             <wsdl:input><soap:body use=\"literal\"/></wsdl:input>{output}</wsdl:operation>"
        );
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><wsdl:definitions name=\"{name}\" targetNamespace=\"{tns}\" \
         xmlns:tns=\"{tns}\" xmlns:d=\"{DATA_NS}\" xmlns:r=\"{RMI_NS}\" \
         xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" \
         xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><wsdl:types>{}\
         <xs:schema targetNamespace=\"{tns}\" elementFormDefault=\"qualified\">\
         <xs:import namespace=\"{DATA_NS}\"/><xs:import namespace=\"{RMI_NS}\"/>{types}</xs:schema></wsdl:types>\
         {messages}<wsdl:portType name=\"{name}PortType\">{port_type}</wsdl:portType>\
         <wsdl:binding name=\"{name}Binding\" type=\"tns:{name}PortType\">\
         <soap:binding style=\"document\" transport=\"http://schemas.xmlsoap.org/soap/http\"/>{binding}</wsdl:binding>\
         <wsdl:service name=\"{name}\"><wsdl:port name=\"{name}Port\" binding=\"tns:{name}Binding\">\
         <soap:address location=\"{base}/webservices/{name}\"/></wsdl:port></wsdl:service></wsdl:definitions>",
        data_schemas(&operations)
    )
}

/// The types that the requests use, one schema per namespace.
fn data_schemas(operations: &[&Operation]) -> String {
    let mut found: Vec<&'static Type> = Vec::new();
    for operation in operations {
        collect(&operation.input.fields, &mut found);
    }
    let mut schemas = String::new();
    for (ns, uri) in [(Ns::Data, DATA_NS), (Ns::Rmi, RMI_NS)] {
        let _ = write!(schemas, "<xs:schema targetNamespace=\"{uri}\" elementFormDefault=\"qualified\">");
        if ns == Ns::Data {
            let _ = write!(schemas, "<xs:import namespace=\"{RMI_NS}\"/>");
        }
        for kind in found.iter().filter(|kind| kind.ns == ns) {
            let _ = write!(schemas, "<xs:complexType name=\"{}\"><xs:sequence>", kind.name);
            for field in &kind.fields {
                let _ = write!(schemas, "{}", element(field));
            }
            let _ = write!(schemas, "</xs:sequence></xs:complexType>");
        }
        let _ = write!(schemas, "</xs:schema>");
    }
    schemas
}

fn collect(fields: &[Field], found: &mut Vec<&'static Type>) {
    for field in fields {
        if let Kind::Object(kind) = field.kind {
            let kind = kind();
            if !found.iter().any(|known| std::ptr::eq(*known, kind)) {
                found.push(kind);
                collect(&kind.fields, found);
            }
        }
    }
}

fn element(field: &Field) -> String {
    let kind = match field.kind {
        Kind::Text => "xs:string".to_owned(),
        Kind::Int => "xs:int".to_owned(),
        Kind::Long => "xs:long".to_owned(),
        Kind::Flag => "xs:boolean".to_owned(),
        Kind::Date => "xs:date".to_owned(),
        Kind::Binary => "xs:base64Binary".to_owned(),
        Kind::Object(kind) => {
            let kind = kind();
            format!("{}:{}", if kind.ns == Ns::Rmi { "r" } else { "d" }, kind.name)
        }
    };
    let many = if field.many { " maxOccurs=\"unbounded\"" } else { "" };
    format!("<xs:element name=\"{}\" type=\"{kind}\" minOccurs=\"0\"{many} nillable=\"true\"/>", field.name)
}
