//! Data that no command can recreate: one warning per kind.

use crate::terminal::log;

/// The longest module value that is held, in bytes. RESTORE needs its length first, which is known only at its end.
pub(super) const MODULE: usize = 16 << 20;

/// Data that no command can recreate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    Use,
    Array,
    Rate,
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
            Loss::Use => "when or how often keys were used, by which the server evicts",
            Loss::Array => "arrays: those keys are left out",
            Loss::Rate => "the state of rate limiters: those keys are left out",
            Loss::Nan => "scores that are no number: those members are left out",
            Loss::Seen => "when consumers of streams were last seen",
            Loss::Returned => "entries of streams that were given back to their group",
            Loss::Idempotence => "the idempotency keys of streams",
            Loss::PendingOfDeleted => "pending entries that are no longer in the stream: they are left out",
            Loss::PendingOfDeletedPerhaps => {
                "pending entries that are no longer in the stream: if entries in the middle of it were deleted while they were pending, they \
                 are left out"
            }
            Loss::LongModule => {
                return log::say(format_args!(
                    "no command makes again: values of more than {MODULE} bytes of the module {module}, whose length RESTORE wants before it \
                 is known: those keys are left out"
                ));
            }
            Loss::ModuleAux => {
                return log::say(format_args!(
                    "no command makes again: what the module {module} keeps beside the keys"
                ));
            }
            Loss::Metadata => "metadata that modules attach to keys",
        };
        log::say(format_args!("no command makes again: {what}"));
    }
}
