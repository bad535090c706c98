"""What Step Functions does beyond ministack: integrations, redrive, limits."""
