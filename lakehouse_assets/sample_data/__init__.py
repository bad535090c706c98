"""Sample files for the datasets of the contracts, with every kind of error."""
