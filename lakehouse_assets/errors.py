"""The errors of a lakehouse. The kind of an error says who has to act, and whether a retry can help.

Names have no suffix -Error. They are public: Glue shows them as a run's error (`lakehouse_assets.errors.BadData`), Step
Functions matches them (`LakehouseBusy`).
"""


class LakehouseError(Exception):
    """An error that a person can act on. The message says what happened, to which file or row, and what to do next. Not
    retried, unless it is a TemporaryOutage."""


class BadData(LakehouseError):
    """The data is not valid. Never retried: the same bytes give the same result."""


class BadConfiguration(LakehouseError):
    """A setting, a contract or a command line is wrong. Never retried: a person has to change it."""


class TemporaryOutage(LakehouseError):
    """A service did not answer, or answered with its own failure. May be retried: the same call may succeed later."""


class LakehouseBusy(TemporaryOutage):
    """Another holder is using the lakehouse. Nothing was done. The caller decides whether and how long to wait."""


class LeaseLost(LakehouseError):
    """Another holder has taken over the lease. Not retried by this one: the other resumes the batch."""


class StepOutOfTurn(LakehouseError):
    """A step was run before the steps that it needs. It did nothing, and the batch is as it was before."""


def our_errors(of: type[LakehouseError] = LakehouseError) -> set[str]:
    """The names of an error class and its subclasses in the modules that are loaded."""
    return {of.__name__}.union(*(our_errors(more) for more in of.__subclasses__()))
