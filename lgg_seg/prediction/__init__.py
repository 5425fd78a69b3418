"""Using a trained network on new scans: reading them, segmenting them, and writing what was found."""
