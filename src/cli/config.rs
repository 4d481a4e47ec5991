//! `larder config`: what can be set, what is set, and what is wrong with a file.

use super::table::{print, table};
use crate::config::{AnyProcess, Configuration, Flags, check_file};
use clap::{Args, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// Check a configuration file, or show the settings in force and where each came from
#[derive(Debug, Args)]
pub struct Config {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say whether a configuration file is valid, and where it isn't
    Check {
        /// The TOML file
        file: PathBuf,
    },
    /// Show every setting with its effective value and where that came from; secrets are hidden
    Show(Flags<AnyProcess>),
}

impl Config {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::Check { file } => match check_file(&file) {
                Ok(()) => println!("{} is valid", file.display()),
                // That a file is invalid is what was asked, not a wrong use of this verb.
                Err(error) => {
                    eprintln!("{error}");
                    return Ok(ExitCode::FAILURE);
                }
            },
            Action::Show(flags) => show(&Configuration::load(&flags.into_sources())?)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn show(configuration: &Configuration) -> anyhow::Result<()> {
    let mut table = table(["KEY", "VALUE", "FROM"]);
    for setting in configuration.all() {
        table.add_row([setting.key.to_owned(), setting.shown(), setting.origin.to_string()]);
    }
    print(&table);
    for warning in &configuration.warnings {
        eprintln!("larder: {warning}");
    }
    // Shown first, so that what is wrong can be seen in the table.
    configuration.settings()?;
    Ok(())
}
