"""The CloudFormation templates of each preset as `make synth` made them from aws_deploy/: what the embedded AWS is
given, so that it needs no Node.
"""
