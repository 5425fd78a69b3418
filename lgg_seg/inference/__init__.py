"""A trained network with its weights and preprocessing: volumes in, probabilities out."""
