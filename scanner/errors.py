"""The base of every error whose text is meant for the user."""


class ImgscanError(Exception):
    """Something cannot be done; the text is one sentence that says what is wrong and what to do.

    Commands catch this class alone, once, and end with its sentence. What may be raised by hostile
    bytes and becomes a row of the report is no such error.
    """
