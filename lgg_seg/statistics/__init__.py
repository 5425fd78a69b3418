"""Bootstrap, paired tests, ranks and the verdict, on plain arrays."""
