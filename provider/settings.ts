import { availableParallelism } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { type Rule, setting, withRules } from '../accounts/field_words.ts'
import { isHttpsAddress, isLoopbackHost, isWebAddress } from '../accounts/web_address.ts'
import { parseCidr } from '../policies/network.ts'
import { readClientSecrets } from './application_secrets.ts'
import { type Application, applicationsSchema } from './application_settings.ts'
import { describeSchema } from './setting_words.ts'
import { type Problem, readSettingsFile } from './settings_file.ts'
import { faultsOf, inReadingOrder, placed } from './settings_problems.ts'
import {
  CONFIG_VARIABLE,
  type Environment,
  type GivenKeys,
  overlay,
  readVariables,
} from './settings_variables.ts'
import { isSmtpAddress, issuerFault } from './web_address.ts'

/** OWASP password storage: argon2id with 19 MiB and two passes, or 46 MiB and one. */
const HASH_MEMORY_KIB_MIN = 19_456
const HASH_MEMORY_KIB_FOR_ONE_PASS = 47_104
/**
 * Hashes run on the four threads that libuv gives a process, beside token signing and waits for the
 * disk: one is left to those, or they would wait for hashes. More needs UV_THREADPOOL_SIZE as well.
 */
const HASHES_AT_ONCE_DEFAULT_MAX = 3
/** What the argon2 package takes at least. */
const HASH_MEMORY_KIB_POSSIBLE = 1024
/** RFC 6749 §4.1.2 allows ten minutes; an application on a slow line needs seconds. */
const CODE_SECONDS_MAX = 60

const NETWORK = 'a network such as 10.0.0.0/8 or 2001:db8::/32'

/** A network that is everybody would make `X-Forwarded-For`, or any host, trusted. */
function networkFault(text: string): string | undefined {
  const parsed = parseCidr(text)
  if (!parsed.ok) return `must be ${NETWORK}`
  return parsed.cidr.endsWith('/0') ? 'must not be the whole Internet' : undefined
}

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i
const isHostName = (text: string): boolean => HOST_NAME.test(text) && !/^[\d.]+$/.test(text)

/** Text with a check that says itself what is wrong. */
const checkedText = (fault: (text: string) => string | undefined, allowed: string) =>
  z
    .string()
    .superRefine((text, context) => {
      const message = fault(text)
      if (message !== undefined) context.addIssue({ code: 'custom', message })
    })
    .meta({ allowed })

const canonical = (cidr: string): string => {
  const parsed = parseCidr(cidr)
  return parsed.ok ? parsed.cidr : cidr
}

const networks = z
  .array(checkedText(networkFault, NETWORK))
  .transform((list) => list.map(canonical))

const networksAndHosts = z
  .array(
    checkedText(
      (text) => (isHostName(text) ? undefined : networkFault(text)),
      'a network such as 10.0.0.0/8, or a host name',
    ),
  )
  .transform((list) => ({
    networks: list.filter((one) => !isHostName(one)).map(canonical),
    hosts: list.filter(isHostName).map((host) => host.toLowerCase()),
  }))

const ENDPOINT = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/i

/** `host:port` and `[::1]:port`; anything else is left for the schema to refuse. */
function parseEndpoint(value: unknown): unknown {
  const [, address, name, port] = (typeof value === 'string' && ENDPOINT.exec(value)) || []
  return port === undefined ? value : { host: address ?? name, port: Number(port) }
}

const endpoint = z.preprocess(
  parseEndpoint,
  z.strictObject({
    host: z
      .string()
      .refine((host) => isHostName(host) || (parseCidr(host).ok && !host.includes('/')))
      .meta({ allowed: 'an address of this machine, or localhost' }),
    port: z.int().min(0).max(65_535),
  }),
)

const isTimeZone = (zone: string): boolean => {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return true
  } catch {
    // The only way that Intl has to say no.
    return false
  }
}

