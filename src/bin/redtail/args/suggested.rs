//! Values of options that are a choice or something else: the choices are listed by --help, manual pages and shells.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

/// A parser with the names and descriptions of some of its values.
#[derive(Clone)]
pub(super) struct Suggested<T: 'static> {
    parse: fn(&str) -> Result<T, String>,
    values: &'static [(&'static str, &'static str)],
}

impl<T> Suggested<T> {
    pub(super) const fn new(
        parse: fn(&str) -> Result<T, String>,
        values: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { parse, values }
    }
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Suggested<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        TypedValueParser::parse_ref(&self.parse, command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |(name, help): &(&'static str, &'static str)| match help.is_empty() {
            true => PossibleValue::new(*name),
            false => PossibleValue::new(*name).help(*help),
        };
        Some(Box::new(self.values.iter().map(value)))
    }
}
