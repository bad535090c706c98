"""The one small hierarchy of errors: what kind of trouble it is decides who acts and whether a retry can heal it."""


class LakehouseError(Exception):
    """Something a person can act on. The message says what happened, to which file or row, and what to do next."""


class BadData(LakehouseError):
    """The data breaks a promise. Never retried: the same bytes give the same answer."""


class BadConfiguration(LakehouseError):
    """A setting, a contract or a command line is wrong. Never retried: someone has to change it."""


class TemporaryOutage(LakehouseError):
    """A service did not answer or answered with its own failure. The same call may succeed later, so it may be
    retried.
    """


def our_errors(of: type[LakehouseError] = LakehouseError) -> set[str]:
    """The names of our errors, as far as the modules that have them are loaded."""
    return {of.__name__}.union(*(our_errors(more) for more in of.__subclasses__()))


class LeaseLostError(LakehouseError):
    """Another holder has taken over. Not to be retried by this one: the other goes on with the batch."""


class LakehouseBusy(TemporaryOutage):
    """Another holder works on the lakehouse now. Nothing was done."""
