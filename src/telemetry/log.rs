//! Logging to standard error, as text for people or JSON for programs.
//!
//! Nothing personal is logged: objects appear by their identifier, attributes by their names.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// The form of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Logging cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogGuardError {
    /// The level is none.
    #[error("log level '{0}' is none of: error, warn, info, debug, trace, or a filter such as oxherd::ox=debug")]
    Level(String),
    /// Logging was set up before.
    #[error("logging was set up twice")]
    Twice,
}

/// Sets up logging for the process. `level` is a level or a filter such as `info,oxherd::ox=debug`.
pub fn init_logging(format: LogFormat, level: &str) -> Result<(), LogGuardError> {
    let filter = EnvFilter::try_new(level).map_err(|_| LogGuardError::Level(level.to_owned()))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let done = match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    done.map_err(|_| LogGuardError::Twice)
}
