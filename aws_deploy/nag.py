"""cdk-nag's AWS Solutions checks, and the findings that are acknowledged, each with a reason. Any other finding fails
the synthesis.

A permission with `*` is acknowledged if it matches one of the patterns here. One that matches none is a finding.
"""

from __future__ import annotations

import re
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from cdk_nag import AwsSolutionsChecks

WILDCARDS = {
    r"arn:.*:s3:::<BucketName>/.+\*": (
        "A folder of the lakehouse's own bucket: keys consist of batch ids, hashes and the senders' file names."
    ),
    r"arn:.*:logs:.*:log-group:/aws/lambda/[^*]+:\*": "Streams of the function's own log group: Lambda names them.",
    r"arn:.*:logs:.*:log-group:/aws-glue/(jobs/|crawlers)\*": (
        "Glue names the groups and streams that its jobs and crawlers write."
    ),
    r"arn:.*:states:.*:execution:[^*]+:\*": (
        "Executions of the lakehouse's own state machine: their names depend on the batch."
    ),
    r"arn:.*:glue:.*:table/<DatabaseName>/\*": (
        "The tables of the lakehouse's own database: each new contract adds one."
    ),
    r"arn:.*:logs:.*:log-group:/lakehouse/<AWS::StackName>:\*": "Streams of the stack's own log group: ECS names them.",
    r"arn:.*:ecs:.*:task/<AWS::StackName>/\*": "Tasks of the stack's own cluster: ECS names them.",
    r"arn:.*:ecs:.*:task-definition/<AWS::StackName>-run:\*": (
        "Revisions of the runs' task definition: each deployment that changes it adds one."
    ),
    r"\*": (
        "These actions do not support resources: metrics (restricted to Glue's namespaces), X-Ray, the delivery of"
        " Step Functions' log, the sign-in to ECR, the sessions of Systems Manager, and the descriptions of task"
        " definitions and network interfaces."
    ),
}
OF_TYPES = {
    "AWS::S3::Bucket": {
        "AwsSolutions-S1": (
            "Access logs are up to the account: DEPLOY_ACCESS_LOGS names a bucket for them; CloudTrail's data events"
            " have the same information."
        )
    },
    "AWS::Lambda::Function": {
        "AwsSolutions-L1": "Python 3.13 is the newest version that the locked packages and the tests support."
    },
    "AWS::Glue::Job": {
        "AwsSolutions-GL1": (
            "This stack creates the jobs' log groups with the lakehouse's key, and the bucket encrypts by default."
        ),
        "AwsSolutions-GL3": "The jobs do not use bookmarks: the manifest lists what a run reads.",
    },
    "AWS::Glue::Crawler": {
        "AwsSolutions-GL1": (
            "All crawlers of an account share one log group, whose encryption is up to the account; they log only names"
            " of tables."
        )
    },
    "AWS::EC2::VPC": {
        "AwsSolutions-VPC7": "Nothing in this VPC can be connected to from outside. Flow logs are up to the account."
    },
    "AWS::SecretsManager::Secret": {
        "AwsSolutions-SMG4": (
            "A task gets the password when it starts, so a rotation would cut off the running ones. The database can be"
            " reached only from the tasks' security group."
        )
    },
    "AWS::RDS::DBInstance": {
        "AwsSolutions-RDS3": (
            "A second database would double its price. While it is away no batch starts, and no event is lost."
        ),
        "AwsSolutions-RDS10": "`make destroy` removes it after a question, and its last snapshot stays.",
        "AwsSolutions-RDS11": "A port is not a secret. The database is in subnets without a way out.",
    },
    "AWS::ECS::Cluster": {
        "AwsSolutions-ECS4": "Container Insights has a price for each metric. The services' free metrics suffice."
    },
    "AWS::ECS::TaskDefinition": {
        "AwsSolutions-ECS2": "Names and limits only. The one password comes from Secrets Manager."
    },
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "AwsSolutions-ELB2": (
            "Access logs would need a bucket without the lakehouse's key. The identity provider logs the sign-ins."
        )
    },
    "AWS::EC2::SecurityGroup": {
        "AwsSolutions-EC23": "DEPLOY_UI_NETWORKS asks for it. The load balancer asks everybody for a sign-in."
    },
}


def checked(app: cdk.App) -> cdk.App:
    """The app with the checks added: its synthesis fails for a finding that is not acknowledged."""
    for resource in app.node.find_all():
        if isinstance(resource, cdk.CfnResource):
            _acknowledge(resource)
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    return app


def _acknowledge(resource: cdk.CfnResource) -> None:
    findings = dict(OF_TYPES.get(resource.cfn_resource_type, {}))
    if isinstance(resource, iam.CfnRole | iam.CfnPolicy):
        findings |= {
            f"AwsSolutions-IAM5[Resource::{arn}]": reason for arn in _wildcards(resource) if (reason := reason_for(arn))
        }
    for finding, reason in findings.items():
        cdk.Validations.of(resource).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


def reason_for(arn: str) -> str | None:
    """The reason why a permission may have a `*`; None if the permission matches no pattern."""
    return next((reason for shape, reason in WILDCARDS.items() if re.fullmatch(shape, arn)), None)


def _wildcards(holder: iam.CfnRole | iam.CfnPolicy) -> list[str]:
    stack = cdk.Stack.of(holder)
    if isinstance(holder, iam.CfnPolicy):
        documents = [stack.resolve(holder.policy_document)]
    else:
        documents = [policy["policyDocument"] for policy in stack.resolve(holder.policies) or []]
    statements = [statement for document in documents for statement in document["Statement"]]
    arns = [_flat(arn) for statement in statements for arn in _as_list(statement["Resource"])]
    return [arn for arn in dict.fromkeys(arns) if "*" in arn]


def _flat(value: Any) -> str:
    """The ARN as cdk-nag writes it: a reference as <Name>."""
    if isinstance(value, str):
        return value
    if "Ref" in value:
        return f"<{value['Ref']}>"
    if "Fn::GetAtt" in value:
        return f"<{'.'.join(value['Fn::GetAtt'])}>"
    return "".join(_flat(part) for part in value["Fn::Join"][1])


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
