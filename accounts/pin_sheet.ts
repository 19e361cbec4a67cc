import { USER_TYPES } from '../policies/user_type.ts'
import type { Job, JobFiles, JobStore, PaperPin } from './job_ports.ts'
import type { JobKind } from './jobs.ts'
import { nextTurn } from './next_turn.ts'
import { paramsOf } from './people_job.ts'
import { paperOwner } from './pin_act.ts'
import type { Deps } from './ports.ts'

const PEOPLE_AT_ONCE = 200

const collator = new Intl.Collator('fr', { numeric: true })

/** As they are handed out: what they are, class by class, by name. */
const inPrintedOrder = (a: PaperPin, b: PaperPin): number =>
  USER_TYPES.indexOf(a.userType) - USER_TYPES.indexOf(b.userType) ||
  collator.compare(a.classes[0] ?? '', b.classes[0] ?? '') ||
  collator.compare(a.familyName, b.familyName) ||
  collator.compare(a.givenName, b.givenName)

type Secret = Awaited<ReturnType<JobStore['secrets']>>[number]

const pinsOf = async (deps: Deps, { id }: Job, secrets: readonly Secret[]): Promise<PaperPin[]> => {
  const accounts = await deps.store.accounts.bySubs(secrets.map(({ subject }) => subject))
  const sealed = new Map(secrets.map((one) => [one.subject, one.sealed]))
  return accounts.map(({ sub, userType, classes, familyName, givenName, identifier }) => ({
    ...{ userType, classes, familyName, givenName, identifier },
    pin: deps.letters.open(sealed.get(sub) ?? '', paperOwner(id, sub)).toString('utf8'),
  }))
}

const allPins = async (deps: Deps, job: Job): Promise<PaperPin[]> => {
  const pins: PaperPin[] = []
  for (let after: string | null = null; ; await nextTurn()) {
    const secrets: Secret[] = await deps.store.jobs.secrets(job.id, after, PEOPLE_AT_ONCE)
    pins.push(...(secrets.length === 0 ? [] : await pinsOf(deps, job, secrets)))
    after = secrets.at(-1)?.subject ?? null
    if (secrets.length < PEOPLE_AT_ONCE) {
      return pins.sort(inPrintedOrder)
    }
  }
}

async function* inPages(pins: readonly PaperPin[]): AsyncGenerator<readonly PaperPin[]> {
  for (let at = 0; at < pins.length; at += PEOPLE_AT_ONCE) {
    yield pins.slice(at, at + PEOPLE_AT_ONCE)
  }
}

/**
 * Writes the PINs that a job has given out so far on its sheet, however it ends, and then forgets
 * them. A crash in between writes the same sheet twice, and loses none.
 */
export const sheetAtEnd =
  (files: JobFiles): NonNullable<JobKind['atEnd']> =>
  async (deps, job) => {
    if (paramsOf(job).options.deliver === 'mail') {
      return
    }
    const pins = await allPins(deps, job)
    if (pins.length > 0) {
      await files.writePins(job.id, inPages(pins))
    }
    while ((await deps.store.jobs.forgetSecrets(job.id, PEOPLE_AT_ONCE)) > 0) {
      await nextTurn()
    }
  }
