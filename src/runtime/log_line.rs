//! How a line of the log is written. The id of the request that the writing task works for is put on it here, from the task's
//! `RequestScope`: a span for each request, made, entered at every step of its work and closed, would cost every request what only those pay
//! that log something.

use super::request_scope::RequestScope;
use std::fmt;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Json, JsonFields, Writer},
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// For people: time, level, request, target, message, fields.
pub struct TextLine;

impl<S, N> FormatEvent<S, N> for TextLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut line: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        SystemTime.format_time(&mut line)?;
        write!(line, " {:>5} ", event.metadata().level())?;
        if let Some(id) = RequestScope::current_id() {
            write!(line, "request{{id={id}}}: ")?;
        }
        write!(line, "{}: ", event.metadata().target())?;
        context.format_fields(line.by_ref(), event)?;
        writeln!(line)
    }
}

/// For machines: one JSON object a line, with the request's id as `request_id`.
pub struct JsonLine(Format<Json>);

impl Default for JsonLine {
    fn default() -> Self {
        Self(Format::default().json().flatten_event(true).with_current_span(false).with_span_list(false))
    }
}

impl<S> FormatEvent<S, JsonFields> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(id) = RequestScope::current_id() else { return self.0.format_event(context, line, event) };
        let mut object = String::new();
        self.0.format_event(context, Writer::new(&mut object), event)?;
        let open = object.trim_end().strip_suffix('}').ok_or(fmt::Error)?;
        // The id is hexadecimal digits: nothing in it needs escaping.
        writeln!(line, r#"{open},"request_id":"{id}"}}"#)
    }
}
