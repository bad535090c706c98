"""What starts batches by itself, and what tells people how they went."""
