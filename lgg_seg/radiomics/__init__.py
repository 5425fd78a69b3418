"""Radiomics: shape features of tumours, and outcome models from them and the clinical data."""
