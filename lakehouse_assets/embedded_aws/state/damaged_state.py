"""Gap: ministack treats a state file that it cannot read (a power cut leaves empty files) as if there were none.

Then a bucket is not versioned any more, although its stack says so, and whatever is overwritten from then on is lost.
Here the server does not start with such a file.
"""

import json
from pathlib import Path


def complaint(state: Path) -> str | None:
    """What is wrong with the state in this folder, and what to do about it; None if every file can be read."""
    for file in sorted(state.glob("*.json")):
        try:
            json.loads(file.read_bytes())
        except ValueError as error:
            return (
                f"{file} is damaged ({error}), and without it the embedded AWS would lose part of its state. Restore"
                f" the whole folder {state} from a backup. If you have none, move that folder away and run the command"
                " again: the objects in S3 stay, the bucket, queue and database are created again, and the next batch"
                " registers the tables again."
            )
    return None
