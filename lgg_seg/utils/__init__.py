"""What has no better room: config checks, safe instantiation, runtime settings."""