const school = z.strictObject({
  name: setting(
    'Its name, on top of every page.',
    z.string().trim().min(1).max(80).default('Vestibule'),
  ),
  logo_url: setting('Its logo.', z.string().refine(isHttpsAddress).optional(), {
    allowed: 'an https address',
  }),
  accent: setting(
    'Its colour. It is darkened or lightened where people could not read it.',
    z
      .string()
      .regex(/^#[0-9a-f]{6}$/i)
      .optional(),
    { allowed: 'a colour such as "#17697a", in quotes' },
  ),
  support: z
    .strictObject({
      url: setting('Help page or form.', z.string().refine(isWebAddress).optional(), {
        allowed: 'an https address',
      }),
      mail: setting('Mail address.', z.email().optional(), { allowed: 'a mail address' }),
      phone: setting('Telephone number, as people write it.', z.string().min(1).max(40).optional()),
      hours: setting('When somebody answers.', z.string().min(1).max(120).optional()),
    })
    .prefault({})
    .describe('Whom people ask for help; shown on the sign-in pages.'),
})

const hashingFields = z.strictObject({
  memory_kib: setting(
    'Memory of one hash (argon2id), in KiB. Passwords are hashed anew when it rises.',
    z.int().min(HASH_MEMORY_KIB_POSSIBLE).max(1_048_576).default(HASH_MEMORY_KIB_MIN),
    { allowed: `a whole number from ${HASH_MEMORY_KIB_MIN} to 1048576` },
  ),
  iterations: setting('Passes over that memory.', z.int().min(1).max(20).default(2)),
  parallelism: setting('Threads of one hash.', z.int().min(1).max(16).default(1)),
  concurrency: setting(
    'Hashes worked out at the same time.',
    z
      .int()
      .min(1)
      .max(256)
      .default(() => Math.min(Math.max(1, availableParallelism()), HASHES_AT_ONCE_DEFAULT_MAX)),
    { shown_default: `the number of processor cores, at most ${HASHES_AT_ONCE_DEFAULT_MAX}` },
  ),
  queue_max: setting(
    'Sign-ins that may wait for their turn; more are asked to come back.',
    z.int().min(1).max(100_000).default(400),
  ),
  insecure_for_tests: setting(
    'Allows cheap hashes, for automatic tests on one machine only.',
    z.boolean().default(false),
  ),
})

const HASHING_RULES: readonly Rule<z.output<typeof hashingFields>>[] = [
  {
    needs: ['memory_kib', 'insecure_for_tests'],
    broken: ({ memory_kib, insecure_for_tests }) =>
      memory_kib < HASH_MEMORY_KIB_MIN && !insecure_for_tests,
    path: ['memory_kib'],
    message: `must be a whole number from ${HASH_MEMORY_KIB_MIN} to 1048576`,
  },
  {
    needs: ['iterations', 'insecure_for_tests'],
    broken: ({ iterations, memory_kib, insecure_for_tests }) =>
      iterations < 2 && memory_kib < HASH_MEMORY_KIB_FOR_ONE_PASS && !insecure_for_tests,
    path: ['iterations'],
    message: `must be from 2 to 20 (1 with memory_kib from ${HASH_MEMORY_KIB_FOR_ONE_PASS})`,
  },
]

const hashing = withRules(hashingFields, HASHING_RULES)

const tokensFields = z.strictObject({
  access_minutes: setting(
    'Life of an access token and an ID token.',
    z.int().min(1).max(60).default(10),
  ),
  code_seconds: setting(
    'Life of an authorization code.',
    z.int().min(5).max(CODE_SECONDS_MAX).default(CODE_SECONDS_MAX),
  ),
  refresh_idle_hours: setting(
    'A refresh token that is not used for so long ends.',
    z.int().min(1).max(720).default(2),
  ),
  refresh_absolute_hours: setting(
    'However often it is used, a refresh token ends so long after the sign-in.',
    z.int().min(1).max(2160).default(12),
  ),
  sign_in_minutes: setting(
    'Time to finish a sign-in once begun.',
    z.int().min(5).max(60).default(15),
  ),
})

const TOKENS_RULES: readonly Rule<z.output<typeof tokensFields>>[] = [
  {
    needs: ['refresh_idle_hours', 'refresh_absolute_hours'],
    broken: ({ refresh_idle_hours, refresh_absolute_hours }) =>
      refresh_idle_hours > refresh_absolute_hours,
    path: ['refresh_idle_hours'],
    message: 'must not be longer than tokens.refresh_absolute_hours',
  },
]

const tokens = withRules(tokensFields, TOKENS_RULES)

const fields = z.strictObject({
  issuer: setting(
    'The public address of the gateway, as browsers and applications see it. It never changes.',
    checkedText(issuerFault, 'an https address such as https://login.school.example'),
  ),
  listen: setting('Where the gateway listens.', endpoint.prefault('127.0.0.1:3000'), {
    allowed: 'host:port, such as 127.0.0.1:3000 or "[::1]:3000"',
    one_value: true,
  }),
  data: setting(
    'Folder of the database and the keys. In the file, a relative path starts at the folder of ' +
      'the file; in the variable, at the folder where the gateway is started.',
    z.string().min(1).default('./data'),
    { allowed: 'the path of a folder' },
  ),
  school: school.prefault({}).describe('How the pages present the school.'),
  default_locale: setting(
    'Language where neither application, person nor browser asks for one.',
    z.enum(['fr', 'en']).default('fr'),
  ),
  time_zone: setting(
    'Time zone of the school: of dates on pages, in mails and on cards, and of its holidays.',
    z.string().refine(isTimeZone).default('Europe/Paris'),
    { allowed: 'a time zone name such as Europe/Paris or Indian/Reunion' },
  ),
  trusted_proxies: setting(
    'Networks of the proxies in front of the gateway. Only they are believed about the address ' +
      'of the client (X-Forwarded-For).',
    networks.prefault([]),
  ),
  internal_networks: setting(
    'Private networks and hosts that back-channel logout may call. Without it only public ' +
      'addresses are called.',
    networksAndHosts.prefault([]),
  ),
  smtp_url: setting(
    'Mail server, with user and password where it asks for them. smtps:// is TLS from the start; ' +
      'smtp:// changes to TLS (STARTTLS), which only a server on this machine need not offer. ' +
      'Without it no mail is sent, and nothing that needs one is offered.',
    z.string().refine(isSmtpAddress).optional(),
    { allowed: 'an address such as smtps://user:password@mail.school.example:465' },
  ),
  mail_from: setting('Sender of the mails.', z.email().optional(), {
    allowed: 'a mail address; needed with smtp_url',
  }),
  policy_file: setting(
    'A file of policies, as `policy export` prints it, that is their master: it is put in force at ' +
      'each start, a type that it leaves out has the defaults, and neither the console nor the ' +
      'command line changes them. What is wrong in it keeps the gateway from starting. A relative ' +
      'path starts where that of `data` does.',
    z.string().min(1).optional(),
    { allowed: 'the path of a YAML file' },
  ),
  leavers_kept_days: setting(
    'How long people who left are kept, disabled, before they are erased for good.',
    z.int().min(30).max(3650).default(365),
  ),
  log_level: setting(
    'How much is logged.',
    z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  ),
  security_contact: setting(
    'Where weaknesses are reported, for /.well-known/security.txt (RFC 9116).',
    z
      .string()
      .refine((text) => /^mailto:[^\s@]+@[^\s@]+$/.test(text) || isHttpsAddress(text))
      .optional(),
    { allowed: 'mailto:name@school.example or an https address' },
  ),
  hashing: hashing.prefault({}).describe('What checking one password or PIN costs.'),
  tokens: tokens.prefault({}).describe('How long codes and tokens live.'),
  admin: z
    .strictObject({
      url: setting(
        'Public address of the console, where it has a host name of its own. Without it the ' +
          'console is at /admin below the issuer.',
        checkedText(
          issuerFault,
          'an https address such as https://admin.school.example',
        ).optional(),
      ),
      listen: setting(
        'Where the console listens, and nothing else; goes with `url`. Without it the console ' +
          'is served where the gateway listens.',
        endpoint.optional(),
        { allowed: 'host:port, such as 127.0.0.1:3001', one_value: true },
      ),
    })
    .prefault({})
    .describe('The administration console.'),
  audit: z
    .strictObject({
      checkpoints: setting(
        'File that signed checkpoints of the audit are added to, at most one a minute. Copy it to ' +
          'another machine: what was cut off the end of the audit shows by nothing else. A ' +
          'relative path starts where that of `data` does.',
        z.string().min(1).optional(),
        {
          allowed: 'the path of a file',
          shown_default: '`audit_checkpoints.jsonl` in the data folder',
        },
      ),
    })
    .prefault({})
    .describe('The proof of the audit.'),
  applications: applicationsSchema.default([]).describe('The applications that people sign in to.'),
})

type Fields = z.output<typeof fields>

const isHttp = (issuer: string): boolean => issuer.startsWith('http:')
const isLoopbackIssuer = (issuer: string): boolean => isLoopbackHost(new URL(issuer).hostname)

/** Settings that must fit together. */
const RULES: readonly Rule<Fields>[] = [
  {
    needs: ['issuer', 'listen'],
    broken: ({ issuer, listen }) => isHttp(issuer) && !isLoopbackHost(listen.host),
    path: ['listen'],
    message: 'must be 127.0.0.1, [::1] or localhost while the issuer is plain http',
  },
  {
    needs: ['smtp_url', 'mail_from'],
    broken: ({ smtp_url, mail_from }) => (smtp_url === undefined) !== (mail_from === undefined),
    path: ['mail_from'],
    message: 'goes together with smtp_url',
  },
  {
    needs: ['admin'],
    broken: ({ admin }) => admin.listen !== undefined && admin.url === undefined,
    path: ['admin', 'listen'],
    message: 'goes together with admin.url',
  },
  {
    needs: ['issuer', 'admin'],
    broken: ({ issuer, admin }) =>
      admin.url !== undefined && new URL(admin.url).host === new URL(issuer).host,
    path: ['admin', 'url'],
    message: 'must have another host than the issuer; without it the console is at /admin there',
  },
  {
    needs: ['admin'],
    broken: ({ admin }) =>
      admin.url !== undefined &&
      isHttp(admin.url) &&
      admin.listen !== undefined &&
      !isLoopbackHost(admin.listen.host),
    path: ['admin', 'listen'],
    message: 'must be 127.0.0.1, [::1] or localhost while admin.url is plain http',
  },
  {
    needs: ['issuer', 'hashing'],
    broken: ({ issuer, hashing: { insecure_for_tests } }) =>
      insecure_for_tests && !isLoopbackIssuer(issuer),
    path: ['hashing', 'insecure_for_tests'],
    message: 'must be false unless the issuer is on localhost, 127.0.0.0/8 or [::1]',
  },
]

/** Every setting of the file: type, default, allowed values, meaning. */
export const settingsSchema = withRules(fields, RULES)

/** Checked settings. Names are those of the file; units are in the names. */
export type Settings = Omit<Fields, 'applications'> & {
  readonly applications: readonly Application[]
  /** Keys given by variables, as text; those that are missing come from the data folder. */
  readonly keys: GivenKeys
}

export type LoadedSettings =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly problems: readonly Problem[] }

