"""The stacks, resource by resource. All are CloudFormation's own resources (L1): what is written here is what stands in the template, for AWS and for the embedded AWS."""
