"""The stacks, resource by resource. All are CloudFormation's own (L1): what is written here stands in the template, for
AWS and for the embedded AWS.
"""
