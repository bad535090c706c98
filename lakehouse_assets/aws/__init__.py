"""What the lakehouse asks of AWS, a file per service, and which AWS it asks."""
