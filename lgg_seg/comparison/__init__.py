"""Runs side by side: read from their folders, merged, held against the contract, ranked, tested."""
