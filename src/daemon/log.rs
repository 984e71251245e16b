//! How is the log written?

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::journal::Journal;
use crate::config::{Config, LogFormat};

/// Begins to write the log, as the settings say; a second call changes nothing.
pub fn start_log(config: &Config) {
    let level = config.log_level.parse().unwrap_or(tracing::level_filters::LevelFilter::INFO);
    let under_systemd = config.log_format == LogFormat::Auto && std::env::var_os("JOURNAL_STREAM").is_some();
    if let Some(journal) = under_systemd.then(Journal::of_this_machine).flatten() {
        let _ = tracing_subscriber::registry().with(level).with(journal).try_init();
        return;
    }
    let log = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_target(false);
    let _ = match config.log_format {
        LogFormat::Json => log.json().try_init(),
        // The journal stamps its lines itself and shows no colours.
        LogFormat::Auto if under_systemd => log.without_time().with_ansi(false).try_init(),
        LogFormat::Auto | LogFormat::Text => {
            log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
        }
    };
}
