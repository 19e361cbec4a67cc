import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  consoleOrigin,
  loadSettings,
  processEnvironment,
  type Settings,
} from '../../provider/settings.ts'
import type { Problem } from '../../provider/settings_file.ts'
import { SETTINGS_DOC, settingsDoc } from '../../tools/settings_doc.ts'

const ISSUER = 'https://login.school.example'
const SECRET = 'Ws7x-not-to-be-repeated-9Qk2'
const ROOT = join(import.meta.dirname, '..', '..')

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vestibule-settings-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

type Env = Record<string, string>

const write = (name: string, text: string | Uint8Array) => writeFileSync(join(folder, name), text)

function load(yaml: string | undefined, env: Env = {}) {
  if (yaml !== undefined) write('vestibule.yaml', yaml)
  return loadSettings({ env, cwd: folder })
}

function settings(yaml: string | undefined, env: Env = {}): Settings {
  const loaded = load(yaml, env)
  expect(loaded.ok ? [] : loaded.problems).toEqual([])
  if (!loaded.ok) throw new Error('refused')
  return loaded.settings
}

function problems(yaml: string | undefined, env: Env = {}): readonly Problem[] {
  const loaded = load(yaml, env)
  return loaded.ok ? [] : loaded.problems
}

/** The one problem that is expected. */
function problem(yaml: string | undefined, env: Env = {}): Problem {
  const found = problems(yaml, env)
  expect(found).toHaveLength(1)
  return found[0] as Problem
}

const yaml = (...lines: string[]) => [`issuer: ${ISSUER}`, ...lines, ''].join('\n')

/** A file with one application; the given lines replace or join its settings. Starts at line 3. */
const application = (lines: Record<string, string>) => {
  const all = {
    client_id: 'ent',
    client_name: 'Workspace',
    client_secret: SECRET,
    redirect_uris: '[https://ent.example/cb]',
    ...lines,
  }
  const written = Object.entries(all).filter(([, value]) => value !== '')
  return yaml(
    'applications:',
    ...written.map(([key, value], index) => `  ${index === 0 ? '-' : ' '} ${key}: ${value}`),
  )
}

describe('a school that sets nothing but the address', () => {
  it('gets the defaults', () => {
    expect(settings(undefined, { VESTIBULE_ISSUER: ISSUER })).toEqual({
      issuer: ISSUER,
      listen: { host: '127.0.0.1', port: 3000 },
      data: join(folder, 'data'),
      school: { name: 'Vestibule', support: {} },
      default_locale: 'fr',
      time_zone: 'Europe/Paris',
      trusted_proxies: [],
      internal_networks: { networks: [], hosts: [] },
      log_level: 'info',
      hashing: {
        memory_kib: 19_456,
        iterations: 2,
        parallelism: 1,
        concurrency: Math.max(1, availableParallelism()),
        queue_max: 400,
        insecure_for_tests: false,
      },
      tokens: {
        access_minutes: 10,
        code_seconds: 60,
        refresh_idle_hours: 2,
        refresh_absolute_hours: 12,
        sign_in_minutes: 15,
      },
      admin: {},
      audit: {},
      leavers_kept_days: 365,
      applications: [],
      keys: {},
    })
  })

  it('is told when the address is missing, where there is no file', () => {
    expect(problem(undefined)).toEqual({
      where: 'VESTIBULE_ISSUER',
      setting: 'issuer',
      message: expect.stringMatching(/is missing.*https/),
    })
  })

  it.each(['', '# nothing yet\n', '---\n'])(
    'is told so as well with an empty file (%j)',
    (text) => {
      expect(problem(text)).toMatchObject({ where: 'vestibule.yaml:1', setting: 'issuer' })
    },
  )
})

