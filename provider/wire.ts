import { createHmac, hkdfSync, randomBytes, randomInt } from 'node:crypto'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'
import pino, { type Logger } from 'pino'
import { forgetLaunches, renewSecretSeals } from '../accounts/applications.ts'
import { type AuditKeys, createAuditKeys, erasedMark } from '../accounts/audit_seal.ts'
import { purgeDevices } from '../accounts/devices.ts'
import { remindOfExpiry } from '../accounts/expiry_reminders.ts'
import { forgetJobFiles } from '../accounts/forget_job_files.ts'
import { createHashQueue } from '../accounts/hash_queue.ts'
import { createHasher, type MeasuredHasher } from '../accounts/hasher.ts'
import { writeDownDeadlines } from '../accounts/key_deadlines.ts'
import { createKeyedHash } from '../accounts/keyed_hash.ts'
import type { Clock, Deps, Random } from '../accounts/ports.ts'
import { sealRenewal } from '../accounts/renew_seals.ts'
import { createSealer } from '../accounts/seal.ts'
import { finishBatches, forgetBatches } from '../accounts/temporary_passwords.ts'
import { type OpenedStore, openStore } from '../adapters/open.ts'
import { CONSOLE_PATH } from '../admin/access.ts'
import type { Site } from '../interactions/site.ts'
import { HALF_OPEN_MS } from '../policies/next_step.ts'
import { loadStrength } from '../policies/password_strength.ts'
import { createRenderer } from '../views/render.ts'
import { startAuditWorks } from './audit_works.ts'
import { PORTAL_CLIENT_ID } from './clients.ts'
import { configurationOf } from './configuration.ts'
import { type ConsoleParts, consoleClientOf, createConsoleApp, isForConsole } from './console.ts'
import { createConsoleApplications, findApplication } from './console_applications.ts'
import { createDecide } from './decide.ts'
import { startDelivering } from './delivering.ts'
import { createFlow, sessionSeconds } from './flow.ts'
import { pinHost, useMiddleware } from './http.ts'
import { importKinds, importsOf, importWorks } from './import_works.ts'
import { dropInteractionCookies } from './interaction_cookie.ts'
import { jobFilesIn, peopleJobKinds } from './job_kinds.ts'
import { startJobWorker } from './job_worker.ts'
import { assertKeyChecks, type Keys, loadKeys } from './keys.ts'
import { createSessionEnds, createTellLogout, type SessionEnds } from './logout_calls.ts'
import { auditEvents } from './op_events.ts'
import { createSessionsOf } from './open_sessions.ts'
import { createOwnClient } from './own_client.ts'
import { applyPolicyFile } from './policy_file.ts'
import { restrictPushedRequests } from './pushed_requests.ts'
import { createRate } from './rate.ts'
import { createRegistry, installRegistry, type Registry } from './registry.ts'
import { repeat } from './repeat.ts'
import { closeServer, createHttpServer, listen } from './server.ts'
import {
  factorsOf,
  installFactors,
  keepInSession,
  mergeSessions,
  provedIn,
} from './session_factors.ts'
import { accountNotes, enrolments } from './session_records.ts'
import { consoleOrigin, type Settings } from './settings.ts'
import { createTestSignIn } from './test_sign_in.ts'

export interface Overrides {
  readonly clock?: Clock
  readonly log?: Logger
  /** Whether what is queued is sent from here too; default true. */
  readonly delivers?: boolean
  /** Whether the audit is sealed from here too; default true. */
  readonly seals?: boolean
}

export const systemRandom: Random = {
  bytes: (size) => randomBytes(size),
  below: (below) => randomInt(below),
}

/** Places of one network in the hashing queue; a whole school may stand behind one. */
const QUEUE_SHARE_OF_ONE_NETWORK = 0.75
/** Places of one person on browsers of theirs: several tabs and devices, and no flood. */
const QUEUE_PLACES_OF_ONE_PERSON = 16

/** Keyed hashes that may be stored or shown where the text itself must not; one key a purpose. */
const digestWith = (key: Uint8Array): Deps['digest'] => {
  const keys = new Map<string, Buffer>()
  const keyFor = (purpose: string): Buffer => {
    const known = keys.get(purpose) ?? Buffer.from(hkdfSync('sha256', key, '', purpose, 32))
    keys.set(purpose, known)
    return known
  }
  return (purpose, text) => createHmac('sha256', keyFor(purpose)).update(text).digest('base64url')
}

/** The acts and what they stand on, without HTTP: what the command line needs too. */
export interface Core extends SessionEnds {
  readonly deps: Deps
  readonly keys: Keys
  /** Of the chain that proves the audit. */
  readonly auditKeys: AuditKeys
  readonly hasher: MeasuredHasher
  readonly opened: OpenedStore
  readonly registry: Registry
  close(): Promise<void>
}

