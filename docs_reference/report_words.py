"""What the keys of a load report mean, and the words that it uses. A test holds each list to the code's own."""

from __future__ import annotations

from lakehouse_assets.etl import status
from lakehouse_assets.landing.model import Outcome

REPORT = {
    "batch_id": "The batch: a hash of its file versions. `null` if there was nothing to load.",
    "status": "How the batch ended, see [Statuses](#statuses).",
    "error": "Why the batch failed or was abandoned, and what to do; else `null`.",
    "run_by": "What ran the batch: a Dagster run, or an execution of the state machine, with a link.",
    "created_at": "When the files of the batch were frozen (ISO 8601, UTC).",
    "datasets": "For each dataset, what became of its rows, see [Counts](#counts).",
    "healed": "For each dataset, how many waiting records were loaded because their parents came.",
    "resolved": "For each dataset, how many rejected records of earlier batches have a newer, accepted row now.",
    "waiting": "For each dataset, how many of the rejected rows only wait for a parent.",
    "differing": (
        "For each dataset, how many duplicates differ from the row that was taken, although no version column tells"
        " which one is right."
    ),
    "reasons": "For each dataset, how many rows were rejected for each reason. A row may have several.",
    "warnings": "For each dataset, how many loaded rows broke each rule of severity `warn`.",
    "rows_aside": "How many rows are in files and sheets that were not taken; `null` if some cannot be counted.",
    "files": "Each file and sheet of the batch, see [Files](#files).",
}
COUNTS = {
    "read": "Rows that were read from the batch's files.",
    "retried": "Rejected records that were tried again because a parent came.",
    "inserted": "Rows whose key was not in the table.",
    "updated": "Rows that replaced the table's row of their key.",
    "unchanged": "Rows that say what the table says already.",
    "duplicates": "Rows whose key a newer row of the same batch has.",
    "stale": "Rows that are older than the table's row of their key.",
    "rejected": "Rows that broke a rule, could not be read, or lack their parent.",
}
"""`read + retried` is the sum of the others: else the batch fails."""
FILE = {
    "name": "The name of the file, or of the workbook and its sheet: `orders.xlsx#2025-04-01`.",
    "dataset": "The dataset; `null` if none was found.",
    "outcome": "What became of it, see [Outcomes](#outcomes).",
    "reason": "Why it was not loaded, and what to do; else `null`.",
    "read": "How many rows were read.",
    "rejected": "How many of them were rejected.",
    "rows_aside": "How many rows it has, if it was not taken; `null` if they cannot be counted.",
    "warnings": "What was read over, such as lines above the header, and the rows that broke rules of severity `warn`.",
    "source_file": "The key of the file in the bucket, with the sheet; `null` for a file that was not uploaded.",
    "workbook": "The workbook whose sheet it is; else `null`.",
}
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
