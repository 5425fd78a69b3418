"""The dataset's files: download, listing, decoding, integrity checks, index."""
