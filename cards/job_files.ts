import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'csv-stringify/sync'
import type { Locale } from '../accounts/account.ts'
import type { JobFile, JobFiles, PaperPin } from '../accounts/job_ports.ts'
import { dayAt } from '../policies/days.ts'
import type { CardFormat } from './card_writer.ts'
import { csvCell } from './csv_cell.ts'
import { isFileName, nameParts, openPart } from './part_file.ts'
import { PIN_TEXTS, TEXTS } from './texts.ts'

export interface JobFilesOptions {
  /** Made where it is not there, for nobody else. */
  readonly folder: string
  readonly address: string
  readonly schoolName: string
  /** IANA. */
  readonly timeZone: string
  readonly locale: Locale
  readonly clock: () => number
}

const FOLDER_MODE = 0o700
/** Enough of an id to tell one generation from another. */
const SHORT_ID = 8
const JOB_ID = /^[0-9a-f]{32}$/
const FORMATS: readonly CardFormat[] = ['pdf', 'csv']
/** While it is being sent. */
const TAKEN = '.taken'
const PART = '.part'
const BOM = '\ufeff'
const CSV = { delimiter: ';', record_delimiter: 'windows' } as const

/** Null where it is not there. */
const ifThere = async <T>(act: () => Promise<T>): Promise<T | null> => {
  try {
    return await act()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw error
    }
    return null
  }
}

const isReady = (name: string): boolean => !name.endsWith(PART) && !name.endsWith(TAKEN)

/** Files of jobs in the data folder: for its owner alone (mode 0600), one folder for each job. */
export const createJobFiles = (options: JobFilesOptions): JobFiles => {
  const { folder, timeZone, locale, clock } = options
  const placeOf = (jobId: string): string => {
    if (!JOB_ID.test(jobId)) {
      throw new Error('no id of a job')
    }
    return join(folder, jobId)
  }
  const renewed = async (jobId: string): Promise<string> => {
    const place = placeOf(jobId)
    await rm(place, { recursive: true, force: true })
    await mkdir(place, { recursive: true, mode: FOLDER_MODE })
    return place
  }
  /** A job that went on has more than one sheet; what was not completed goes. */
  const freeName = async (place: string, name: string): Promise<string> => {
    const there = new Set(await readdir(place))
    for (const part of [...there].filter((one) => one.endsWith(PART))) {
      await rm(join(place, part), { force: true })
    }
    for (let nth = 1; ; nth += 1) {
      const file = nth === 1 ? `${name}.csv` : `${name}-${nth}.csv`
      if (!there.has(file) && !there.has(file + TAKEN)) {
        return file
      }
    }
  }
  const nameFor = (what: string, id: string): string =>
    `${what}-${dayAt(timeZone, clock()).date}-${id.slice(0, SHORT_ID)}`

  const list = async (jobId: string): Promise<JobFile[]> => {
    const place = placeOf(jobId)
    const names = (await ifThere(() => readdir(place))) ?? []
    const files = await Promise.all(
      names.filter(isReady).map(async (name) => {
        const found = await ifThere(() => stat(join(place, name)))
        return found === null ? [] : [{ name, bytes: found.size }]
      }),
    )
    return files.flat().sort((a, b) => a.name.localeCompare(b.name))
  }

  return {
    list,
    async openCards(jobId, batchId) {
      const place = await renewed(jobId)
      // Only who prints pays for loading it.
      const { createCardWriter } = await import('./card_writer.ts')
      const name = nameFor('passwords', batchId)
      return createCardWriter({ ...options, folder: place, name, formats: FORMATS })
    },
    async writePins(jobId, pins) {
      const place = placeOf(jobId)
      await mkdir(place, { recursive: true, mode: FOLDER_MODE })
      const part = await openPart(join(place, await freeName(place, nameFor('pins', jobId))))
      const { userTypes } = TEXTS[locale]
      const rowOf = ({ userType, classes, familyName, givenName, identifier, pin }: PaperPin) => [
        userTypes[userType],
        ...[classes.join(', '), familyName, givenName, identifier, pin].map(csvCell),
      ]
      await part.write(Buffer.from(BOM + stringify([PIN_TEXTS[locale]], CSV)))
      for await (const some of pins) {
        await part.write(Buffer.from(stringify(some.map(rowOf), CSV)))
      }
      await part.finish()
      await nameParts([part])
    },
    async take(jobId, name) {
      if (!isFileName(name) || !isReady(name)) {
        return null
      }
      const path = join(placeOf(jobId), name)
      const taken = path + TAKEN
      // Of two who ask at once, one gets it.
      const renamed = await ifThere(async () => {
        await rename(path, taken)
        return true
      })
      if (renamed === null) {
        return null
      }
      const handle = await open(taken, 'r')
      const { size } = await handle.stat()
      return {
        bytes: size,
        content: handle.createReadStream(),
        arrived: () => rm(taken, { force: true }),
        back: async () => {
          await ifThere(() => rename(taken, path))
        },
      }
    },
    async jobs() {
      return ((await ifThere(() => readdir(folder))) ?? []).filter((name) => JOB_ID.test(name))
    },
    remove: (jobId) => rm(placeOf(jobId), { recursive: true, force: true }),
  }
}
