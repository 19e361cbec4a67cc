import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino, { type Logger } from 'pino'
import { vi } from 'vitest'
import { stringify } from 'yaml'
import { type Account, identifierKey, type Person } from '../../accounts/account.ts'
import { passwordOwner } from '../../accounts/sign_in.ts'
import { pinOwner } from '../../accounts/verify_pin.ts'
import { DEFAULT_POLICIES, type PolicySet, policySchema } from '../../policies/policy.ts'
import type { UserType } from '../../policies/user_type.ts'
import { loadSettings, type Settings } from '../../provider/settings.ts'
import { type Gateway, type Overrides, startGateway } from '../../provider/wire.ts'
import { type Browser, type BrowserOptions, createBrowser } from './browser.ts'
import { type RelyingParty, registerRelyingParty } from './relying_party.ts'

/** A Monday morning in term time; every test starts there. */
export const MONDAY_MORNING = Date.UTC(2026, 8, 14, 7, 0, 0)
export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS

export const PASSWORD = 'Tilleul-Papier-27'
export const PIN = '8306'
export const CALLBACK = 'http://127.0.0.1:9/callback'

export interface School {
  readonly issuer: string
  /** Where it listens; not the issuer behind a proxy that speaks https. */
  readonly address: string
  readonly gateway: Gateway
  readonly settings: Settings
  readonly dataFolder: string
  browser(options?: BrowserOptions): Browser
  /** A relying party on openid-client for an application of the settings. */
  application(clientId?: string): Promise<RelyingParty>
  /** Adds a person with a password; more by name. */
  person(who: Partial<PersonWishes>): Promise<Account>
  account(identifier: string): Promise<Account>
  policies(changes: Partial<Record<UserType, unknown>>): Promise<void>
  /** Moves the clock, for us and for the OP. */
  later(ms: number): void
  restart(): Promise<void>
  stop(): Promise<void>
}

export interface PersonWishes extends Person {
  password: string | null
  pin: string
  pinOrigin: 'chosen' | 'generated'
  protection: 'pin' | 'notification' | 'none'
  mustChange: boolean
  voidedAt: null
  passwordOrigin: 'personal' | 'initial' | 'temporary'
}

const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() =>
        resolve(typeof address === 'object' && address !== null ? address.port : 0),
      )
    })
  })

export const SECRET = 'a-secret-of-the-application-for-tests'

/** Applications of every test school; the settings of a test add to or replace them. */
export const APPLICATIONS = [
  {
    client_id: 'ent',
    client_name: 'ENT',
    client_secret: SECRET,
    redirect_uris: [CALLBACK],
    post_logout_redirect_uris: ['http://127.0.0.1:9/signed-out'],
    grant_types: ['authorization_code', 'refresh_token'],
    scope: 'openid profile email school offline_access',
    client_uri: 'http://127.0.0.1:9/',
  },
]

const settingsOf = (folder: string, issuer: string, more: Record<string, unknown>): Settings => {
  const file = join(folder, 'vestibule.yaml')
  writeFileSync(
    file,
    stringify(
      {
        issuer,
        listen: new URL(issuer).host,
        data: join(folder, 'data'),
        school: { name: 'Collège des Tilleuls', support: { mail: 'aide@tilleuls.example' } },
        trusted_proxies: ['127.0.0.0/8'],
        internal_networks: ['127.0.0.0/8'],
        hashing: { memory_kib: 1024, iterations: 1, concurrency: 2, insecure_for_tests: true },
        applications: APPLICATIONS,
        ...more,
      },
      { aliasDuplicateObjects: false },
    ),
  )
  const loaded = loadSettings({ env: { VESTIBULE_CONFIG: file }, cwd: folder })
  if (!loaded.ok) {
    throw new Error(JSON.stringify(loaded.problems))
  }
  return loaded.settings
}

let people = 0

const personOf = (wishes: Partial<PersonWishes>): Person => {
  people += 1
  return {
    externalId: wishes.externalId ?? `X${people}`,
    identifier: wishes.identifier ?? `person.${people}`,
    userType: wishes.userType ?? 'teacher',
    givenName: wishes.givenName ?? 'Camille',
    familyName: wishes.familyName ?? 'Moreau',
    email: wishes.email ?? null,
    birthDate: wishes.birthDate ?? null,
    establishments: wishes.establishments ?? ['0440001A'],
    classes: wishes.classes ?? [],
    children: wishes.children ?? [],
    locale: wishes.locale ?? null,
  }
}

