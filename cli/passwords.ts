import { resolve } from 'node:path'
import type { PasswordBatch } from '../accounts/ports.ts'
import {
  type Generated,
  type GenerationCounts,
  generatePasswords,
  type LeftOut,
  takeBack,
} from '../accounts/temporary_passwords.ts'
import type { CardFormat } from '../cards/card_writer.ts'
import { CardFileError } from '../cards/part_file.ts'
import { dayAt } from '../policies/days.ts'
import { USER_TYPES } from '../policies/user_type.ts'
import {
  type Command,
  type Context,
  type Core,
  EXIT,
  type Exit,
  text,
  UsageError,
} from './command.ts'
import { moment, table, time, words } from './output.ts'
import { changingCore } from './passwords_core.ts'
import { readSelection, SELECTION, SELECTION_OPTIONS, type Selected } from './selection.ts'

/** Enough of an id to tell one generation from another; it is in the names of its files. */
const SHORT_ID = 8
const BATCHES_LISTED_MAX = 1_000

const shortId = (id: string): string => id.slice(0, SHORT_ID)

/** `passwords-2026-09-14-1a2b3c4d`: the day by the school's clocks, and the generation. */
const fileName = ({ deps }: Core, batchId: string): string =>
  `passwords-${dayAt(deps.timeZone, deps.clock()).date}-${shortId(batchId)}`

const openWriter =
  (core: Core, folder: string, formats: readonly CardFormat[]) => async (batchId: string) => {
    // Only who prints pays for loading it.
    const { createCardWriter } = await import('../cards/card_writer.ts')
    return createCardWriter({
      folder,
      formats,
      name: fileName(core, batchId),
      address: core.issuer,
      schoolName: core.deps.schoolName,
      timeZone: core.deps.timeZone,
      locale: core.defaultLocale,
    })
  }

const LEFT_OUT: Readonly<Record<LeftOut, string>> = {
  no_local_password: 'left out: no password here, they come by a key',
  personal_kept: 'left out: they keep a password of their own',
}

const totalOf = ({ passwords }: GenerationCounts): number =>
  Object.values(passwords).reduce((sum, one) => sum + one, 0)

const sayCounts = ({ out }: Context, whom: string, counts: GenerationCounts): void => {
  const byType = USER_TYPES.filter((type) => counts.passwords[type] > 0).map(
    (type) => `${counts.passwords[type]} ${words(type)}`,
  )
  const types = byType.length === 0 ? '' : `: ${byType.join(', ')}`
  out.line(`${totalOf(counts)} temporary passwords (${whom})${types}`)
  if (counts.personal > 0) {
    out.line(`${counts.personal} of them in the place of a password of the person's own`)
  }
  for (const [why, said] of Object.entries(LEFT_OUT) as [LeftOut, string][]) {
    if (counts.leftOut[why] > 0) {
      out.line(`${counts.leftOut[why]} ${said}`)
    }
  }
}

const factsOf = ({ words }: Selected, generated: Generated, dryRun: boolean) => {
  const { counts, files } = generated
  return {
    dry_run: dryRun,
    selection: words,
    batch: generated.ok ? generated.batchId : null,
    passwords: counts.passwords,
    personal: counts.personal,
    left_out: counts.leftOut,
    files,
  }
}

const REFUSED = {
  nobody: 'nobody of them gets a temporary password',
  dropped: 'writing the files took too long: none of their passwords serves. Delete them',
  overtaken:
    'others were generated for some of them meanwhile: these serve nobody. Delete the files',
} as const

const answer = (context: Context, selected: Selected, generated: Generated, dryRun: boolean) => {
  const { out } = context
  sayCounts(context, selected.words, generated.counts)
  out.data(factsOf(selected, generated, dryRun))
  if (!generated.ok) {
    out.problem({ where: selected.words, message: REFUSED[generated.reason] })
    generated.files.forEach(out.line)
    return EXIT.refused
  }
  if (generated.batchId === null) {
    out.line('Dry run: nothing was written')
  } else {
    out.line('They are in force, and shown only in these files:')
    generated.files.map((file) => `  ${file}`).forEach(out.line)
    out.line(`Until one of them is used: passwords take-back ${shortId(generated.batchId)}`)
  }
  return selected.isWhole ? EXIT.ok : EXIT.refused
}

