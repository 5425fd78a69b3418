"""Shape features of tumours, and what they and the clinical data say of a patient's outcome."""