export const openCore = async (settings: Settings, overrides: Overrides = {}): Promise<Core> => {
  const clock = overrides.clock ?? Date.now
  const keys = await loadKeys({ dataFolder: settings.data, given: settings.keys })
  const digest = digestWith(keys.digest)
  const auditKeys = createAuditKeys(keys.digest)
  const opened = await openStore({
    dataFolder: settings.data,
    clock,
    mergeSession: mergeSessions,
    identifierHash: (key) => digest('erased_identifier', key),
    markErased: (seq, commitment) => erasedMark(auditKeys, seq, commitment),
  })
  await assertKeyChecks(keys, opened.keyChecks)
  const { memory_kib, iterations, parallelism, concurrency, queue_max } = settings.hashing
  const hasher = createHasher({
    sealer: createSealer(keys.pepper, 'pepper'),
    keyed: createKeyedHash(keys.pepper),
    queue: createHashQueue({
      concurrency,
      queueMax: queue_max,
      perKeyMax: Math.ceil(queue_max * QUEUE_SHARE_OF_ONE_NETWORK),
      knownPerKeyMax: QUEUE_PLACES_OF_ONE_PERSON,
      clock: () => performance.now(),
    }),
    parameters: { memoryKib: memory_kib, iterations, parallelism },
    random: systemRandom,
  })
  const deps: Deps = {
    store: opened.store,
    hasher,
    clock,
    random: systemRandom,
    digest,
    seeds: createSealer(keys.sealing, 'otp_seed'),
    secrets: createSealer(keys.sealing, 'application_secret'),
    letters: createSealer(keys.sealing, 'outbox'),
    mails: settings.smtp_url !== undefined,
    schoolName: settings.school.name,
    timeZone: settings.time_zone,
  }
  const registry = createRegistry(deps, settings.applications)
  return {
    deps,
    keys,
    auditKeys,
    hasher,
    opened,
    registry,
    ...createSessionEnds(deps, opened.op, registry),
    close: () => opened.close(),
  }
}

/**
 * New passwords judged as they are typed, for one person: half of them at once, the others one
 * after the other. Who types pauses less often; the people remembered take 1 MB.
 */
const JUDGEMENTS_PER_MINUTE = 60
const JUDGING = {
  perSecond: JUDGEMENTS_PER_MINUTE / 2 / 60,
  burst: JUDGEMENTS_PER_MINUTE / 2,
  keysMax: 5_000,
}

/** New passwords that are sent, for one person. Somebody who reads why one is refused needs longer. */
const CHOOSING = { perSecond: 1 / 5, burst: 15, keysMax: 5_000 }

/** What the `state` of our own sign-ins is sealed for: no session's, and no interaction's, uid. */
const OWN_CLIENT = 'own client'

/** What the `state` of test sign-ins is sealed for. */
const TEST_SIGN_IN = 'test sign-in'

const testParts = (settings: Settings, core: Core, serve: RequestListener) => {
  const sealer = createSealer(core.keys.sealing, 'refused_form')
  return {
    issuer: settings.issuer,
    consoleOrigin: consoleOrigin(settings),
    serve,
    seal: {
      seal: (text: string) => sealer.seal(text, TEST_SIGN_IN, core.deps.random),
      open: (sealed: string) => sealer.open(sealed, TEST_SIGN_IN).toString('utf8'),
    },
    clock: core.deps.clock,
  }
}

/** What both of our own clients are made of. */
const ownClientParts = (
  settings: Settings,
  core: Core,
  provider: Provider,
  serve: RequestListener,
) => {
  const sealer = createSealer(core.keys.sealing, 'refused_form')
  return {
    issuer: settings.issuer,
    serve,
    seal: {
      seal: (text: string) => sealer.seal(text, OWN_CLIENT, core.deps.random),
      open: (sealed: string) => sealer.open(sealed, OWN_CLIENT).toString('utf8'),
    },
    clock: core.deps.clock,
    sessionOf: async (accessToken: string) => {
      const token = await provider.AccessToken.find(accessToken)
      return (token as { sessionUid?: string } | undefined)?.sessionUid
    },
  }
}

