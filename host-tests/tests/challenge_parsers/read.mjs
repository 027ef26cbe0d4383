// Standard input: JSON, for each response the list of its WWW-Authenticate fields.
// Standard output: JSON, for each response the challenges that oauth4webapi hands to its caller.
import { customFetch, protectedResourceRequest, WWWAuthenticateChallengeError } from 'oauth4webapi'

async function read(fields) {
  const headers = new Headers()
  for (const field of fields) headers.append('www-authenticate', field)
  const answer = async () => new Response(null, { status: 401, headers })
  try {
    const url = new URL('https://tools.example/mcp')
    await protectedResourceRequest('token', 'GET', url, new Headers(), null, { [customFetch]: answer })
    return []
  } catch (error) {
    if (error instanceof WWWAuthenticateChallengeError) return error.cause
    throw error
  }
}

let input = ''
for await (const chunk of process.stdin) input += chunk
console.log(JSON.stringify(await Promise.all(JSON.parse(input).map(read))))
