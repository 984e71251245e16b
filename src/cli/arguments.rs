//! Every command there is, and who does it.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

use super::account::AccountVerb;
use super::audit::AuditVerb;
use super::authority::AuthorityVerb;
use super::backup::Backup;
use super::catalogue::{MakerVerb, ModelVerb};
use super::common_area::CommonAreaVerb;
use super::demo;
use super::device::DeviceVerb;
use super::dhcp::DhcpVerb;
use super::doctor::Doctor;
use super::failure::Failure;
use super::finding::FindingVerb;
use super::grant::GrantVerb;
use super::import::{Export, Import};
use super::keys::KeysVerb;
use super::lab::LabVerb;
use super::local::{ConfigFile, ConfigVerb, StoreVerb};
use super::manual::{Completions, Man};
use super::ntp::NtpVerb;
use super::number::NumberVerb;
use super::package::PackageVerb;
use super::plan::PlanVerb;
use super::reach::Reach;
use super::restore::Restore;
use super::role::RoleVerb;
use super::session::Session;
use super::settings_template::SettingsTemplateVerb;
use super::site::SiteVerb;
use super::status::Status;
use super::template::TemplateVerb;
use super::token::TokenVerb;
use super::top::Top;
use super::user::UserVerb;

/// Zero-touch provisioning for SIP desk phones.
#[derive(Parser)]
#[command(version, about, after_help = EXIT_CODES, mut_args(|argument| argument.global(false)))]
struct Arguments {
    /// Before the command as well as behind it.
    #[command(flatten)]
    reach: Reach,
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 failed or findings, 2 wrong usage, 3 the daemon is not reachable, 4 it refused.";

#[derive(Subcommand)]
enum Command {
    /// Runs the daemon.
    Serve(ConfigFile),
    /// Shows the main job on this machine: phones of every maker boot against a daemon on loopback.
    Demo(demo::Options),
    /// Shows whether phones are served as they should be, and what there is.
    Status(Asked<Status>),
    /// Shows phones as they arrive.
    Top(Asked<Top>),
    /// What holds for every phone.
    Account(Noun<AccountVerb>),
    /// Places with phones.
    Site(Noun<SiteVerb>),
    /// People with phones.
    User(Noun<UserVerb>),
    /// Places with a phone of their own: lobbies, meeting rooms, lifts.
    CommonArea(Noun<CommonAreaVerb>),
    /// Telephone numbers: only what is listed here can be given to somebody.
    Number(Noun<NumberVerb>),
    /// What is bought for people and places: plans, add-ons, bundles.
    Package(Noun<PackageVerb>),
    /// Settings that many people and places share.
    SettingsTemplate(Noun<SettingsTemplateVerb>),
    /// The phones.
    Device(Noun<DeviceVerb>),
    Import(Asked<Import>),
    Export(Asked<Export>),
    /// Changes planned or made.
    Plan(Noun<PlanVerb>),
    /// The makers whose phones are served.
    Maker(Noun<MakerVerb>),
    /// The models there are.
    Model(Noun<ModelVerb>),
    /// What phones' files are made from; templates are changed as files, followed by a reload.
    Template(Noun<TemplateVerb>),
    /// What programs show to use the API over the network.
    Token(Noun<TokenVerb>),
    /// Sets of permissions.
    Role(Noun<RoleVerb>),
    /// Who holds which role where.
    Grant(Noun<GrantVerb>),
    /// Who changed what, and whether that record is as it was written.
    Audit(Noun<AuditVerb>),
    /// What wants attention, and what to do about it.
    Finding(Noun<FindingVerb>),
    /// Who vouches for phones by the certificates they were made with.
    Authority(Noun<AuthorityVerb>),
    /// Why do phones not come up? Every check there is, with what to do; with a daemon or without one.
    Doctor(Asked<Doctor>),
    /// What DHCP tells phones, and what each maker's phones make of it; needs no daemon.
    #[command(subcommand)]
    Dhcp(DhcpVerb),
    /// Whether time servers are reachable and right; needs no daemon.
    #[command(subcommand)]
    Ntp(NtpVerb),
    /// The keys that secrets are sealed with.
    Keys(Noun<KeysVerb>),
    /// Makes secrets easy to get for a while, in a network that is nobody else's.
    Lab(Noun<LabVerb>),
    /// Takes a backup of everything, sealed to a passphrase or to a public key, while the daemon goes on.
    Backup(Asked<Backup>),
    /// Makes the store from a backup; the daemon must be stopped.
    Restore(Restore),
    /// The configuration file.
    #[command(subcommand)]
    Config(ConfigVerb),
    /// The store; the daemon must be stopped.
    #[command(subcommand)]
    Store(StoreVerb),
    /// Writes the completion script of a shell.
    Completions(Completions),
    /// Writes the man pages.
    Man(Man),
}

/// Something the daemon is asked.
#[derive(Args)]
struct Asked<A: Args> {
    #[command(flatten)]
    what: A,
    #[command(flatten)]
    reach: Reach,
}

/// Things the daemon is asked of one noun.
#[derive(Args)]
struct Noun<V: Subcommand> {
    #[command(subcommand)]
    verb: V,
    #[command(flatten)]
    reach: Reach,
}

/// Does what the arguments say.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Whoever has closed the output does not want to know.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match arguments.command.run(&arguments.reach) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !matches!(failure, Failure::Findings | Failure::OutputClosed) {
                failure.tell();
            }
            failure.exit_code()
        }
    }
}

