//! The command line: arguments to calls, errors to exit codes.

use crate::bittorrent::InfoHash;
use crate::client::Explain;
use crate::startup::DatabaseCommand;
use crate::{VERSION, config, startup};
use lexopt::prelude::*;
use std::ffi::OsString;
use std::io::Write;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

const DEFAULT_CONFIG: &str = "/etc/btrt/btrt.conf";

const HELP: &str = "\
btrt - a BitTorrent tracker that hands out peers of the own network first

Usage: btrt [-c FILE] COMMAND

Commands:
  run        run in the foreground until SIGTERM or SIGINT
  check      say whether the configuration is right, and what is in it
  db create  create the tables of the database
  db upgrade bring the tables of an older version up to date
  db status  print the version of the tables and how many rows they have
  status     ask the running daemon for its figures
  hashlist   write the info hashes for which the network itself has peers
  explain    ask the running daemon which peers a client would be given, and why
  version    print the version
  help       print this text

Options:
  -c, --config FILE   the configuration (default: /etc/btrt/btrt.conf)
  --json              with status and explain: print the answer as JSON
  -V, --version       the same as the command version
  -h, --help          the same as the command help

Options of explain:
  --info-hash HEX     the torrent, by 40 hexadecimal digits
  --ip ADDRESS        the client's address
  --numwant N         how many peers it asks for
  --seeder            it has the whole content
  --tracker URL       it announces to this external tracker

Signals to a running btrt:
  SIGTERM, SIGINT     answer what is in hand, and stop
  SIGHUP              read the configuration and the CIDR files again
  SIGUSR1             begin a new log file
";

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    Version,
    Run,
    Check,
    Database(DatabaseCommand),
    HashList,
    Explain(Explain),
    Status { json: bool },
}

#[derive(Debug, PartialEq, Eq)]
struct Arguments {
    command: Command,
    config: PathBuf,
}

/// Does what the arguments (without the program's name) say.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match parse(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("btrt: {error}\nTry `btrt help`.");
            return ExitCode::from(2);
        }
    };
    match arguments.command {
        Command::Help => print!("{HELP}"),
        Command::Version => println!("btrt {VERSION}"),
        Command::Run => {
            if let Err(error) = startup::run(&arguments.config) {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        }
        Command::Database(command) => return print(startup::database(&arguments.config, command)),
        Command::Status { json } => return print(startup::status(&arguments.config, json)),
        Command::Explain(explain) => return print(startup::explain(&arguments.config, &explain)),
        Command::HashList => return print(startup::hash_list(&arguments.config)),
        Command::Check => match config::load(&arguments.config) {
            Ok(config) => {
                config.warnings.iter().for_each(|one| eprintln!("{one}"));
                print!("configuration ok\n{}", config::summary(&config));
            }
            Err(faults) => {
                eprintln!("{faults}");
                return ExitCode::FAILURE;
            }
        },
    }
    ExitCode::SUCCESS
}

