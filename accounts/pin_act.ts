import { policyFor } from '../policies/policy.ts'
import { type Account, mailAddress } from './account.ts'
import { type GeneratedPin, generatePinFor, givePinIn } from './administer.ts'
import { claimIssue } from './issued_secrets.ts'
import { queueLetter } from './outbox.ts'
import { type ActRun, oneByOne, type PeopleAct, type PersonOutcome } from './people_act.ts'
import type { Tables } from './ports.ts'

/** Whoever reads that address can have both: the password by a code, and the PIN. */
export const PIN_MAIL_AFTER_RESET_MS = 24 * 3_600_000

/** Hashing takes a core: few at once, so that people who sign in find the other places. */
const HASHES_AT_ONCE = 2

/** Why somebody cannot be given a PIN; null: they can. Of the page of one person, too. */
export const whyNoPin = (
  account: Account,
  { deps, policies, options }: Pick<ActRun, 'deps' | 'policies' | 'options'>,
): PersonOutcome | null => {
  const { disabledAt, passwordResetByMailAt } = account
  if (disabledAt !== null) {
    return 'disabled'
  }
  if (!policyFor(policies, account).protections.includes('pin')) {
    return 'pin_not_offered'
  }
  if (options.deliver !== 'mail') {
    return null
  }
  if (!deps.mails || mailAddress(account) === null) {
    return 'no_address'
  }
  return deps.clock() - passwordResetByMailAt < PIN_MAIL_AFTER_RESET_MS ? 'recent_mail_reset' : null
}

const hand = async (
  { deps, jobId, options }: ActRun,
  tables: Tables,
  account: Account,
  pin: string,
): Promise<void> => {
  const { sub } = account
  if (options.deliver === 'mail') {
    const letter = { template: 'generated_pin', sub, to: null, code: pin } as const
    await queueLetter(deps, tables, account, letter)
    return
  }
  if (jobId === null) {
    throw new Error('a sheet of PINs belongs to a job')
  }
  const sealed = deps.letters.seal(pin, paperOwner(jobId, sub), deps.random)
  await tables.jobs.keepSecret(jobId, sub, sealed)
}

/** What a PIN on its way to paper is sealed for. */
export const paperOwner = (jobId: string, sub: string): string => `job_secret:${jobId}:${sub}`

/**
 * A generated PIN for each, changed at first use: mailed, or kept sealed until the sheet of the job
 * is complete. Nobody ever sees one that was there before.
 */
export const newPinAct: PeopleAct = {
  onDisabled: false,
  sizes: [20, 50],
  async prepare(run, accounts) {
    const { deps, policies } = run
    const made = new Map<string, GeneratedPin>()
    const rest = accounts.filter((account) => whyNoPin(account, run) === null).values()
    const worker = async (): Promise<void> => {
      for (const account of rest) {
        const length = policyFor(policies, account).pin.min_length
        made.set(account.sub, await generatePinFor(deps, account, length))
      }
    }
    await Promise.all(Array.from({ length: HASHES_AT_ONCE }, worker))
    return made
  },
  apply: (run, tables, accounts, prepared) =>
    oneByOne(async (_, __, account) => {
      const { deps, who } = run
      const why = whyNoPin(account, run)
      const generated = prepared.get(account.sub)
      if (why !== null || generated === undefined) {
        return { outcome: why ?? 'changed_meanwhile' }
      }
      if (!(await claimIssue(tables, who, account.sub, 'pin', deps.clock()))) {
        return { outcome: 'other_secret_issued' }
      }
      await givePinIn(deps, tables, account, generated, who.sub)
      await hand(run, tables, account, generated.pin)
      return { outcome: 'done', ends: true }
    })(run, tables, accounts, prepared),
}
