//! How a command fails.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

use crate::source::directory::DirectoryError;
use crate::state::StateError;
use crate::udm::rest::Class;

/// A command failed; the message is for the person who called it.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The call or its input is wrong.
    #[error("{0}")]
    Usage(String),
    /// OX or the directory cannot be reached.
    #[error("{0}")]
    Unreachable(String),
    /// Anything else.
    #[error("{0}")]
    Failed(String),
}

/// Done, but objects are parked or held back.
pub const EXIT_PARKED: u8 = 3;

/// Done, but OX does not hold what it should.
pub const EXIT_DRIFT: u8 = 5;

impl CliError {
    /// The call or its input is wrong.
    pub fn usage(message: &impl Display) -> Self {
        Self::Usage(message.to_string())
    }

    /// Something failed.
    pub fn failed(message: &impl Display) -> Self {
        Self::Failed(message.to_string())
    }

    /// Something failed that cannot fail.
    pub fn internal(message: &impl Display) -> Self {
        Self::Failed(format!("{message}: this is a defect of oxherd, please report it"))
    }

    /// Prints the error to standard error.
    pub fn report(&self) -> ExitCode {
        let _ = writeln!(std::io::stderr().lock(), "oxherd: {self}");
        ExitCode::from(match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 4,
        })
    }
}

impl From<DirectoryError> for CliError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::State(error) => error.into(),
            DirectoryError::Udm(error) => match error.class() {
                Class::World => Self::Unreachable(error.in_full()),
                Class::Settings | Class::Request => Self::Usage(error.in_full()),
                Class::Protocol => Self::Failed(error.in_full()),
            },
        }
    }
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> Self {
        Self::failed(&error)
    }
}