const siteOf = (
  settings: Settings,
  core: Core,
  provider: Provider,
  decide: Site['decide'],
  serve: RequestListener,
): Site => {
  const { school } = settings
  const formSealer = createSealer(core.keys.sealing, 'refused_form')
  return {
    deps: core.deps,
    provider,
    renderer: createRenderer({
      school: { name: school.name, logoUrl: school.logo_url, support: school.support },
      theme: { accent: school.accent },
      timeZone: settings.time_zone,
      signInMinutes: Math.min(settings.tokens.sign_in_minutes, HALF_OPEN_MS / 60_000),
    }),
    decide,
    sessionsOf: createSessionsOf(core.deps, core.opened.op),
    endSession: core.endSession,
    endOtherSessions: core.endOtherSessions,
    endGrants: core.endGrants,
    endEverything: core.endEverything,
    keep: (sessionUid, sub, result) => keepInSession(provider, sessionUid, sub, result),
    prolong: async (uid) => {
      const session = await provider.Session.findByUid(uid)
      if (session !== undefined) {
        const nowMs = core.deps.clock()
        const until = Math.floor(nowMs / 1000) + sessionSeconds(session, nowMs)
        await core.opened.op.touchSession(uid, until)
      }
    },
    enrolmentIn: enrolments.read,
    changeEnrolment: (sessionUid, sub, change) =>
      enrolments.change(provider, sessionUid, sub, change),
    keptForAccount: accountNotes.read,
    keepForAccount: (sessionUid, sub, change) =>
      accountNotes.change(provider, sessionUid, sub, change),
    seal: {
      seal: (text, uid) => formSealer.seal(text, uid, core.deps.random),
      open: (sealed, uid) => formSealer.open(sealed, uid).toString('utf8'),
    },
    provedIn: (session) => provedIn(session, core.deps.clock()),
    isOpen: (session) => factorsOf(session)?.completedFor !== undefined,
    judgements: createRate({ ...JUDGING, clock: core.deps.clock }),
    newPasswords: createRate({ ...CHOOSING, clock: core.deps.clock }),
    ownClient: createOwnClient({
      ...ownClientParts(settings, core, provider, serve),
      clientId: PORTAL_CLIENT_ID,
      origin: settings.issuer,
    }),
    get applications() {
      return core.registry.tiles()
    },
    portalClientId: PORTAL_CLIENT_ID,
    issuer: settings.issuer,
    consoleHref: `${consoleOrigin(settings)}${CONSOLE_PATH}`,
    secureCookies: settings.issuer.startsWith('https:'),
    defaultLocale: settings.default_locale,
  }
}

/** The OP with our prompts, pages and stores around it. */
const createOp = (
  settings: Settings,
  core: Core,
  log: Logger,
  isStopping: () => boolean,
  serve: RequestListener,
  work: Pick<ConsoleParts, 'jobs' | 'jobFiles' | 'imports'>,
) => {
  const { registry } = core
  const decide = createDecide(core.deps, registry)
  const flow = createFlow(core.deps, () => provider, decide)
  const { op } = core.opened
  const provider: Provider = new Provider(
    settings.issuer,
    configurationOf({
      settings,
      keys: core.keys,
      deps: core.deps,
      flow,
      adapter: op.Adapter,
      registry,
      site: () => site,
    }),
  )
  provider.proxy = true // `pinHost` has replaced what a proxy may say.
  installFactors(provider)
  const test = createTestSignIn({
    ...testParts(settings, core, serve),
    find: findApplication(core.deps, registry, settings.applications),
  })
  installRegistry(provider, registry, test.isReturn)
  dropInteractionCookies(provider)
  restrictPushedRequests(provider, op.replayUnique)
  // The OP's own is find, then save: two at once would both be unique.
  Object.defineProperty(provider.ReplayDetection, 'unique', { value: op.replayUnique })
  const site = siteOf(settings, core, provider, decide, serve)
  useMiddleware({
    settings,
    provider,
    site,
    log,
    ping: () => core.opened.ping(),
    isStopping,
  })
  auditEvents(provider, core.deps, log, site.prolong)
  const console = createConsoleApp({
    settings,
    site,
    log,
    lists: core.opened.lists,
    applications: createConsoleApplications({
      deps: core.deps,
      provider,
      registry,
      declared: settings.applications,
      issuer: settings.issuer,
      pairwiseSalt: core.keys.pairwise,
      test,
    }),
    ...work,
    client: createOwnClient({
      ...ownClientParts(settings, core, provider, serve),
      ...consoleClientOf(settings),
    }),
  })
  return { provider, console }
}

/** What goes on in the background, in this process or another one on the same data. */
const startJobs = (settings: Settings, core: Core, log: Logger) => {
  const { deps, opened, endEverythingOf } = core
  const { data: dataFolder, issuer, default_locale: locale } = settings
  const jobFiles = jobFilesIn(deps, { dataFolder, issuer, locale })
  const imports = importsOf(settings)
  const jobs = startJobWorker(deps, log, (isStopping) => [
    ...peopleJobKinds({ reads: opened.lists.people, files: jobFiles, endEverythingOf, isStopping }),
    ...importKinds(core, imports),
  ])
  return { jobs, jobFiles, imports }
}

