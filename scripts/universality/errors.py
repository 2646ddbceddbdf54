"""The one exception that users are meant to read."""


class StudyError(Exception):
    """Something in the study is wrong, and the message alone says what.

    A message names the key or file, what was found, and what is valid.
    """


def reason(error: BaseException) -> str:
    """Return what another library's exception says, as one line of limited length."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else text[:297] + "..."
