"""Dagster's database: the history of runs, events and ticks, and the sensors' cursors. It has no rows of the tables.

It is encrypted with AWS's own key of RDS, not with the lakehouse's: the last snapshot must be readable after `make
destroy DATA=1` has removed that key.
"""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secrets

from aws_deploy.ecs_names import DATABASE_PORT
from aws_deploy.stacks.ecs.frame import Frame
from aws_deploy.stacks.ecs.network import Network
from lakehouse_assets.server.ecs import DATABASE, USER

VERSION = "17"
"""The major version: RDS takes the minor versions by itself."""
CLASS = "db.t4g.micro"
GIGABYTES, MOST_GIGABYTES = 20, 100
DAYS_OF_BACKUPS = 7
LETTERS_OF_PASSWORD = 40


@dataclass(frozen=True)
class Database:
    instance: rds.CfnDBInstance
    secret: str
    """The ARN of the secret."""

    @property
    def host(self) -> str:
        """HOST:PORT"""
        return f"{self.instance.attr_endpoint_address}:{self.instance.attr_endpoint_port}"

    @property
    def password(self) -> str:
        """What a task definition gets the password by: a key of the secret's JSON."""
        return f"{self.secret}:password::"


def database(frame: Frame, network: Network) -> Database:
    secret = secrets.CfnSecret(
        frame.stack,
        "DatabaseSecret",
        description="The password of Dagster's database.",
        generate_secret_string={
            "secretStringTemplate": f'{{"username": "{USER}"}}',
            "generateStringKey": "password",
            "passwordLength": LETTERS_OF_PASSWORD,
            "excludePunctuation": True,
        },
    )
    group = rds.CfnDBSubnetGroup(
        frame.stack,
        "DatabaseSubnets",
        db_subnet_group_description="Dagster's database",
        subnet_ids=network.database_subnets,
    )
    instance = rds.CfnDBInstance(
        frame.stack,
        "Database",
        engine="postgres",
        engine_version=VERSION,
        db_instance_class=CLASS,
        db_name=DATABASE,
        port=str(DATABASE_PORT),
        master_username=USER,
        master_user_password=f"{{{{resolve:secretsmanager:{secret.ref}:SecretString:password::}}}}",
        db_subnet_group_name=group.ref,
        vpc_security_groups=[network.database],
        publicly_accessible=False,
        storage_type="gp3",
        storage_encrypted=True,
        allocated_storage=str(GIGABYTES),
        max_allocated_storage=MOST_GIGABYTES,
        backup_retention_period=DAYS_OF_BACKUPS,
        copy_tags_to_snapshot=True,
        auto_minor_version_upgrade=True,
        # `make destroy` asks first, and the last snapshot stays.
        deletion_protection=False,
    )
    # cfn-lint lists minor versions only. RDS takes a recent minor version of a major one (cfn-lint's issue 3849).
    instance.add_metadata("cfn-lint", {"config": {"ignore_checks": ["W3691"]}})
    instance.cfn_options.deletion_policy = cdk.CfnDeletionPolicy.SNAPSHOT
    instance.cfn_options.update_replace_policy = cdk.CfnDeletionPolicy.SNAPSHOT
    return Database(instance, secret.ref)