describe('the file and the variables', () => {
  it('lets variables win over the file', () => {
    const read = settings(
      yaml('log_level: warn', 'school:', '  name: Collège A', 'trusted_proxies: [10.0.0.0/8]'),
      {
        VESTIBULE_ISSUER: 'https://other.example',
        VESTIBULE_LISTEN: '[::1]:8080',
        VESTIBULE_LOG_LEVEL: 'debug',
        VESTIBULE_TRUSTED_PROXIES: '192.0.2.1, 2001:DB8::5/32',
        VESTIBULE_SCHOOL_NAME: 'Collège B',
        VESTIBULE_SCHOOL_SUPPORT_PHONE: '0240000000',
        VESTIBULE_HASHING_QUEUE_MAX: '12',
        VESTIBULE_HASHING_INSECURE_FOR_TESTS: 'false',
      },
    )
    expect(read).toMatchObject({
      issuer: 'https://other.example',
      listen: { host: '::1', port: 8080 },
      log_level: 'debug',
      trusted_proxies: ['192.0.2.1/32', '2001:db8::/32'],
      school: { name: 'Collège B', support: { phone: '0240000000' } },
      hashing: { queue_max: 12, insecure_for_tests: false },
    })
  })

  it('empties a list by an empty variable', () => {
    const env = { VESTIBULE_TRUSTED_PROXIES: '' }
    expect(settings(yaml('trusted_proxies: [10.0.0.0/8]'), env).trusted_proxies).toEqual([])
  })

  it('reads the file that VESTIBULE_CONFIG names, and paths in it from its own folder', () => {
    mkdirSync(join(folder, 'etc'))
    write('etc/gate.yaml', yaml('data: store'))
    const read = settings('log_level: not this file', { VESTIBULE_CONFIG: 'etc/gate.yaml' })
    expect(read.data).toBe(join(folder, 'etc', 'store'))
    const byVariable = settings(undefined, {
      VESTIBULE_CONFIG: join(folder, 'etc/gate.yaml'),
      VESTIBULE_DATA: 'here',
    })
    expect(byVariable.data).toBe(join(folder, 'here'))
  })

  it('does not start without the file that it was told to read', () => {
    const env = { VESTIBULE_CONFIG: 'missing.yaml', VESTIBULE_ISSUER: ISSUER }
    expect(problem(undefined, env)).toEqual({
      where: 'VESTIBULE_CONFIG',
      setting: 'missing.yaml',
      message: 'there is no such file',
    })
    expect(problem(undefined, { ...env, VESTIBULE_CONFIG: '.' }).message).toMatch(/folder/)
  })

  it('refuses a variable that it does not know, and guesses the one that was meant', () => {
    expect(problem(yaml(), { VESTIBULE_TRUSTED_PROXY: '10.0.0.0/8' })).toEqual({
      where: 'VESTIBULE_TRUSTED_PROXY',
      setting: 'VESTIBULE_TRUSTED_PROXY',
      message: expect.stringContaining('did you mean "VESTIBULE_TRUSTED_PROXIES"?'),
    })
  })

  it('refuses a variable that was left empty', () => {
    expect(problem(yaml(), { VESTIBULE_PEPPER: '' }).message).toMatch(/is empty/)
    expect(problem(yaml(), { VESTIBULE_DATA: '' }).message).toMatch(/is empty/)
  })

  it('passes over variables of the demonstration and of other programs', () => {
    expect(settings(yaml(), { VESTIBULE_DEMO_ANYTHING: '1', PATH: '/bin' }).issuer).toBe(ISSUER)
  })

  it('names the variable when its value is wrong, not the file', () => {
    const env = { VESTIBULE_LOG_LEVEL: 'inof', VESTIBULE_HASHING_QUEUE_MAX: '1e3' }
    expect(problems(yaml('log_level: info'), env)).toEqual([
      {
        where: 'VESTIBULE_HASHING_QUEUE_MAX',
        setting: 'hashing.queue_max',
        message: 'must be a whole number from 1 to 100000',
      },
      {
        where: 'VESTIBULE_LOG_LEVEL',
        setting: 'log_level',
        message: expect.stringMatching(/one of: .*info, .*did you mean "info"/),
      },
    ])
  })

  it('hands out a copy of the variables of the process', () => {
    expect(processEnvironment()['PATH']).toBe(process.env['PATH'])
    expect(processEnvironment()).not.toBe(process.env)
  })
})

