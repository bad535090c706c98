"""Gap: a file of its state that ministack cannot read (a power cut leaves one empty) counts as "nothing was there".

Then a bucket is no longer versioned while its stack says that it is, and what is overwritten from then on is lost. Here
no server starts on such a file.
"""

import json
from pathlib import Path


def complaint(state: Path) -> str | None:
    """What is wrong with the state in this folder, and what to do about it; None where each file can be read."""
    for file in sorted(state.glob("*.json")):
        try:
            json.loads(file.read_bytes())
        except ValueError as error:
            return (
                f"{file} is damaged ({error}), and without it the embedded AWS would forget part of what it knew. Put"
                f" back a copy of the whole folder {state}. Without one, move that folder away and run the command"
                " again: the objects in S3 stay, what belongs to them (bucket, queue, database) is made anew, and the"
                " tables come back to the catalog with the next batch."
            )
    return None
