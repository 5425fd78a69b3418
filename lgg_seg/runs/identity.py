"""Which keys of a run's config change nothing of its result."""

NON_RESULT_KEYS = ("logger", "trainer.enable_progress_bar", "trainer.threads", "data.workers", "data.cache_dir")
"""Keys, with all below them, that say who watches and how fast it goes."""
