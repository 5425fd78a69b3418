"""The config groups: composed, checked against the code that reads them, made into objects."""
