"""Sample files of an e-commerce shop, with every kind of dirt."""
