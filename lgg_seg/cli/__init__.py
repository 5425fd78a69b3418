"""The command line: arguments, errors, logs, progress."""
