"""Step Functions: integrations, redrive, errors of Lambdas, size limits."""
