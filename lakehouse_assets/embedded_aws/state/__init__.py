"""What is kept over a restart, and what a crash left of it."""
