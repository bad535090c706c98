"""S3: objects on disk, their limits, listings, and the expiry of old versions."""
