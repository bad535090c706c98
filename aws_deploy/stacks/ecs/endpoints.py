"""The endpoints of an OIDC provider: what its own description calls them (OpenID Connect Discovery), and the parameters
of the Dagster stack for them.
"""

ENDPOINTS = {
    "authorization_endpoint": "AuthorizationEndpoint",
    "token_endpoint": "TokenEndpoint",
    "userinfo_endpoint": "UserInfoEndpoint",
}
