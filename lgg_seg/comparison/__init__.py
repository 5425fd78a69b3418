"""Runs side by side: read from their folders, merged, grouped by comparability, ranked, tested."""