/** Scheme and host of the console, without a trailing slash. */
export const consoleOrigin = ({ issuer, admin }: Pick<Settings, 'issuer' | 'admin'>): string =>
  admin.url ?? issuer

const CHECKPOINTS_FILE = 'audit_checkpoints.jsonl'

/** Where checkpoints of the audit go. */
export const checkpointsPath = ({ data, audit }: Pick<Settings, 'data' | 'audit'>): string =>
  audit.checkpoints ?? join(data, CHECKPOINTS_FILE)

/** The variables of this process. The only place that reads them. */
export const processEnvironment = (): Environment => ({ ...process.env })

/**
 * Reads the settings file (`VESTIBULE_CONFIG`, else `vestibule.yaml` in `cwd` if there), lets
 * `VESTIBULE_*` variables override it, and checks everything. All problems are listed at once,
 * each with file and line or variable; no value is repeated in them.
 */
export function loadSettings({
  env,
  cwd,
  serving = true,
}: {
  env: Environment
  cwd: string
  /** False for the command line, which needs no secrets of applications. */
  serving?: boolean
}): LoadedSettings {
  const schema = describeSchema(settingsSchema)
  const file = readSettingsFile(env[CONFIG_VARIABLE] || undefined, cwd)
  const { given, keys, problems } = readVariables(env, schema)
  const folder = file.path === undefined ? cwd : dirname(file.path)
  const origins = new Map(given.map(({ path, variable }) => [path.join('.'), variable]))
  const merged = overlay(anchored(file.value, folder), given)
  const { draft, faults, variables } = readClientSecrets(merged, env, folder, serving)

  const parsed = settingsSchema.safeParse(draft)
  const all = [...faults, ...faultsOf(parsed.error?.issues ?? [], schema, draft)]
  const placedFaults = placed(all, {
    variables: new Map([...origins, ...variables]),
    locate: file.locate,
  })
  const read = new Set(origins.values())
  const found = [
    ...file.problems,
    ...problems,
    // Of a file that could not be read nothing is known: only variables are judged.
    ...placedFaults.filter(({ where }) => file.readable || read.has(where)),
  ]
  if (found.length > 0 || !parsed.success) return { ok: false, problems: inReadingOrder(found) }
  return { ok: true, settings: finish(parsed.data, cwd, keys) }
}

/** Paths written in the file are relative to the file. */
function anchored(file: Record<string, unknown>, folder: string): Record<string, unknown> {
  const isPath = (value: unknown): value is string => typeof value === 'string' && value !== ''
  const { data, audit, policy_file: policies } = file
  const checkpoints = isRecord(audit) ? audit['checkpoints'] : undefined
  return {
    ...file,
    ...(isPath(data) ? { data: resolve(folder, data) } : {}),
    ...(isPath(policies) ? { policy_file: resolve(folder, policies) } : {}),
    ...(isRecord(audit) && isPath(checkpoints)
      ? { audit: { ...audit, checkpoints: resolve(folder, checkpoints) } }
      : {}),
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function finish(fields: Fields, cwd: string, keys: GivenKeys): Settings {
  const applications = fields.applications.map(
    ({ client_secret_file: _file, client_secret_env: _variable, ...application }) => application,
  )
  const { checkpoints } = fields.audit
  const policies = fields.policy_file
  return {
    ...fields,
    data: resolve(cwd, fields.data),
    ...(policies === undefined ? {} : { policy_file: resolve(cwd, policies) }),
    audit: checkpoints === undefined ? {} : { checkpoints: resolve(cwd, checkpoints) },
    applications,
    keys,
  }
}
