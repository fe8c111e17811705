//! The three output formats.

use std::io::{self, Write};

use redtail::Event;
use redtail::rdb::Item;
use redtail::resp::Part;

use crate::failure::Failure;
use crate::output::json::Json;
use crate::output::resp::Resp;
use crate::output::stream_context::StreamContext;
use crate::output::text::Text;
use crate::output::unwrapped::WrapContext;

pub(super) enum FormatWriter {
    Text(Text),
    Json(Json),
    Resp(Resp),
}

impl FormatWriter {
    pub(super) fn event(&mut self, event: &Event<'_>, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Text(text) => Ok(text.event(event, out)?),
            Self::Json(json) => Ok(json.event(event, out)?),
            Self::Resp(resp) => resp.event(event, out),
        }
    }

    /// Sets the write that contains the next commands. `None` for writes that are not wrapped.
    pub(super) fn set_wrap(&mut self, wrap: Option<WrapContext<'_>>) {
        let WrapContext { origin, nth } = wrap.unwrap_or_default();
        let of = match self {
            Self::Text(text) => &mut text.origin,
            Self::Json(json) => {
                json.nth = nth;
                &mut json.origin
            }
            Self::Resp(_) => return,
        };
        // A copy and a comparison of nothing cost as much as a few bytes.
        if !(of.is_empty() && origin.is_empty()) {
            of.clear();
            of.push_str(origin);
        }
    }

    pub(super) fn part(
        &mut self,
        part: &Part<'_>,
        context: &StreamContext,
        out: &mut impl Write,
    ) -> Result<(), Failure> {
        match self {
            Self::Text(text) => Ok(text.part(part, context, out)?),
            Self::Json(json) => Ok(json.part(part, context, out)?),
            Self::Resp(resp) => resp.part(part, context, out),
        }
    }

    /// Prints the time before an event that a filter has passed.
    pub(super) fn print_time(&mut self, out: &mut impl Write) -> io::Result<()> {
        match self {
            Self::Text(text) => text.print_time(out),
            Self::Json(_) | Self::Resp(_) => Ok(()),
        }
    }

    pub(super) fn drop_multi(&mut self) {
        if let Self::Resp(resp) = self {
            resp.drop_multi();
        }
    }

    pub(super) fn item(&mut self, item: &Item<'_>, out: &mut impl Write) -> Result<(), Failure> {
        match self {
            Self::Text(text) => Ok(text.item(item, out)?),
            Self::Json(json) => Ok(json.item(item, out)?),
            Self::Resp(resp) => resp.item(item, out),
        }
    }
}
