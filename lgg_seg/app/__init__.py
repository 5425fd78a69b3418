"""The web page: slices or a patient's zip in; slice, probability, contours and features out. For research alone."""
