import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type School, startSchool } from '../support/school.ts'

/** A request as it goes over the wire: any target, any header. Body and headers of the answer. */
const raw = (school: School, target: string, headers: Record<string, string>): Promise<string> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(school.address)
    const sent = httpRequest({ hostname, port, path: target, headers }, (response) => {
      let text = JSON.stringify(response.headers)
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
    sent.once('error', reject)
    sent.end()
  })

describe('an application reads what the gateway can do', () => {
  let school: School
  let discovery: Record<string, unknown>
  beforeAll(async () => {
    school = await startSchool()
    const response = await fetch(`${school.issuer}/.well-known/openid-configuration`)
    discovery = (await response.json()) as Record<string, unknown>
  })
  afterAll(() => school.stop())

  it('the code flow with S256 alone, no implicit flow and no registration', () => {
    expect(discovery).toMatchObject({
      issuer: school.issuer,
      response_types_supported: ['code'],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      claims_parameter_supported: true,
    })
    expect([...(discovery['grant_types_supported'] as string[])].sort()).toEqual([
      'authorization_code',
      'refresh_token',
    ])
    expect(discovery).not.toHaveProperty('registration_endpoint')
    expect(discovery).not.toHaveProperty('device_authorization_endpoint')
    expect(discovery['request_parameter_supported']).not.toBe(true)
  })

  it('pushed requests, DPoP, introspection, revocation and both ways to sign out', () => {
    expect(discovery).toMatchObject({
      pushed_authorization_request_endpoint: `${school.issuer}/request`,
      introspection_endpoint: `${school.issuer}/token/introspection`,
      revocation_endpoint: `${school.issuer}/token/revocation`,
      end_session_endpoint: `${school.issuer}/session/end`,
      backchannel_logout_supported: true,
      backchannel_logout_session_supported: true,
    })
    expect(discovery['dpop_signing_alg_values_supported']).toContain('ES256')
  })

  it('the levels of a sign-in, the claims, and ES256 before RS256', () => {
    expect(discovery['acr_values_supported']).toEqual([
      'urn:vestibule:acr:password',
      'urn:vestibule:acr:pin',
      'urn:vestibule:acr:otp',
      'https://refeds.org/profile/mfa',
    ])
    expect(discovery['id_token_signing_alg_values_supported']).toEqual(['ES256', 'RS256'])
    expect(discovery['subject_types_supported']).toEqual(['public', 'pairwise'])
    expect(discovery['scopes_supported']).toEqual(
      expect.arrayContaining(['openid', 'profile', 'email', 'school']),
    )
    expect(discovery['claims_supported']).toEqual(
      expect.arrayContaining([
        ...['sub', 'name', 'given_name', 'family_name', 'preferred_username', 'email', 'locale'],
        ...['user_type', 'establishments', 'classes', 'children', 'acr', 'amr', 'auth_time'],
      ]),
    )
  })

  it('public keys only', async () => {
    const { keys } = (await (await fetch(`${school.issuer}/jwks`)).json()) as {
      keys: Record<string, unknown>[]
    }
    expect(keys.map(({ kty }) => kty)).toEqual(expect.arrayContaining(['EC', 'RSA']))
    for (const key of keys) {
      expect(Object.keys(key)).not.toEqual(expect.arrayContaining(['d']))
      expect(key).not.toHaveProperty('p')
    }
  })
})

describe('whatever a request says of the host', () => {
  let school: School
  beforeAll(async () => {
    school = await startSchool()
  })
  afterAll(() => school.stop())

  const LIES: [string, Record<string, string>][] = [
    ['Host', { host: 'thief.example' }],
    ['X-Forwarded-Host', { 'x-forwarded-host': 'thief.example', 'x-forwarded-proto': 'gopher' }],
    ['Forwarded', { forwarded: 'host=thief.example;proto=gopher' }],
    [
      'X-Original-Host',
      { 'x-original-host': 'thief.example', 'x-original-url': '//thief.example' },
    ],
  ]
  const query = new URLSearchParams({
    client_id: 'ent',
    response_type: 'code',
    scope: 'openid',
    redirect_uri: 'http://127.0.0.1:9/callback',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  })
  const PAGES = [
    '/.well-known/openid-configuration',
    `/auth?${query}`,
    '/',
    '/session/end',
    '/none',
  ]

  it.each(LIES)('%s changes no address in documents, redirects and pages', async (_, headers) => {
    for (const page of PAGES) {
      const text = await raw(school, page, headers)
      expect(text, page).not.toContain('thief.example')
      expect(text, page).not.toContain('gopher')
    }
  })

  it('nor does a request line with a host of its own', async () => {
    for (const page of PAGES) {
      const text = await raw(school, `http://thief.example${page}`, {})
      expect(text, page).not.toContain('thief.example')
    }
    expect(await raw(school, `http://thief.example${PAGES[0]}`, {})).toContain(
      `"issuer":"${school.issuer}"`,
    )
    expect(await raw(school, '//thief.example/.well-known/openid-configuration', {})).not.toContain(
      'https://thief.example',
    )
  })
})
