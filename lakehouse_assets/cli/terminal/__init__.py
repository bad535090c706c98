"""How the command line draws on a terminal: tables, progress, errors, reports."""
