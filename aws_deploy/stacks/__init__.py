"""The stacks, resource by resource. All constructs are CloudFormation's own (L1), so each property written here is in
the template, for AWS and for the embedded AWS.
"""
