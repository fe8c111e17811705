//! Data that no command can recreate: one warning per kind.

use crate::terminal::log;

/// The longest module value that is held, in bytes. RESTORE needs its length first, which is known only at its end.
pub(super) const MODULE: usize = 16 << 20;

/// Data that no command can recreate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    Use,
    Nan,
    Seen,
    Returned,
    Idempotence,
    PendingOfDeleted,
    PendingOfDeletedPerhaps,
    LongModule,
    ModuleAux,
    Metadata,
}

/// Warns once per kind.
#[derive(Debug, Default)]
pub(super) struct Losses {
    warned: Vec<Loss>,
    /// The module of the current value.
    pub(super) module: String,
}

impl Losses {
    pub(super) fn say(&mut self, loss: Loss) {
        self.say_of(loss, "");
    }

    pub(super) fn say_of(&mut self, loss: Loss, module: impl std::fmt::Display) {
        if self.warned.contains(&loss) {
            return;
        }
        self.warned.push(loss);
        let what = match loss {
            Loss::Use => "the times and frequencies of access, which the server uses for eviction",
            Loss::Nan => "scores that are not a number: those members are omitted",
            Loss::Seen => "the last activity of stream consumers",
            Loss::Returned => "stream entries that were returned to their group",
            Loss::Idempotence => "the idempotency keys of streams",
            Loss::PendingOfDeleted => "pending entries that are no longer in the stream: they are omitted",
            Loss::PendingOfDeletedPerhaps => {
                "pending entries that were deleted from the middle of the stream: they are omitted"
            }
            Loss::LongModule => {
                return log::say(format_args!(
                    "no command recreates values of more than {MODULE} bytes of the module {module}: those keys are \
                     omitted"
                ));
            }
            Loss::ModuleAux => {
                return log::say(format_args!(
                    "no command recreates the data that the module {module} saves outside of keys"
                ));
            }
            Loss::Metadata => "the metadata that modules attach to keys",
        };
        log::say(format_args!("no command recreates {what}"));
    }
}
