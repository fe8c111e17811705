//! `redtail completions` and `redtail man`: made from the arguments as they are defined.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_mangen::Man;

use crate::args::{self, Arguments, Completions};
use crate::failure::Failure;

pub(crate) fn completions(options: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Arguments::command(), "redtail", &mut script);
    Ok(io::stdout().lock().write_all(&script)?)
}

pub(crate) fn man(options: &args::Man) -> Result<(), Failure> {
    let Some(folder) = &options.folder else {
        let mut page = Vec::new();
        Man::new(Arguments::command()).render(&mut page)?;
        return Ok(io::stdout().lock().write_all(&page)?);
    };
    let written = clap_mangen::generate_to(Arguments::command(), folder);
    written.map_err(|error| Failure::Words(format!("can't write manual pages into {}: {error}", folder.display())))
}
