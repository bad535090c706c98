"""S3's objects on disk, with their limits, listings and expiry."""
