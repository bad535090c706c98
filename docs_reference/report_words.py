"""What the keys of a load report mean, and the words that it uses. A test holds each list to the code's own."""

from __future__ import annotations

from lakehouse_assets.etl import status
from lakehouse_assets.landing.model import Outcome

STATUSES = {
    status.SUCCEEDED: "Every row is accounted for. Some may be rejected, and files may be quarantined.",
    status.WITH_REJECTS: (
        "The batch is loaded. Of some dataset, more than `LAKEHOUSE_REJECT_WARNING` of the rows is rejected, or more"
        " than that share of the batch is in quarantined files."
    ),
    status.FAILED: "The batch is open. The next load resumes it; `lakehouse abandon` gives it up.",
    status.ABANDONED: "The batch was given up by hand. Its files that were not loaded are quarantined.",
    status.NOTHING_TO_DO: "No file was pending.",
}
OUTCOMES = {
    Outcome.LOADED: "Its rows are loaded, or rejected with a reason.",
    Outcome.NOT_LOADED: "The batch failed before the file was loaded.",
    Outcome.EMPTY: "It has no rows.",
    Outcome.DUPLICATE: "Its content came before, and changed nothing.",
    Outcome.QUARANTINED: "It cannot be read by the contract. It is in `rejected/files/`, with the reason.",
    Outcome.IGNORED: "It is not a kind of file that is loaded, such as a hidden file or a sheet without a table.",
    Outcome.ABANDONED: "The batch was abandoned before the file was loaded. It is in `rejected/files/`.",
}
"""Of a file in a report. Two more are only in manifests: `load`, before the load, and `converted`, of a workbook whose
sheets stand in the report instead."""
ONLY_IN_MANIFESTS = (Outcome.LOAD, Outcome.CONVERTED)
