// An agent by one of the MCP SDKs for JavaScript, as an application would write it: it knows the server's URL alone.
//
// Standard input: JSON with `library` (the SDK's package), `server` (the URL of the MCP endpoint), `origins` (each with
// where on the loopback it listens), `redirect_uri`, and `calls` (pairs of a tool and its arguments).
// Standard output: JSON with `results` (of each call its text, or the error) and `exchanges` (every request, with the
// status of its answer).
const { library, server, origins, redirect_uri, calls } = JSON.parse(await new Response(process.stdin).text())

const modules = {
  '@modelcontextprotocol/sdk': ['/client/index.js', '/client/streamableHttp.js', '/client/auth.js'],
  '@modelcontextprotocol/client': [''],
}[library]
const imported = await Promise.all(modules.map((module) => import(library + module)))
const { Client, StreamableHTTPClientTransport, UnauthorizedError } = Object.assign({}, ...imported)

const exchanges = []

// What DNS and TLS do elsewhere.
async function send(url, init = {}) {
  url = new URL(url)
  const headers = new Headers(init.headers)
  headers.set('host', url.host)
  const response = await fetch(`http://${origins[url.origin]}${url.pathname}${url.search}`, { ...init, headers })
  exchanges.push({ method: init.method ?? 'GET', url: url.origin + url.pathname, status: response.status })
  return response
}

const kept = {}
let returned
const authProvider = {
  redirectUrl: redirect_uri,
  clientMetadata: { client_name: 'an agent', redirect_uris: [redirect_uri], token_endpoint_auth_method: 'none' },
  state: () => (kept.state = crypto.randomUUID()),
  clientInformation: () => kept.client,
  saveClientInformation: (client) => void (kept.client = client),
  tokens: () => kept.tokens,
  saveTokens: (tokens) => void (kept.tokens = tokens),
  codeVerifier: () => kept.verifier,
  saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
  // The browser: the user answers, and it is sent back with what they said.
  redirectToAuthorization: async (url) => {
    const response = await send(url, { redirect: 'manual' })
    returned = new URL(response.headers.get('location'))
    if (returned.searchParams.get('state') !== kept.state) throw new Error('the state is another')
  },
}

const newTransport = () => new StreamableHTTPClientTransport(new URL(server), { authProvider, fetch: send })
let transport = newTransport()
const client = new Client({ name: 'agent', version: '1' })

// The SDK has opened the browser and gave up: it gets what came back, and then it is tried once more.
async function withUser(act, again = act) {
  try {
    return await act()
  } catch (error) {
    if (!(error instanceof UnauthorizedError)) throw error
    const { searchParams } = returned
    await transport.finishAuth(library.endsWith('/sdk') ? searchParams.get('code') : searchParams)
    return await again()
  }
}

await withUser(
  () => client.connect(transport),
  () => client.connect((transport = newTransport())),
)
const results = []
for (const [name, args] of calls) {
  try {
    const result = await withUser(() => client.callTool({ name, arguments: args }))
    results.push({ text: result.content.map((block) => block.text).join('\n') })
  } catch (error) {
    results.push({ error: String(error) })
  }
}
await transport.terminateSession()
await client.close()
console.log(JSON.stringify({ results, exchanges }))
