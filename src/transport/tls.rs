//! Whom we believe to be the server.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

use super::TransportError;

/// How the certificate of the server is verified.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Trust {
    /// By the certificate authorities of the system.
    #[default]
    System,
    /// By the certificate authorities of the system and those of this PEM bundle.
    SystemAnd(Vec<u8>),
    /// Not at all. For test systems only.
    Unverified,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::System => "System",
            Self::SystemAnd(_) => "SystemAnd(…)",
            Self::Unverified => "Unverified",
        })
    }
}

/// The TLS configuration. The crypto provider is given here and not taken from the process, so that nothing has to be
/// installed before.
pub(super) fn config(trust: &Trust) -> Result<ClientConfig, TransportError> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let verified = |roots| builder.clone().with_root_certificates(roots).with_no_client_auth();
    Ok(match trust {
        Trust::System => verified(system_roots()),
        Trust::SystemAnd(pem) => {
            let mut roots = system_roots();
            let mut added = 0;
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|_| TransportError::Bundle)?;
                roots.add(certificate).map_err(|_| TransportError::Bundle)?;
                added += 1;
            }
            if added == 0 {
                return Err(TransportError::Bundle);
            }
            verified(roots)
        }
        Trust::Unverified => {
            let anyone = Arc::new(Unverified(provider));
            builder.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth()
        }
    })
}

/// Without any root each handshake fails with a clear text; a plain HTTP address must work all the same.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Accepts each certificate; signatures of the handshake are still checked.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
