import { constants } from 'node:fs'
import { access, opendir } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { PasswordBatch } from '../accounts/ports.ts'
import {
  type CardWriter,
  type Generated,
  type GenerationCounts,
  generatePasswords,
  type LeftOut,
  takeBack,
} from '../accounts/temporary_passwords.ts'
import type { CardFormat } from '../cards/card_writer.ts'
import { CardFileError, onFile } from '../cards/part_file.ts'
import { dayAt } from '../policies/days.ts'
import { USER_TYPES, type UserType } from '../policies/user_type.ts'
import {
  type Command,
  type Context,
  type Core,
  EXIT,
  type Exit,
  text,
  UsageError,
} from './command.ts'
import { many, moment, table, time, words } from './output.ts'
import { changingCore, sayDryRun } from './passwords_core.ts'
import { readSelection, SELECTION, SELECTION_OPTIONS, type Selected } from './selection.ts'

/** Enough of an id to tell one generation from another; it is in the names of its files. */
const SHORT_ID = 8
const BATCHES_LISTED_MAX = 1_000

const shortId = (id: string): string => id.slice(0, SHORT_ID)

/** `passwords-2026-09-14-1a2b3c4d`: the day by the school's clocks, and the generation. */
const fileName = ({ deps }: Core, batchId: string): string =>
  `passwords-${dayAt(deps.timeZone, deps.clock()).date}-${shortId(batchId)}`

/** Says how far it is, of so many at most. */
const told = (writer: CardWriter, { out }: Context, people: number): CardWriter => {
  let done = 0
  return {
    write: async (card) => {
      await writer.write(card)
      done += 1
      out.progress(done, people)
    },
    close: () => writer.close(),
    abandon: () => writer.abandon(),
  }
}

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

const PEOPLE: Readonly<Record<UserType, readonly [one: string, more: string]>> = {
  teacher: ['teacher', 'teachers'],
  staff: ['staff', 'staff'],
  student: ['student', 'students'],
  guardian: ['guardian', 'guardians'],
  inspector: ['inspector', 'inspectors'],
  internship_counsellor: ['internship counsellor', 'internship counsellors'],
}

/** Classes of several establishments may have one name: who names a class is told where. */
const sayHomes = ({ out }: Context, { selection }: Selected, homes: GenerationCounts['homes']) => {
  if (homes.length > 1 || selection.className !== undefined) {
    for (const { home, passwords } of homes) {
      out.line(`  ${home === null ? 'without an establishment' : `in ${home}`}: ${passwords}`)
    }
  }
}

const sayCounts = (context: Context, selected: Selected, counts: GenerationCounts): void => {
  const { out } = context
  const byType = USER_TYPES.filter((type) => counts.passwords[type] > 0).map((type) =>
    many(counts.passwords[type], ...PEOPLE[type]),
  )
  const types = byType.length === 0 ? '' : `: ${byType.join(', ')}`
  out.line(`${many(totalOf(counts), 'temporary password')} (${selected.words})${types}`)
  sayHomes(context, selected, counts.homes)
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
    homes: counts.homes,
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
  sayCounts(context, selected, generated.counts)
  out.data(factsOf(selected, generated, dryRun))
  if (!generated.ok) {
    out.problem({ where: selected.words, message: REFUSED[generated.reason] })
    generated.files.forEach(out.line)
    return EXIT.refused
  }
  if (generated.batchId === null) {
    sayDryRun(context, selected)
  } else {
    out.line('They are in force, and shown only in these files:')
    generated.files.map((file) => `  ${file}`).forEach(out.line)
    out.line(`Until one of them is used: passwords take-back ${shortId(generated.batchId)}`)
  }
  return selected.isWhole ? EXIT.ok : EXIT.refused
}

/** A dry run opens no file, and says all the same where the real one would be refused. */
const tryFolder = async ({ cwd }: Context, folder: string): Promise<void> => {
  const path = resolve(cwd, folder)
  await onFile(path, async () => {
    await (await opendir(path)).close()
    await access(path, constants.W_OK)
  })
}

interface Order {
  readonly formats: readonly CardFormat[]
  /** Undefined: a dry run that names none. */
  readonly folder: string | undefined
  readonly dryRun: boolean
}

/** Throws `UsageError`. */
const readOrder = ({ values }: Context): Omit<Order, 'formats'> => {
  const dryRun = values['dry-run'] === true
  const folder = text(values, 'out')
  if (!dryRun && folder === undefined) {
    throw new UsageError('Say where the files shall be: --out FOLDER')
  }
  return { folder, dryRun }
}

/** Throws `CardFileError`. */
const carryOut = async (
  context: Context,
  selected: Selected,
  { formats, folder, dryRun }: Order,
): Promise<Exit> => {
  const { values, by, cwd } = context
  const core = await changingCore(context)
  const keepPersonal = values['keep-personal'] === true
  const asked = { selection: selected.selection, keepPersonal, by, dryRun }
  const open = openWriter(core, resolve(cwd, folder ?? '.'), formats)
  const generated = await generatePasswords(core.deps, core.endEverythingOf, asked, async (id) =>
    told(await open(id), context, selected.people),
  )
  const exit = answer(context, selected, generated, dryRun)
  if (dryRun && folder !== undefined) {
    await tryFolder(context, folder)
  }
  return exit
}

const generate =
  (formats: readonly CardFormat[]) =>
  async (context: Context): Promise<Exit> => {
    const order = { formats, ...readOrder(context) }
    const selected = await readSelection(context)
    if (selected === null) {
      return EXIT.refused
    }
    try {
      return await carryOut(context, selected, order)
    } catch (error) {
      if (!(error instanceof CardFileError)) {
        throw error
      }
      const where = `no password ${order.dryRun ? 'would be' : 'was'} replaced`
      context.out.problem({ where, message: error.message })
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
    `Taken back: ${many(result.people, 'person has', 'people have')} what they had before, ${result.personal} of them a password of their own`,
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
  summary:
    'replaces passwords by temporary ones, on cards to cut out: PDF by establishment, and CSV',
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