describe('a file with mistakes', () => {
  it('names every mistake at once, each with its line, in the order of the file', () => {
    const found = problems(
      [
        'isuer: https://a.example',
        'school:',
        '  nmae: Collège',
        '  support:',
        '    phone: 0240000000',
        'log_level: verbose',
        'hashing:',
        '  memory_kib: 5000',
        '  concurrency: many',
        'trusted_proxies:',
        '  - 10.0.0.0/8',
        '  - everybody',
      ].join('\n'),
    )
    expect(found.map(({ where, setting }) => `${where} ${setting}`)).toEqual([
      'vestibule.yaml:1 issuer',
      'vestibule.yaml:1 isuer',
      'vestibule.yaml:3 school.nmae',
      'vestibule.yaml:5 school.support.phone',
      'vestibule.yaml:6 log_level',
      'vestibule.yaml:8 hashing.memory_kib',
      'vestibule.yaml:9 hashing.concurrency',
      'vestibule.yaml:12 trusted_proxies[1]',
    ])
    expect(found[1]?.message).toContain('did you mean "issuer"?')
    expect(found[2]?.message).toContain('did you mean "name"?')
    expect(found[3]?.message).toContain('quotes')
    expect(found[4]?.message).toContain('fatal, error, warn, info, debug, trace, silent')
  })

  it.each<[string, string, string, RegExp]>([
    ['a key written twice', yaml('log_level: info', 'log_level: warn'), ':3', /twice/],
    ['a tab', yaml('school:', '\tname: x'), ':3', /tab/],
    ['a list at the top', '- issuer\n', ':1', /name: value/],
    ['a lone word at the top', 'issuer\n', ':1', /name: value/],
    ['a second document', yaml('---', 'data: x'), ':2', /second document/],
    ['an alias', yaml('data: *elsewhere'), ':2', /aliases/],
    ['a quote that is not closed', yaml('data: "x'), ':', /closing quote/],
  ])('names the line of %s', (_, text, line, message) => {
    const found = problem(text)
    expect(found.where).toContain(`vestibule.yaml${line}`)
    expect(found.message).toMatch(message)
  })

  it('goes on checking after a key written twice', () => {
    const found = problems(yaml('log_level: info', 'log_level: loud'))
    expect(found.map(({ message }) => message)).toEqual([
      expect.stringContaining('twice'),
      expect.stringContaining('one of'),
    ])
  })

  it('still checks the variables when the file cannot be read as YAML', () => {
    const found = problems('a: [', { VESTIBULE_LOG_LEVEL: 'loud', VESTIBULE_DATTA: 'x' })
    expect(found.map(({ where }) => where)).toEqual([
      'VESTIBULE_DATTA',
      'VESTIBULE_LOG_LEVEL',
      expect.stringMatching(/^vestibule\.yaml:\d$/),
    ])
  })

  it('asks for UTF-8', () => {
    write('vestibule.yaml', Buffer.from('school:\n  name: Collège\n', 'latin1'))
    expect(problem(undefined).message).toMatch(/UTF-8/)
  })

  it('takes a setting with nothing behind it for one that is not there', () => {
    expect(settings(yaml('applications:', 'school:', '  name:')).school.name).toBe('Vestibule')
  })
})