impl Command {
    fn run(self, before: &Reach) -> Result<(), Failure> {
        match self {
            Command::Status(Asked { what, reach }) => ask(before, &reach, async |session| what.run(session).await),
            Command::Top(Asked { what, reach }) => ask(before, &reach, async |session| what.run(session).await),
            Command::Backup(Asked { what, reach }) => ask(before, &reach, async |session| what.run(session).await),
            Command::Site(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::User(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::CommonArea(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Number(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Package(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::SettingsTemplate(Noun { verb, reach }) => {
                ask(before, &reach, async |session| verb.run(session).await)
            }
            Command::Device(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Import(Asked { what, reach }) => ask(before, &reach, async |session| what.run(session).await),
            Command::Export(Asked { what, reach }) => ask(before, &reach, async |session| what.run(session).await),
            Command::Plan(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Audit(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Doctor(Asked { what, reach }) => super::dhcp::runtime()?.block_on(what.run(&reach.or(before))),
            Command::Account(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Maker(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Model(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Template(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Token(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Role(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Grant(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Finding(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Authority(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Lab(Noun { verb, reach }) => ask(before, &reach, async |session| verb.run(session).await),
            Command::Keys(Noun { verb, reach }) if verb.asks() => {
                ask(before, &reach, async |session| verb.run(session).await)
            }
            _ if before.is_given() => {
                let message = "--socket, --url, --cacert and --json stand before commands that ask a running daemon";
                Err(Failure::Usage(message.into()))
            }
            Command::Serve(file) => file.serve(),
            Command::Demo(options) => demo::run(options),
            Command::Keys(Noun { verb, .. }) => verb.run_locally(),
            Command::Restore(restore) => restore.run(),
            Command::Dhcp(verb) => verb.run(),
            Command::Ntp(verb) => verb.run(),
            Command::Config(verb) => verb.run(),
            Command::Store(verb) => verb.run(),
            Command::Completions(completions) => completions.run(Arguments::command()),
            Command::Man(man) => man.run(Arguments::command()),
        }
    }
}

/// Asks the daemon.
fn ask(before: &Reach, behind: &Reach, what: impl AsyncFnOnce(&Session) -> Result<(), Failure>) -> Result<(), Failure> {
    let session = Session::open(&behind.or(before))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::Failed(error.to_string()))?;
    runtime.block_on(what(&session))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Arguments::command().debug_assert();
    }
}
