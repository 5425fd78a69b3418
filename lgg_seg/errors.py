"""The one exception a user is meant to read."""


class UserError(Exception):
    """Something the user can mend: one clear sentence that names the file, the patient or the key, and the remedy.

    Commands print it without a traceback and end with a non-zero exit code.
    """
