"""CSV files: unpacking, encoding, dialect, header, records."""
