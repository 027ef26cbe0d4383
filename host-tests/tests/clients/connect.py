"""An agent by the MCP SDK for Python, as an application would write it: it knows the server's URL alone.

Standard input: JSON with `server` (the URL of the MCP endpoint), `origins` (each with where on the loopback it listens),
`redirect_uri`, `mode` (of the SDK, how it finds the revision of MCP), and `calls` (pairs of a tool and its arguments).
Standard output: JSON with `results` (of each call its text, or the error) and `exchanges` (every request, with the status
of its answer).
"""

import json
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent / "site"))

import anyio
import httpx2
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientMetadata

given = json.load(sys.stdin)
exchanges = []


class Loopback(httpx2.AsyncBaseTransport):
    """What DNS and TLS do elsewhere."""

    def __init__(self):
        self.inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request):
        url = request.url
        origin = f"{url.scheme}://{url.netloc.decode()}"
        host, port = given["origins"][origin].split(":")
        request.url = url.copy_with(scheme="http", host=host, port=int(port))
        try:
            response = await self.inner.handle_async_request(request)
        finally:
            request.url = url
        exchanges.append({"method": request.method, "url": origin + url.path, "status": response.status_code})
        return response

    async def aclose(self):
        await self.inner.aclose()


class Storage:
    """Keeps what the SDK wants kept."""

    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Browser:
    """The user answers, and it is sent back with what they said."""

    async def open(self, url):
        async with httpx2.AsyncClient(transport=Loopback()) as client:
            response = await client.get(url)
        self.returned = parse_qs(urlsplit(response.headers["location"]).query)

    async def answer(self):
        one = {name: values[0] for name, values in self.returned.items()}
        return AuthorizationCodeResult(code=one.get("code", ""), state=one.get("state"), iss=one.get("iss"))


async def main():
    browser = Browser()
    metadata = OAuthClientMetadata(
        client_name="an agent", redirect_uris=[given["redirect_uri"]], token_endpoint_auth_method="none"
    )
    provider = OAuthClientProvider(given["server"], metadata, Storage(), browser.open, browser.answer)
    results = []
    async with httpx2.AsyncClient(transport=Loopback(), auth=provider, timeout=30) as http:
        transport = streamable_http_client(given["server"], http_client=http)
        async with Client(transport, mode=given["mode"]) as client:
            for name, arguments in given["calls"]:
                try:
                    result = await client.call_tool(name, arguments)
                    results.append({"text": "\n".join(block.text for block in result.content)})
                except Exception as error:
                    results.append({"error": str(error)})
    print(json.dumps({"results": results, "exchanges": exchanges}))


anyio.run(main)
