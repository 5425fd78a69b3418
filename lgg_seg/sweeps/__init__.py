"""Many runs by one command: their folders, what is still missing of them, the search for better values."""