/** Whoever has a PIN is protected by it unless the test says otherwise. */
const protectionOf = ({ protection, pin }: Partial<PersonWishes>) =>
  protection ?? (pin === undefined ? undefined : ('pin' as const))

const PORTS_TRIED = 10

/** A port that was free may be taken by the time it is wanted: other tests run beside this one. */
const openOnFreePort = async (
  folder: string,
  more: Record<string, unknown>,
  overrides: Overrides,
) => {
  for (let tried = 1; ; tried += 1) {
    const address = `http://127.0.0.1:${await freePort()}`
    const settings = settingsOf(folder, address, more)
    try {
      return { address, settings, gateway: await startGateway(settings, overrides) }
    } catch (error) {
      if (tried === PORTS_TRIED || !String(error).includes('is in use')) {
        throw error
      }
    }
  }
}

/**
 * A gateway on a free port, with its own data folder and a clock that only the test moves.
 * `realClock` for real browsers: they judge the end of cookies by their own. Unless it `delivers`,
 * mails and logout calls stay in the outbox, for the test to look at. Without `seals` the audit is not
 * sealed meanwhile: where statements are counted.
 */
export const startSchool = async (
  more: Record<string, unknown> = {},
  {
    realClock = false,
    delivers = false,
    seals = true,
    log = pino({ level: process.env['VESTIBULE_TEST_LOG'] ?? 'silent' }),
  }: { realClock?: boolean; delivers?: boolean; seals?: boolean; log?: Logger } = {},
): Promise<School> => {
  if (!realClock) {
    vi.useFakeTimers({ toFake: ['Date'] })
    vi.setSystemTime(MONDAY_MORNING)
  }
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-'))
  const clock = () => Date.now()
  const opened = await openOnFreePort(folder, more, { log, clock, delivers, seals })
  const { address, settings } = opened
  const { issuer } = settings
  let gateway = opened.gateway
  const lane = { known: true, key: 'test' }

  const account = async (identifier: string): Promise<Account> => {
    const found = await gateway.core.deps.store.accounts.byIdentifier(identifierKey(identifier))
    if (found === null) {
      throw new Error(`nobody has the identifier ${identifier}`)
    }
    return found
  }

  const person = async (wishes: Partial<PersonWishes>): Promise<Account> => {
    const { store, hasher } = gateway.core.deps
    const someone = personOf(wishes)
    const sub = `sub-${someone.externalId}`
    await store.accounts.insert(sub, someone, clock())
    const password = wishes.password === undefined ? PASSWORD : wishes.password
    if (password !== null) {
      await store.accounts.setPassword(sub, {
        sealed: await hasher.hash(password, passwordOwner(sub), lane),
        origin: wishes.passwordOrigin ?? 'personal',
        setAt: clock(),
        rulesVersion: 1,
        mustChange: wishes.mustChange ?? false,
        voidedAt: null,
        batchId: null,
      })
    }
    if (wishes.pin !== undefined) {
      await store.accounts.setPin(sub, {
        sealed: await hasher.hash(wishes.pin, pinOwner(sub), lane),
        origin: wishes.pinOrigin ?? 'chosen',
        setAt: clock(),
        length: wishes.pin.length,
        blockedAt: null,
      })
    }
    const protection = protectionOf(wishes)
    if (protection !== undefined) {
      await store.accounts.setProtection(sub, protection)
    }
    return account(someone.identifier)
  }

  return {
    issuer,
    address,
    settings,
    dataFolder: settings.data,
    get gateway() {
      return gateway
    },
    browser: (options) => createBrowser(issuer, { via: address, ...options }),
    application: (clientId = 'ent') => registerRelyingParty(issuer, clientId, SECRET, CALLBACK),
    person,
    account,
    policies: async (changes) => {
      const { store } = gateway.core.deps
      const newest = await store.policies.newest()
      const changed = Object.fromEntries(
        Object.entries(changes).map(([type, policy]) => [type, policySchema.parse(policy)]),
      )
      await store.policies.save(
        {
          id: crypto.randomUUID(),
          atMs: clock(),
          by: 'test',
          why: 'test',
          policies: { ...DEFAULT_POLICIES, ...newest?.policies, ...changed } as PolicySet,
        },
        newest?.id ?? null,
      )
    },
    later: (ms) => {
      vi.setSystemTime(Date.now() + ms)
    },
    restart: async () => {
      await gateway.stop()
      gateway = await startGateway(settings, { log, clock, delivers, seals })
    },
    stop: async () => {
      await gateway.stop()
      rmSync(folder, { recursive: true, force: true })
      vi.useRealTimers()
    },
  }
}
