//! `ztpd completions` and `ztpd man`: made from the commands themselves, so that they never differ from them.

use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;

use super::failure::Failure;
use super::output::Output;

/// `ztpd completions`.
#[derive(Args, Debug)]
#[command(after_help = "bash:  source <(ztpd completions bash)\nzsh:   ztpd completions zsh > \"${fpath[1]}/_ztpd\"\n\
                        fish:  ztpd completions fish > ~/.config/fish/completions/ztpd.fish")]
pub struct Completions {
    /// For which shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// `ztpd man`.
#[derive(Args, Debug)]
pub struct Man {
    /// Write every page into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    dir: Option<PathBuf>,
    /// The page of this command, such as `device add`; without it, that of ztpd itself.
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
}

impl Completions {
    /// Does it.
    pub fn run(self, mut command: Command) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "ztpd", &mut script);
        written(&script)
    }
}

impl Man {
    /// Does it.
    pub fn run(self, mut command: Command) -> Result<(), Failure> {
        command = command.disable_help_subcommand(true);
        command.build();
        let Some(dir) = self.dir else {
            let mut page = Vec::new();
            clap_mangen::Man::new(found(&command, &self.command)?).render(&mut page)?;
            return written(&page);
        };
        let cannot = |error: std::io::Error| Failure::Failed(format!("cannot write into {}: {error}", dir.display()));
        std::fs::create_dir_all(&dir).map_err(cannot)?;
        pages(&command, &dir).map_err(cannot)
    }
}

/// The command of these words, with the name its page has.
fn found(command: &Command, words: &[String]) -> Result<Command, Failure> {
    let mut found = command;
    for word in words {
        let unknown = || Failure::Usage(format!("there is no command `ztpd {}`", words.join(" ")));
        found = found.find_subcommand(word).ok_or_else(unknown)?;
    }
    Ok(titled(found))
}

fn pages(command: &Command, dir: &Path) -> std::io::Result<()> {
    let command_of_page = titled(command);
    let mut page = Vec::new();
    let name = command_of_page.get_display_name().unwrap_or("ztpd").to_owned();
    clap_mangen::Man::new(command_of_page).render(&mut page)?;
    std::fs::write(dir.join(format!("{name}.1")), page)?;
    command.get_subcommands().filter(|below| !below.is_hide_set()).try_for_each(|below| pages(below, dir))
}

/// A page is called after the whole command, and says which version it describes.
fn titled(command: &Command) -> Command {
    let command = command.clone().version(env!("CARGO_PKG_VERSION"));
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    command.display_name(name)
}

fn written(bytes: &[u8]) -> Result<(), Failure> {
    Output::new(false).write(&String::from_utf8_lossy(bytes))
}
