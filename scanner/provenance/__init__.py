"""Provenance: what a file itself tells of its origin, kept apart from the model's score.

`readers` has them all. Nothing here ever touches the network.
"""

CAVEAT = (
    "That nothing is found proves nothing: metadata is easily lost or removed, and what is merely "
    "declared is easily forged. SynthID and other watermarks that only their makers can read were "
    "not checked."
)
