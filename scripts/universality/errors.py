"""The one exception that users are meant to read."""


class StudyError(Exception):
    """Something in the study is wrong, and the message alone says what.

    A message names the key or file, what was found, and what is valid.
    """