const generate =
  (formats: readonly CardFormat[]) =>
  async (context: Context): Promise<Exit> => {
    const { values, out, by, cwd } = context
    const dryRun = values['dry-run'] === true
    const folder = text(values, 'out')
    if (!dryRun && folder === undefined) {
      throw new UsageError('Say where the files shall be: --out FOLDER')
    }
    const selected = await readSelection(context)
    if (selected === null) {
      return EXIT.refused
    }
    const core = await changingCore(context)
    const keepPersonal = values['keep-personal'] === true
    const asked = { selection: selected.selection, keepPersonal, by, dryRun }
    const open = openWriter(core, resolve(cwd, folder ?? '.'), formats)
    try {
      const generated = await generatePasswords(core.deps, core.endEverythingOf, asked, open)
      return answer(context, selected, generated, dryRun)
    } catch (error) {
      if (!(error instanceof CardFileError)) {
        throw error
      }
      out.problem({ where: 'no password was replaced', message: error.message })
      return EXIT.refused
    }
  }

/** The batch that the beginning of an id names. */
const findBatch = async (context: Context, core: Core): Promise<PasswordBatch | null> => {
  const [typed = ''] = context.positionals
  const begin = typed.trim().toLowerCase()
  const batches = await core.deps.store.passwordBatches.list(BATCHES_LISTED_MAX)
  const found = batches.filter(({ id }) => begin !== '' && id.startsWith(begin))
  const [only] = found
  if (only === undefined || found.length > 1) {
    const message = only === undefined ? 'there is none of this id' : 'is the beginning of several'
    context.out.problem({ where: `batch "${typed}"`, message })
    return null
  }
  return only
}

const NOT_TAKEN_BACK = {
  unknown: () => 'there is none of this id',
  used: ({ firstUsedAt }: PasswordBatch) =>
    `somebody signed in with a password of it${firstUsedAt === null ? '' : ` at ${time(firstUsedAt)}`}: it stays in force`,
  not_in_force: ({ state }: PasswordBatch) => `is not in force: ${words(state)}`,
  forgotten: () => 'what it replaced was forgotten: it stays in force',
} as const

const back = async (context: Context): Promise<Exit> => {
  const core = await changingCore(context)
  const batch = await findBatch(context, core)
  if (batch === null) {
    return EXIT.refused
  }
  const { out, by } = context
  const result = await takeBack(core.deps, batch.id, by)
  if (!result.ok) {
    const now = (await core.deps.store.passwordBatches.list(BATCHES_LISTED_MAX)).find(
      ({ id }) => id === batch.id,
    )
    const message = NOT_TAKEN_BACK[result.reason](now ?? batch)
    out.problem({ where: `batch "${shortId(batch.id)}"`, message })
    return EXIT.refused
  }
  out.line(
    `Taken back: ${result.people} people have what they had before, ${result.personal} of them a password of their own`,
  )
  out.line('The cards serve nobody any more: destroy them.')
  out.data({ batch: batch.id, people: result.people, personal: result.personal })
  return EXIT.ok
}

const batches = async (context: Context): Promise<Exit> => {
  const { out } = context
  const { deps } = await context.core()
  const list = await deps.store.passwordBatches.list(BATCHES_LISTED_MAX)
  if (list.length === 0) {
    out.line('No temporary passwords were generated')
  } else {
    table([
      ['BATCH', 'MADE', 'BY', 'FOR', 'PASSWORDS', 'STATE', 'FIRST USED'],
      ...list.map((batch) => [
        shortId(batch.id),
        time(batch.atMs),
        batch.by,
        batch.selection,
        String(batch.size),
        words(batch.state),
        time(batch.firstUsedAt),
      ]),
    ]).forEach(out.line)
  }
  out.data(
    list.map(({ id, atMs, by, selection, size, state, firstUsedAt }) => ({
      batch: id,
      made: time(atMs),
      by,
      selection,
      passwords: size,
      state,
      first_used: moment(firstUsedAt),
    })),
  )
  return EXIT.ok
}

const forMany = {
  usage: `${SELECTION} --out FOLDER [--keep-personal] [--dry-run]`,
  options: {
    ...SELECTION_OPTIONS,
    out: { type: 'string' },
    'keep-personal': { type: 'boolean' },
    'dry-run': { type: 'boolean' },
  },
  positionals: [0, 0],
} as const satisfies Partial<Command>

export const passwordsTemporary: Command = {
  ...forMany,
  name: 'passwords temporary',
  summary: 'replaces passwords by temporary ones, written to a CSV file',
  run: generate(['csv']),
}

export const passwordsCards: Command = {
  ...forMany,
  name: 'passwords cards',
  summary: 'as temporary, with cards to cut out: a PDF for each establishment',
  run: generate(['pdf', 'csv']),
}

export const passwordsTakeBack: Command = {
  name: 'passwords take-back',
  usage: 'BATCH',
  summary: 'gives back what temporary passwords replaced, until one of them is used',
  options: {},
  positionals: [1, 1],
  run: back,
}

export const passwordsBatches: Command = {
  name: 'passwords batches',
  usage: '',
  summary: 'lists generations of temporary passwords',
  options: {},
  positionals: [0, 0],
  run: batches,
}
