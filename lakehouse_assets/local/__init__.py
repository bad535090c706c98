"""What a laptop needs in place of an AWS account. Nothing outside this room knows that the AWS it talks to is
embedded.
"""