describe('the address of the gateway', () => {
  const refusal = (issuer: string) => problem(undefined, { VESTIBULE_ISSUER: issuer }).message

  it.each(['https://a.example', 'https://a.example:8443', 'https://[::1]'])(
    'may be %s',
    (issuer) => {
      expect(settings(undefined, { VESTIBULE_ISSUER: issuer }).issuer).toBe(issuer)
    },
  )

  it.each([
    'http://localhost:3000',
    'http://127.0.0.1',
    'http://127.8.9.1:81',
    'http://[::1]:3000',
  ])('may be plain http on this machine: %s', (issuer) => {
    expect(settings(undefined, { VESTIBULE_ISSUER: issuer }).issuer).toBe(issuer)
  })

  it.each([
    'http://a.example',
    'http://10.0.0.1',
    'http://localhost.a.example',
    'http://128.0.0.1',
    'http://0.0.0.0:3000',
  ])('is refused as plain http elsewhere: %s', (issuer) => {
    expect(refusal(issuer)).toMatch(/https:\/\//)
  })

  it.each([
    'https://a.example/',
    'https://a.example/x',
    'https://a.example/x/',
    'https://a.example//',
    'https://a.example?',
    'https://a.example#',
    'https://a.example?x=1',
    'https://u:p@a.example',
    'https://A.example',
    'https://a.example:443',
  ])('is refused with more than an origin: %s', (issuer) => {
    expect(refusal(issuer)).toMatch(/no path, slash at the end/)
  })

  it.each(['a.example', 'ftp://a.example', 'javascript:alert(1)'])(
    'is no address: %s',
    (issuer) => {
      expect(refusal(issuer)).toMatch(/must be an address/)
    },
  )

  it('listens on this machine only while it is plain http', () => {
    const env = { VESTIBULE_ISSUER: 'http://localhost:3000', VESTIBULE_LISTEN: '0.0.0.0:3000' }
    expect(problem(undefined, env)).toMatchObject({ where: 'VESTIBULE_LISTEN', setting: 'listen' })
    expect(
      problem('listen: 192.0.2.1:80', { ...env, VESTIBULE_LISTEN: '[::]:3000' }).message,
    ).toMatch(/plain http/)
    const https = { ...env, VESTIBULE_ISSUER: ISSUER }
    expect(settings('', https).listen).toEqual({ host: '0.0.0.0', port: 3000 })
  })

  it.each(['3000', 'localhost', '127.0.0.1:', '::1:3000', '127.0.0.1:99999', ':3000', 'a b:1'])(
    'cannot listen on %s',
    (listen) => {
      expect(problem(yaml(), { VESTIBULE_LISTEN: listen }).where).toBe('VESTIBULE_LISTEN')
    },
  )

  it('takes the place to listen as a group too', () => {
    const read = settings(yaml('listen:', '  host: localhost', '  port: 0'))
    expect(read.listen).toEqual({ host: 'localhost', port: 0 })
  })
})

describe('the console', () => {
  const url = 'https://admin.school.example'

  it('is below the issuer unless it has a host of its own', () => {
    expect(consoleOrigin(settings(yaml()))).toBe(ISSUER)
    expect(consoleOrigin(settings(yaml(`admin: {url: '${url}'}`)))).toBe(url)
  })

  it('has a listener of its own', () => {
    const read = settings(yaml(`admin: {url: '${url}', listen: '127.0.0.1:3001'}`))
    expect(read.admin).toEqual({ url, listen: { host: '127.0.0.1', port: 3001 } })
    const byVariables = settings(yaml(), {
      VESTIBULE_ADMIN_URL: url,
      VESTIBULE_ADMIN_LISTEN: '[::1]:3001',
    })
    expect(byVariables.admin).toEqual({ url, listen: { host: '::1', port: 3001 } })
  })

  it.each([
    [
      'a listener without an address',
      "{listen: '127.0.0.1:3001'}",
      'admin.listen',
      'goes together',
    ],
    ['the host of the issuer', `{url: '${ISSUER}'}`, 'admin.url', 'another host'],
    ['a path', `{url: '${url}/admin'}`, 'admin.url', ''],
    ['plain http', "{url: 'http://admin.school.example'}", 'admin.url', ''],
    [
      'plain http that others could hear',
      "{url: 'http://localhost:3001', listen: '0.0.0.0:3001'}",
      'admin.listen',
      'plain http',
    ],
  ])('is refused with %s', (_name, admin, where, message) => {
    const found = problem(yaml(`admin: ${admin}`))
    expect(found.setting).toBe(where)
    expect(found.message).toContain(message)
  })
})

describe('networks', () => {
  it('are kept in one spelling, hosts apart', () => {
    const text = yaml('internal_networks:', '  - 10.1.2.3/8', '  - Moodle.Intranet', '  - "::1"')
    expect(settings(text).internal_networks).toEqual({
      networks: ['10.0.0.0/8', '::1/128'],
      hosts: ['moodle.intranet'],
    })
  })

  it.each(['0.0.0.0/0', '::/0'])('are never everybody (%s)', (network) => {
    const message = 'must not be the whole Internet'
    expect(problem(yaml(`trusted_proxies: ["${network}"]`)).message).toBe(message)
    expect(problem(yaml(`internal_networks: ["${network}"]`)).message).toBe(message)
  })

  it.each(['10.0.0.0/33', '300.1.1.1', '127.1', '*', 'http://a.example'])(
    'are not %s',
    (network) => {
      expect(problem(yaml(`internal_networks: ["${network}"]`)).where).toBe('vestibule.yaml:2')
    },
  )
})

describe('hashing', () => {
  const cheap = { VESTIBULE_HASHING_MEMORY_KIB: '1024', VESTIBULE_HASHING_ITERATIONS: '1' }
  const forTests = { ...cheap, VESTIBULE_HASHING_INSECURE_FOR_TESTS: 'true' }

  it('is never cheap for people', () => {
    expect(problems(yaml(), cheap).map(({ setting }) => setting)).toEqual([
      'hashing.iterations',
      'hashing.memory_kib',
    ])
  })

  it('may be cheap for tests on this machine', () => {
    const env = { ...forTests, VESTIBULE_ISSUER: 'http://127.0.0.1:3000' }
    expect(settings(undefined, env).hashing).toMatchObject({ memory_kib: 1024, iterations: 1 })
  })

  it('may not be cheap on an address that people reach', () => {
    expect(problem(yaml(), forTests).setting).toBe('hashing.insecure_for_tests')
  })

  it('takes one pass where it takes more memory', () => {
    const lines = ['hashing:', '  memory_kib: 47104', '  iterations: 1']
    expect(settings(yaml(...lines)).hashing.iterations).toBe(1)
  })
})

describe('other settings', () => {
  it.each([
    ['tokens:\n  code_seconds: 61', 'tokens.code_seconds'],
    ['tokens:\n  refresh_idle_hours: 20', 'tokens.refresh_idle_hours'],
    ['time_zone: Europe/Nantes', 'time_zone'],
    ['default_locale: de', 'default_locale'],
    ['school:\n  accent: "#17a"', 'school.accent'],
    ['school:\n  accent: red', 'school.accent'],
    ['school:\n  logo_url: javascript:alert(1)', 'school.logo_url'],
    ['school:\n  support:\n    mail: nobody', 'school.support.mail'],
    ['school:\n  support:\n    url: http://help.example', 'school.support.url'],
    ['security_contact: security@school.example', 'security_contact'],
    ['school: Collège', 'school'],
    ['applications: ent', 'applications'],
  ])('refuses %j', (text, setting) => {
    expect(problem(yaml(text)).setting).toBe(setting)
  })
})

describe('keys of the gateway', () => {
  it('come from variables', () => {
    const env = {
      VESTIBULE_SIGNING_KEYS: 'a',
      VESTIBULE_COOKIE_KEYS: 'b',
      VESTIBULE_PEPPER: 'c',
      VESTIBULE_SEALING_KEY: 'd',
      VESTIBULE_PAIRWISE_SALT: 'e',
      VESTIBULE_DIGEST_KEY: 'f',
      VESTIBULE_DPOP_NONCE_SECRET: 'g',
    }
    expect(settings(yaml(), env).keys).toEqual({
      signing: 'a',
      cookies: 'b',
      pepper: 'c',
      sealing: 'd',
      pairwise: 'e',
      digest: 'f',
      dpopNonce: 'g',
    })
  })

  it.each(['pepper', 'signing_keys', 'VESTIBULE_SEALING_KEY', 'keys', 'cookies'])(
    'are refused in the file as %s, with the reason',
    (name) => {
      const found = problem(yaml(`${name}: ${SECRET}`))
      expect(found).toMatchObject({ where: 'vestibule.yaml:2', setting: name })
      expect(found.message).toMatch(/must not stand in this file.*data folder/)
    },
  )
})

describe('secrets', () => {
  it('are never repeated in a problem', () => {
    const texts = [
      yaml(`pepper: ${SECRET}`),
      yaml(`data: "${SECRET}`),
      yaml(`data: @${SECRET}`),
      yaml(`data: *${SECRET}`),
      yaml(`data: !${SECRET} x`),
      yaml(`data: x: ${SECRET}`),
      yaml(`log_level: ${SECRET}`, `time_zone: ${SECRET}`, `trusted_proxies: ${SECRET}`),
      application({ client_secret: `${SECRET}é` }),
      application({ redirect_uris: SECRET, grant_types: `[${SECRET}]` }),
      application({ client_secret_env: SECRET }),
    ]
    for (const text of texts) {
      const found = problems(text)
      expect(found.length).toBeGreaterThan(0)
      expect(JSON.stringify(found)).not.toContain(SECRET)
    }
    const byVariable = problems(yaml(), { VESTIBULE_LISTEN: SECRET, VESTIBULE_PEPER: SECRET })
    expect(byVariable).toHaveLength(2)
    expect(JSON.stringify(byVariable)).not.toContain(SECRET)
  })
})

describe('an application', () => {
  const only = (lines: Record<string, string>, env: Env = {}) =>
    settings(application(lines), env).applications[0]

  it('has these defaults', () => {
    expect(only({})).toEqual({
      client_id: 'ent',
      client_name: 'Workspace',
      client_secret: SECRET,
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: ['https://ent.example/cb'],
      post_logout_redirect_uris: [],
      contacts: [],
      user_types: ['teacher', 'staff', 'student', 'guardian', 'inspector', 'internship_counsellor'],
      scope: 'openid profile',
      pkce: 'required',
      grant_types: ['authorization_code'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
      subject_type: 'public',
      backchannel_logout_session_required: false,
      require_auth_time: true,
      require_pushed_authorization_requests: false,
      consent: false,
      dpop_bound_access_tokens: false,
    })
  })

  it('may keep its secret in a file beside the settings', () => {
    write('secret', `${SECRET}\n`)
    const read = only({ client_secret: '', client_secret_file: 'secret' })
    expect(read).toMatchObject({ client_secret: SECRET })
    expect(read).not.toHaveProperty('client_secret_file')
  })

  it('may keep its secret in a variable', () => {
    const lines = { client_secret: '', client_secret_env: 'VESTIBULE_SECRET_ENT' }
    const read = only(lines, { VESTIBULE_SECRET_ENT: SECRET })
    expect(read).toMatchObject({ client_secret: SECRET })
    expect(read).not.toHaveProperty('client_secret_env')
  })

  it('names the file or variable whose secret is missing or too short', () => {
    const inFile = application({ client_secret: '', client_secret_file: 'nowhere' })
    expect(problem(inFile)).toMatchObject({
      where: 'vestibule.yaml:6',
      setting: 'applications[0].client_secret_file',
    })
    const byVariable = application({ client_secret: '', client_secret_env: 'VESTIBULE_SECRET_ENT' })
    expect(problem(byVariable).message).toBe('names a variable that is not set')
    expect(problem(byVariable, { VESTIBULE_SECRET_ENT: 'short' })).toMatchObject({
      where: 'VESTIBULE_SECRET_ENT',
      message: expect.stringContaining('at least 24'),
    })
  })

  it('cannot read a variable of something else', () => {
    const text = application({ client_secret: '', client_secret_env: 'HOME' })
    expect(problem(text, { HOME: SECRET }).message).toMatch(/VESTIBULE_SECRET_/)
  })

  const jwks = (members: string) => `{ keys: [{ kty: EC, crv: P-256, x: a, y: b${members} }] }`

  it.each<[story: string, lines: Record<string, string>]>([
    [
      'plain http on this machine',
      { redirect_uris: '["http://localhost:8080/cb", "http://[::1]/"]' },
    ],
    ['no secret, with PKCE', { client_secret: '', token_endpoint_auth_method: 'none' }],
    [
      'a key instead of a secret',
      { client_secret: '', token_endpoint_auth_method: 'private_key_jwt', jwks: jwks('') },
    ],
    [
      'pairwise identifiers on several hosts',
      {
        subject_type: 'pairwise',
        redirect_uris: '[https://a.example/, https://b.example/]',
        sector_identifier_uri: 'https://a.example/sector.json',
      },
    ],
    ['claims of its scopes', { scope: 'openid school', claims: '[sub, user_type]' }],
    [
      'refresh tokens',
      { scope: 'openid offline_access', grant_types: '[authorization_code, refresh_token]' },
    ],
    ['a level', { least_acr: 'urn:vestibule:acr:pin' }],
    ['an old library', { pkce: 'optional', id_token_signed_response_alg: 'RS256' }],
  ])('may have %s', (_, lines) => {
    expect(problems(application(lines))).toEqual([])
  })

  it.each<[story: string, lines: Record<string, string>, setting: string]>([
    ['plain http elsewhere', { redirect_uris: '[http://ent.example/cb]' }, 'redirect_uris[0]'],
    ['a relative address', { redirect_uris: '[/cb]' }, 'redirect_uris[0]'],
    ['a wildcard', { redirect_uris: '["https://*.ent.example/cb"]' }, 'redirect_uris[0]'],
    ['a fragment', { redirect_uris: '["https://ent.example/cb#x"]' }, 'redirect_uris[0]'],
    ['a user name', { redirect_uris: '["https://ent.example@evil.example/"]' }, 'redirect_uris[0]'],
    ['another scheme', { redirect_uris: '["app.school:/cb"]' }, 'redirect_uris[0]'],
    ['no way back', { redirect_uris: '[]' }, 'redirect_uris'],
    ['the implicit grant', { grant_types: '[authorization_code, implicit]' }, 'grant_types[1]'],
    ['the password grant', { grant_types: '[password]' }, 'grant_types[0]'],
    ['only a refresh grant', { grant_types: '[refresh_token]' }, 'grant_types'],
    ['an implicit response', { response_types: '[id_token token]' }, 'response_types[0]'],
    ['a hybrid response', { response_types: '[code id_token]' }, 'response_types[0]'],
    ['a reserved name', { client_id: 'vestibule-console' }, 'client_id'],
    ['a reserved name in capitals', { client_id: 'Vestibule' }, 'client_id'],
    ['a name of another alphabet', { client_id: 'élèves' }, 'client_id'],
    ['a number for a name', { client_id: '42' }, 'client_id'],
    ['no secret', { client_secret: '' }, 'client_secret'],
    ['a short secret', { client_secret: 'secret' }, 'client_secret'],
    ['two secrets', { client_secret_env: 'VESTIBULE_SECRET_A' }, 'client_secret_env'],
    [
      'a secret that it does not use',
      { token_endpoint_auth_method: 'none' },
      'token_endpoint_auth_method',
    ],
    [
      'neither secret nor key',
      { client_secret: '', token_endpoint_auth_method: 'private_key_jwt' },
      'token_endpoint_auth_method',
    ],
    ['a private key', { jwks: jwks(', d: c') }, 'jwks.keys[0]'],
    ['keys in two places', { jwks: jwks(''), jwks_uri: 'https://a.example/jwks' }, 'jwks_uri'],
    [
      'neither secret nor PKCE',
      { client_secret: '', token_endpoint_auth_method: 'none', pkce: 'optional' },
      'pkce',
    ],
    ['an unknown level', { least_acr: 'pin' }, 'least_acr'],
    ['an unknown type of user', { user_types: '[pupil]' }, 'user_types[0]'],
    ['a claim that does not exist', { claims: '[nickname]' }, 'claims[0]'],
    ['a claim beyond its scopes', { claims: '[email]' }, 'claims'],
    ['a scope that does not exist', { scope: 'openid everything' }, 'scope'],
    ['no openid', { scope: 'profile' }, 'scope'],
    ['offline access without refresh', { scope: 'openid offline_access' }, 'scope'],
    [
      'an undecided sector',
      { subject_type: 'pairwise', redirect_uris: '[https://a.example/, https://b.example/]' },
      'sector_identifier_uri',
    ],
    ['a weak signature', { id_token_signed_response_alg: 'none' }, 'id_token_signed_response_alg'],
    ['a contact that is no address', { contacts: '[Jean]' }, 'contacts[0]'],
    ['an age below zero', { default_max_age: '-1' }, 'default_max_age'],
    [
      'sessions named to nobody',
      { backchannel_logout_session_required: 'true' },
      'backchannel_logout_session_required',
    ],
    ['metadata that is unknown', { redirect_uri: 'https://a.example' }, 'redirect_uri'],
  ])('is refused with %s', (_, lines, setting) => {
    expect(problem(application(lines)).setting).toBe(`applications[0].${setting}`)
  })

  it('has a name that no other has, even while another mistake stands beside it', () => {
    const one = application({ client_name: '' })
    const second = application({}).split('\n').slice(2)
    const found = problems([one.trimEnd(), ...second].join('\n'))
    expect(found.map(({ where, setting }) => `${where} ${setting}`)).toEqual([
      'vestibule.yaml:3 applications[0].client_name',
      'vestibule.yaml:6 applications[1].client_id',
    ])
  })
})

describe('what is written about the settings', () => {
  it('is in step with the schema (node tools/settings_doc.ts writes it)', () => {
    expect(readFileSync(SETTINGS_DOC, 'utf8')).toBe(settingsDoc())
  })

  it('gives every setting a meaning', () => {
    const rows = settingsDoc()
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    expect(rows.length).toBeGreaterThan(50)
    expect(rows.filter((row) => /\|\s*\|/.test(row) || row.includes('something else'))).toEqual([])
  })

  it('has an example that works as it is, once its secrets are there', () => {
    copyFileSync(join(ROOT, 'vestibule.example.yaml'), join(folder, 'vestibule.yaml'))
    mkdirSync(join(folder, 'secrets'))
    write('secrets/ent', `${SECRET}\n`)
    const read = settings(undefined, { VESTIBULE_SECRET_GRADES: SECRET })
    expect(read.applications.map(({ client_id }) => client_id)).toEqual(['ent', 'grades'])
  })
})
