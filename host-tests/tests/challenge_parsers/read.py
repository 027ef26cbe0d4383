"""Standard input: JSON, for each response `fields` (its WWW-Authenticate fields) and `ask` (pairs of scheme and parameter).

Standard output: JSON, for each response `values` (what azure-core finds for each pair) and `claims` (the claims request
with which its bearer policy goes to the identity provider after a 401; null if it does not).
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).parent / "site"))

from azure.core.credentials import AccessToken
from azure.core.pipeline import PipelineContext, PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import BearerTokenCredentialPolicy
from azure.core.pipeline.policies._utils import get_challenge_parameter
from azure.core.rest import HttpRequest


class Credential:
    """Notes with which claims it is asked for a token."""

    def __init__(self):
        self.claims = None

    def get_token(self, *scopes, claims=None, **_):
        self.claims = self.claims or claims
        return AccessToken("token", 2**40)


class Server:
    """Answers every request with this challenge."""

    def __init__(self, headers):
        self.headers = headers

    def send(self, request):
        response = SimpleNamespace(status_code=401, headers=self.headers)
        return PipelineResponse(request.http_request, response, request.context)


def read(response):
    headers = {"WWW-Authenticate": ", ".join(response["fields"])}
    credential = Credential()
    policy = BearerTokenCredentialPolicy(credential, "https://tools.example/.default")
    policy.next = Server(headers)
    policy.send(PipelineRequest(HttpRequest("GET", "https://tools.example/mcp"), PipelineContext(None)))
    values = [get_challenge_parameter(headers, scheme, name) for scheme, name in response["ask"]]
    return {"values": values, "claims": credential.claims}


print(json.dumps([read(response) for response in json.load(sys.stdin)]))