/// Prints what came of a command.
fn print(result: Result<String, startup::Error>) -> ExitCode {
    match result {
        Ok(text) => {
            // Whoever reads it may have seen enough (`| head`).
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Arguments, lexopt::Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut command = None;
    let mut wants_json = false;
    let mut config = PathBuf::from(DEFAULT_CONFIG);
    while let Some(argument) = parser.next()? {
        let named = match argument {
            Short('c') | Long("config") => {
                config = parser.value()?.into();
                continue;
            }
            Long("json") => {
                wants_json = true;
                continue;
            }
            Short('h') | Long("help") => Command::Help,
            Short('V') | Long("version") => Command::Version,
            Value(name) if command.is_none() => match name.to_str() {
                Some("help") => Command::Help,
                Some("version") => Command::Version,
                Some("run") => Command::Run,
                Some("check") => Command::Check,
                Some("status") => Command::Status { json: false },
                Some("hashlist") => Command::HashList,
                Some("explain") => explain_command(&mut parser, &mut config)?,
                Some("db") => Command::Database(database_command(&mut parser)?),
                _ => return Err(format!("unknown command {name:?}").into()),
            },
            other => return Err(other.unexpected()),
        };
        // Whoever asks for help or the version along with something else gets just that.
        let asks = matches!(named, Command::Help | Command::Version);
        if command.is_none() || asks {
            command = Some(named);
        }
    }
    match &mut command {
        Some(Command::Status { json }) => *json = wants_json,
        Some(Command::Explain(explain)) => explain.json |= wants_json,
        Some(Command::Help | Command::Version) => {}
        _ if wants_json => return Err("--json goes with status and explain only".into()),
        _ => {}
    }
    Ok(Arguments {
        command: command.unwrap_or(Command::Help),
        config,
    })
}

fn database_command(parser: &mut lexopt::Parser) -> Result<DatabaseCommand, lexopt::Error> {
    const EXPECTED: &str = "db wants to be followed by create, upgrade or status";
    match parser.next()? {
        Some(Value(name)) => match name.to_str() {
            Some("create") => Ok(DatabaseCommand::Create),
            Some("upgrade") => Ok(DatabaseCommand::Upgrade),
            Some("status") => Ok(DatabaseCommand::Status),
            _ => Err(format!("unknown command db {name:?}; {EXPECTED}").into()),
        },
        _ => Err(EXPECTED.into()),
    }
}

/// Reads all that stands behind `explain`.
fn explain_command(
    parser: &mut lexopt::Parser,
    config: &mut PathBuf,
) -> Result<Command, lexopt::Error> {
    let (mut info_hash, mut ip) = (None, None);
    let (mut numwant, mut tracker) = (None, None);
    let (mut seeder, mut json) = (false, false);
    while let Some(argument) = parser.next()? {
        match argument {
            Short('c') | Long("config") => *config = parser.value()?.into(),
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("info-hash") => info_hash = Some(parser.value()?.parse::<InfoHash>()?),
            Long("ip") => ip = Some(parser.value()?.parse::<IpAddr>()?),
            Long("numwant") => numwant = Some(parser.value()?.parse::<u32>()?),
            Long("seeder") => seeder = true,
            Long("tracker") => tracker = Some(parser.value()?.string()?),
            Long("json") => json = true,
            other => return Err(other.unexpected()),
        }
    }
    let info_hash = info_hash.ok_or("explain wants --info-hash HEX, the torrent")?;
    Ok(Command::Explain(Explain {
        info_hash: info_hash.to_string(),
        ip: ip.ok_or("explain wants --ip ADDRESS, the client's")?,
        numwant,
        seeder,
        tracker,
        json,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<(Command, String), String> {
        let arguments = parse(line.split_whitespace().map(OsString::from));
        let arguments = arguments.map_err(|error| error.to_string())?;
        Ok((arguments.command, arguments.config.display().to_string()))
    }

    #[test]
    fn options_stand_before_or_behind_the_command() {
        let default = DEFAULT_CONFIG.to_owned();
        assert_eq!(read(""), Ok((Command::Help, default.clone())));
        assert_eq!(read("run"), Ok((Command::Run, default.clone())));
        assert_eq!(read("run -c x"), Ok((Command::Run, "x".to_owned())));
        let status = Command::Database(DatabaseCommand::Status);
        assert_eq!(read("db status -c x"), Ok((status, "x".to_owned())));
        for line in ["status -c x --json", "--json -c x status"] {
            assert_eq!(
                read(line).map(|(command, _)| command),
                Ok(Command::Status { json: true })
            );
        }
        assert_eq!(
            read("--config=x check"),
            Ok((Command::Check, "x".to_owned()))
        );
        assert_eq!(read("run --help"), Ok((Command::Help, default)));
    }

    #[test]
    fn a_question_has_its_options_in_any_order() {
        let hash = "0a".repeat(20);
        let expected = Explain {
            info_hash: hash.clone(),
            ip: "10.0.0.1".parse().unwrap(),
            numwant: Some(7),
            seeder: true,
            tracker: Some("udp://t:1/".to_owned()),
            json: false,
        };
        let line = format!(
            "explain --tracker udp://t:1/ --seeder -c x --ip=10.0.0.1 --info-hash {hash} \
             --numwant 7"
        );
        assert_eq!(
            read(&line),
            Ok((Command::Explain(expected), "x".to_owned()))
        );
        let error = read(&format!("explain --info-hash {hash}")).unwrap_err();
        assert!(error.contains("--ip"), "{error}");
        let help = read("explain --seeder --help").map(|(command, _)| command);
        assert_eq!(help, Ok(Command::Help));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, named) in [
            ("walk", "walk"),
            ("run check", "check"),
            ("--colour", "--colour"),
            ("run -c", "-c"),
            ("explain", "--info-hash"),
            ("explain --info-hash abc", "40 hexadecimal digits"),
            ("explain --ip 10.0.0.x", "10.0.0.x"),
            ("explain --numwant -1", "-1"),
            ("explain --tracker", "--tracker"),
            ("explain now", "now"),
            ("run --seeder", "--seeder"),
            ("db", "create, upgrade or status"),
            ("run --json", "--json"),
            ("db drop", "drop"),
            ("db create again", "again"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
