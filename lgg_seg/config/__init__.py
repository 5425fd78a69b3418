"""The config: its groups, checks of overrides and values, objects from its nodes, old names."""
