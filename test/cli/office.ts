import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Account, identifierKey, type PasswordRecord } from '../../accounts/account.ts'
import {
  type ImportEvent,
  type ImportOptions,
  type ImportReport,
  importPeople,
} from '../../accounts/import_people.ts'
import type { AuditEntry, HashLane } from '../../accounts/ports.ts'
import { passwordOwner } from '../../accounts/sign_in.ts'
import { chooseColumns } from '../../cli/people_columns.ts'
import { rowsOf } from '../../imports/people_file.ts'
import { openTable } from '../../imports/table_file.ts'
import { loadSettings } from '../../provider/settings.ts'
import { type Core, openCore } from '../../provider/wire.ts'

export const LANE: HashLane = { known: true, key: 'test' }
export const START = Date.UTC(2026, 8, 14, 7, 0, 0)

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface Imported {
  readonly report: ImportReport
  readonly events: ImportEvent[]
  /** Subs whose sessions were ended. */
  readonly ended: string[]
}

/** The office of a school: a data folder, the acts on it, and the real command line beside. */
export interface Office {
  readonly core: Core
  readonly folder: string
  readonly environment: NodeJS.ProcessEnv
  /** Writes a file into the folder of the office; returns its path. */
  file(name: string, content: string | Uint8Array): string
  /** `vestibule …`, as its own process. */
  vestibule(...args: string[]): Promise<Ran>
  import(csv: string | Uint8Array, options?: Partial<ImportOptions>): Promise<Imported>
  person(identifier: string): Promise<Account>
  isPassword(identifier: string, password: string): Promise<boolean>
  /** A password of the person's own, set now; null: one that nobody can type, at no cost. */
  setPassword(
    identifier: string,
    password: string | null,
    more?: Partial<PasswordRecord>,
  ): Promise<void>
  audit(): Promise<AuditEntry[]>
  now(): number
  later(ms: number): void
  close(): Promise<void>
}

const COMMAND = join(import.meta.dirname, '../../cli/main.ts')

const run = (args: string[], env: NodeJS.ProcessEnv, cwd: string): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      [COMMAND, ...args],
      { env, cwd, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = typeof error?.code === 'number' ? error.code : error === null ? 0 : -1
        resolve({ code, stdout, stderr })
      },
    )
  })

const reject = (message: string): never => {
  throw new Error(message)
}

export const openOffice = async (): Promise<Office> => {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-office-'))
  const config = join(folder, 'vestibule.yaml')
  writeFileSync(
    config,
    stringify({
      issuer: 'http://localhost:3000',
      data: join(folder, 'data'),
      school: { name: 'Collège des Tilleuls' },
      hashing: { memory_kib: 1024, iterations: 1, concurrency: 2, insecure_for_tests: true },
    }),
  )
  const environment = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    NODE_COMPILE_CACHE:
      process.env['NODE_COMPILE_CACHE'] ?? join(tmpdir(), 'vestibule-compile-cache'),
    VESTIBULE_CONFIG: config,
  }
  const loaded = loadSettings({ env: { VESTIBULE_CONFIG: config }, cwd: folder })
  const settings = loaded.ok ? loaded.settings : reject(JSON.stringify(loaded.problems))
  let nowMs = START
  const core = await openCore(settings, { clock: () => nowMs })
  const { accounts, audit } = core.deps.store

  const file = (name: string, content: string | Uint8Array): string => {
    const path = join(folder, name)
    writeFileSync(path, content)
    return path
  }
  const person = async (identifier: string): Promise<Account> =>
    (await accounts.byIdentifier(identifierKey(identifier))) ??
    reject(`nobody has the identifier ${identifier}`)

  return {
    core,
    folder,
    environment,
    file,
    vestibule: (...args) => run(args, environment, folder),
    async import(csv, options = {}) {
      const path = file('people.csv', csv)
      const opened = await openTable(path)
      const table = opened.ok ? opened.table : reject(opened.problem.message)
      const nothing = { map: new Map(), fixed: {} }
      const chosen = chooseColumns(table.header, nothing, new Map())
      const { plan } = chosen.ok ? chosen : reject(chosen.message)
      const events: ImportEvent[] = []
      const ended: string[] = []
      const report = await importPeople(core.deps, rowsOf(path, table, plan), {
        dryRun: false,
        leavers: null,
        by: 'cli:office',
        source: 'people.csv',
        on: (event) => events.push(event),
        endEverything: async (sub) => {
          ended.push(sub)
          await core.endEverything(sub)
        },
        ...options,
      })
      return { report, events, ended }
    },
    person,
    async isPassword(identifier, password) {
      const { sub, password: record } = await person(identifier)
      const { hasher } = core.deps
      return (await hasher.verify(password, record?.sealed ?? null, passwordOwner(sub), LANE)).right
    },
    async setPassword(identifier, password, more = {}) {
      const { sub } = await person(identifier)
      const { hasher } = core.deps
      await accounts.setPassword(sub, {
        sealed: password === null ? 'x' : await hasher.hash(password, passwordOwner(sub), LANE),
        origin: 'personal',
        setAt: nowMs,
        rulesVersion: 1,
        mustChange: false,
        voidedAt: null,
        batchId: null,
        ...more,
      })
    },
    audit: () => audit.list({}, 10_000),
    now: () => nowMs,
    later: (ms) => {
      nowMs += ms
    },
    async close() {
      await core.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
