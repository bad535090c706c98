"""The Lambdas, one file per role (`aws_deploy.state_machine.tasks.LAMBDAS`): a few lines each that call the lakehouse's
own steps.
"""
