"""Many runs by one command: their folders, retries of what is missing, hyperparameter search."""