export interface Gateway {
  readonly core: Core
  readonly server: Server
  /** Where it listens. */
  readonly address: AddressInfo
  /** Answers what is under way, then closes everything. */
  stop(): Promise<void>
}

const PURGE_PAUSE_MS = 60_000
/** Reminders are a matter of days; a whole school's take a while. */
const REMINDERS_PAUSE_MS = 3_600_000

/** Starts serving. Throws `AppError` for keys or a database that do not fit. */
export const startGateway = async (
  settings: Settings,
  overrides: Overrides = {},
): Promise<Gateway> => {
  const log = overrides.log ?? pino({ level: settings.log_level, redact: ['*.password', '*.pin'] })
  const core = await openCore(settings, overrides)
  if (settings.policy_file !== undefined) {
    await applyPolicyFile(core.deps, settings.policy_file).catch(async (error: unknown) => {
      await core.close()
      throw error
    })
  }
  let stopping = false
  const issuer = new URL(settings.issuer)
  const isConsole = isForConsole(settings)
  const consoleHost = new URL(consoleOrigin(settings))
  const serveConsole: RequestListener = (request, response) => {
    pinHost(request, consoleHost)
    void console(request, response)
  }
  const serve: RequestListener = (request, response) => {
    if (isConsole(request)) {
      serveConsole(request, response)
      return
    }
    pinHost(request, issuer)
    void handle(request, response)
  }
  const { jobs, jobFiles, imports } = startJobs(settings, core, log)
  const { provider, console } = createOp(settings, core, log, () => stopping, serve, {
    jobs,
    jobFiles,
    imports,
  })
  const handle = provider.callback()
  const server = createHttpServer(serve, () => stopping)
  const consoleServer =
    settings.admin.listen === undefined ? null : createHttpServer(serveConsole, () => stopping)
  const address = await listen(server, settings.listen)
    .then(async (at) => {
      if (consoleServer !== null && settings.admin.listen !== undefined) {
        await listen(consoleServer, settings.admin.listen, 'admin.listen')
      }
      return at
    })
    .catch(async (error: unknown) => {
      await Promise.all([closeServer(server), jobs.stop()])
      await core.close()
      throw error
    })
  const auditWorks = startAuditWorks(settings, core, log, overrides.seals !== false)
  // What people wait for comes first; none of them keeps the others from being done.
  const works: Readonly<Record<string, () => Promise<unknown>>> = {
    'coming into force of passwords': () => finishBatches(core.deps, core.endEverythingOf),
    'search of people': () => core.opened.fillSearch(),
    purge: () => core.opened.purge(core.deps.clock()),
    'purge of the audit': auditWorks.purge,
    'purge of devices': () => purgeDevices(core.deps),
    'purge of replaced passwords': () => forgetBatches(core.deps),
    'purge of files of jobs': () => forgetJobFiles(core.deps, jobFiles),
    'deadlines of keys': () => writeDownDeadlines(core.deps),
    'purge of launches': () => forgetLaunches(core.deps),
    'renewal of seals': sealRenewal(core.deps),
    ...importWorks(core, imports, () => stopping),
    'renewal of seals of applications': () => renewSecretSeals(core.deps),
  }
  const purge = repeat(PURGE_PAUSE_MS, async () => {
    for (const [name, work] of Object.entries(works)) {
      try {
        await work()
      } catch (error) {
        log[stopping ? 'debug' : 'error']({ err: error }, `${name} failed`)
      }
    }
  })
  const reminders = repeat(REMINDERS_PAUSE_MS, async () => {
    try {
      await remindOfExpiry(core.deps)
    } catch (error) {
      log[stopping ? 'debug' : 'error']({ err: error }, 'reminders failed')
    }
  })
  const tellLogout = createTellLogout(provider, core.deps, log)
  const delivering =
    overrides.delivers === false ? null : startDelivering(settings, core.deps, log, tellLogout)
  // Takes a third of a second: not from whoever is the first to choose a password.
  loadStrength().catch((error: unknown) => log.error({ err: error }, 'no strength of passwords'))
  log.info({ issuer: settings.issuer, host: address.address, port: address.port }, 'ready')
  return {
    core,
    server,
    address,
    stop: async () => {
      stopping = true
      purge.stop()
      reminders.stop()
      await Promise.all([
        closeServer(server),
        consoleServer === null ? null : closeServer(consoleServer),
        delivering?.stop(),
        jobs.stop(),
      ])
      await auditWorks.stop()
      await core.close()
    },
  }
}
