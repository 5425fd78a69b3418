"""What people read: tables on the terminal, figures in the run folder."""
