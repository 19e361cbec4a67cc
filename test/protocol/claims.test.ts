import { decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CALLBACK, type School, startSchool } from '../support/school.ts'
import { application, ENT, signIn } from './steps.ts'

describe('what an application learns of a person', () => {
  let school: School
  beforeAll(async () => {
    school = await startSchool({
      applications: [
        ENT,
        application('profile-only', { scope: 'openid profile' }),
        application('names-only', { claims: ['given_name', 'user_type'] }),
        application('old', { id_token_signed_response_alg: 'RS256' }),
        application('canteen', { subject_type: 'pairwise' }),
        application('library', {
          subject_type: 'pairwise',
          redirect_uris: [CALLBACK, 'http://127.0.0.1:9/other'],
        }),
        application('other-host', {
          subject_type: 'pairwise',
          redirect_uris: ['http://127.0.0.1:10/callback'],
        }),
      ],
    })
    await school.person({ externalId: 'lea', identifier: 'lea', userType: 'student' })
    await school.person({
      externalId: 'anne',
      identifier: 'Anne.Petit',
      userType: 'guardian',
      givenName: 'Anne',
      familyName: 'Petit',
      email: 'anne@petit.example',
      establishments: ['0440001A', '0440002B'],
      classes: ['3B'],
      children: ['lea', 'gone'],
      locale: 'fr',
      protection: 'none',
    })
  })
  afterAll(() => school.stop())

  /** What userinfo says to an application, and its ID token. */
  const learnt = async (clientId: string, parameters: Record<string, string> = {}) => {
    const relyingParty = await school.application(clientId)
    const tokens = await signIn(relyingParty, school.browser(), 'anne.petit', parameters)
    const { userinfo_endpoint: endpoint } = relyingParty.config.serverMetadata()
    const response = await fetch(endpoint ?? '', {
      headers: { authorization: `Bearer ${tokens.response.access_token}` },
    })
    return {
      idToken: tokens.claims,
      userinfo: (await response.json()) as Record<string, unknown>,
      header: decodeProtectedHeader(tokens.response.id_token ?? ''),
    }
  }

  it('everything of its scopes, by name', async () => {
    expect((await learnt('ent')).userinfo).toEqual({
      sub: 'sub-anne',
      name: 'Anne Petit',
      given_name: 'Anne',
      family_name: 'Petit',
      preferred_username: 'Anne.Petit',
      locale: 'fr',
      email: 'anne@petit.example',
      user_type: 'guardian',
      establishments: ['0440001A', '0440002B'],
      classes: ['3B'],
      children: ['sub-lea'],
    })
  })

  it('only what the scopes of the request carry', async () => {
    const { userinfo } = await learnt('ent', { scope: 'openid email' })
    expect(userinfo).toEqual({ sub: 'sub-anne', email: 'anne@petit.example' })
  })

  it('when and how they signed in, and nothing of the person, in the ID token', async () => {
    const { idToken } = await learnt('ent')
    expect(Object.keys(idToken).sort()).toEqual([
      'acr',
      'amr',
      'aud',
      'auth_time',
      'exp',
      'iat',
      'iss',
      'nonce',
      'sub',
    ])
    expect(idToken).toMatchObject({ acr: 'urn:vestibule:acr:password', amr: ['pwd'] })
  })

  it('a single claim that it asks for by name', async () => {
    const claims = JSON.stringify({ userinfo: { email: null }, id_token: { user_type: null } })
    const { userinfo, idToken } = await learnt('ent', { scope: 'openid', claims })
    expect(userinfo).toEqual({ sub: 'sub-anne', email: 'anne@petit.example' })
    expect(idToken['user_type']).toBe('guardian')
  })

  it('nothing that the scopes it is registered for do not carry, even asked for by name', async () => {
    const all = { email: null, children: null, classes: { essential: true } }
    const claims = JSON.stringify({ userinfo: all, id_token: all })
    const { userinfo, idToken } = await learnt('profile-only', { scope: 'openid profile', claims })
    expect(Object.keys(userinfo).sort()).toEqual([
      'family_name',
      'given_name',
      'locale',
      'name',
      'preferred_username',
      'sub',
    ])
    for (const claim of Object.keys(all)) {
      expect(idToken).not.toHaveProperty(claim)
    }
  })

  it('nothing beyond the claims it is registered for, whatever its scopes carry', async () => {
    const claims = JSON.stringify({ userinfo: { email: { essential: true } } })
    const { userinfo } = await learnt('names-only', { claims })
    expect(userinfo).toEqual({ sub: 'sub-anne', given_name: 'Anne', user_type: 'guardian' })
  })

  it('a signature it can check: ES256, or RS256 for the one that asks', async () => {
    expect((await learnt('ent')).header['alg']).toBe('ES256')
    expect((await learnt('old')).header['alg']).toBe('RS256')
  })

  it('a name of her own per sector, always the same, and nothing that links people', async () => {
    const first = await learnt('canteen')
    const again = await learnt('canteen')
    const sameHost = await learnt('library')
    const { sub } = first.idToken
    expect(sub).not.toContain('anne')
    expect(again.idToken.sub).toBe(sub)
    expect(first.userinfo['sub']).toBe(sub)
    expect(sameHost.idToken.sub).toBe(sub)
    const otherHost = await learnt('other-host', { redirect_uri: 'http://127.0.0.1:10/callback' })
    expect(otherHost.idToken.sub).not.toBe(sub)
    for (const linking of ['email', 'preferred_username', 'children']) {
      expect(first.userinfo).not.toHaveProperty(linking)
    }
    expect(first.userinfo).toMatchObject({ given_name: 'Anne', user_type: 'guardian' })
  })
})
