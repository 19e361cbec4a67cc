/**
 * In a process of its own, at the premises in FOLDER: `large_school.ts fill FOLDER COUNT` adds so
 * many people, `large_school.ts generate FOLDER` gives all of them temporary passwords. Writes what
 * it took as one line of JSON.
 */
import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { setFlagsFromString } from 'node:v8'
import { stringify } from 'csv-stringify/sync'
import type { Person } from '../accounts/account.ts'
import type { Deps, Store, Tables } from '../accounts/ports.ts'
import { type CardWriter, generatePasswords } from '../accounts/temporary_passwords.ts'
import { loadSettings } from '../provider/settings.ts'
import { type Core, openCore } from '../provider/wire.ts'

const ESTABLISHMENTS = 20
const CLASSES = 25
const PEOPLE_AT_ONCE = 500
/** Not a hash: nobody signs in here. */
const OF_NOBODY = 'v1.bench.'

/** Half of them pupils, then as many guardians as pupils have; one in ten is staff. */
const typeOf = (nth: number): Person['userType'] => {
  if (nth % 10 === 9) return nth % 20 === 9 ? 'teacher' : 'staff'
  return nth % 2 === 0 ? 'student' : 'guardian'
}

const personOf = (nth: number): Person => {
  const userType = typeOf(nth)
  return {
    externalId: `X${nth}`,
    identifier: `prenom.nom-de-famille${nth}`,
    userType,
    givenName: `Prénom${(nth * 7919) % 997}`,
    familyName: `Nom-De-Famille${(nth * 104_729) % 9973}`,
    email: `prenom.nom${nth}@familles.example`,
    birthDate: null,
    establishments: [`075${String(nth % ESTABLISHMENTS).padStart(4, '0')}A`],
    classes: userType === 'student' ? [`${3 + (nth % 4)}e ${nth % CLASSES}`] : [],
    children: userType === 'guardian' ? [`X${nth - 1}`] : [],
    locale: null,
  }
}

const addPerson = async ({ accounts }: Tables, nth: number, nowMs: number): Promise<void> => {
  const sub = `sub-${String((nth * 7_368_787) % 10_000_019).padStart(8, '0')}`
  await accounts.insert(sub, personOf(nth), nowMs)
  if (nth % 2 === 0) {
    await accounts.setPassword(sub, {
      sealed: `${OF_NOBODY}${nth}`,
      origin: 'personal',
      setAt: nowMs,
      rulesVersion: 1,
      mustChange: false,
      voidedAt: null,
      batchId: null,
    })
  }
}

const fill = async ({ deps }: Core, count: number): Promise<object> => {
  for (let at = 0; at < count; at += PEOPLE_AT_ONCE) {
    await deps.store.transact(async (tables) => {
      for (let nth = at; nth < Math.min(at + PEOPLE_AT_ONCE, count); nth += 1) {
        await addPerson(tables, nth, deps.clock())
      }
    })
  }
  return { people: count }
}

/** A table to open in a spreadsheet, as simple as it gets. */
const csvWriter = (file: string): CardWriter => {
  const stream = createWriteStream(file, { flush: true, mode: 0o600 })
  let rows: (string | number | null)[][] = []
  const flush = async (): Promise<void> => {
    const text = stringify(rows, { delimiter: ';' })
    rows = []
    await new Promise<void>((resolve, reject) => {
      stream.write(text, (error) => (error ? reject(error) : resolve()))
    })
  }
  return {
    async write({ home, classes, familyName, givenName, identifier, password, validUntil }) {
      const cells = [home, classes.join(' '), familyName, givenName, identifier, password]
      rows.push([...cells, validUntil])
      if (rows.length >= PEOPLE_AT_ONCE) await flush()
    },
    async close() {
      await flush()
      stream.end()
      await finished(stream)
      return { files: [file] }
    },
    abandon: async () => {
      stream.destroy()
    },
  }
}

/** A store that times its transactions, without the wait for their turn. */
const timed = (store: Store, took: number[]): Store => ({
  ...store,
  transact: (act) =>
    store.transact(async (tables) => {
      const startedAt = performance.now()
      const result = await act(tables)
      took.push(performance.now() - startedAt)
      return result
    }),
  passwordBatches: {
    ...store.passwordBatches,
    prepare: async (...args) => {
      const startedAt = performance.now()
      await store.passwordBatches.prepare(...args)
      took.push(performance.now() - startedAt)
    },
  },
})

/** The most memory that this process has occupied, MiB (proc(5), `VmHWM` in kB). */
const peakMib = (): number => {
  const [, kib = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8')) ?? []
  return Math.round(Number(kib) / 1024)
}

const generate = async (core: Core, folder: string): Promise<object> => {
  const took: number[] = []
  const deps: Deps = { ...core.deps, store: timed(core.deps.store, took) }
  const generation = { selection: {}, keepPersonal: false, by: 'bench', dryRun: false }
  const file = join(folder, 'passwords.csv')
  const startedAt = performance.now()
  let writtenAt = startedAt
  const generated = await generatePasswords(deps, core.endEverythingOf, generation, async () => {
    const writer = csvWriter(file)
    const close = async () => {
      const closed = await writer.close()
      writtenAt = performance.now()
      return closed
    }
    return { ...writer, close }
  })
  if (!generated.ok) throw new Error(generated.reason)
  return {
    lines: readFileSync(file, 'utf8').split('\n').length - 1,
    seconds: (performance.now() - startedAt) / 1000,
    writingSeconds: (writtenAt - startedAt) / 1000,
    transactions: took.length,
    longestMs: Math.max(...took),
    peakMib: peakMib(),
  }
}

// V8 lets garbage lie while memory is to be had; asked so, it takes half of that, at the same speed.
setFlagsFromString('--optimize-for-size')

const [act = '', folder = '', count = '0'] = process.argv.slice(2)
const config = join(folder, 'vestibule.yaml')
const loaded = loadSettings({ env: { VESTIBULE_CONFIG: config }, cwd: folder })
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
const core = await openCore(loaded.settings)
const result = await (act === 'fill' ? fill(core, Number(count)) : generate(core, folder))
process.stdout.write(`${JSON.stringify(result)}\n`)
await core.close()
