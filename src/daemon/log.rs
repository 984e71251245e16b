//! How is the log written?

use crate::config::{Config, LogFormat};

/// Begins to write the log, as the settings say; a second call changes nothing.
pub fn start_log(config: &Config) {
    let level = config.log_level.parse().unwrap_or(tracing::level_filters::LevelFilter::INFO);
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    let _ = match config.log_format {
        LogFormat::Json => log.json().try_init(),
        // The journal stamps its lines itself and shows no colours.
        LogFormat::Auto if std::env::var_os("JOURNAL_STREAM").is_some() => {
            log.without_time().with_ansi(false).try_init()
        }
        LogFormat::Auto | LogFormat::Text => {
            log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
        }
    };
}
