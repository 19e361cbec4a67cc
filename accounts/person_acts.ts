import type { Administrator, Forbidden } from '../policies/admin_rights.ts'
import { type Account, identifierKey } from './account.ts'
import { type EndEverything, generatePinFor, givePinIn } from './administer.ts'
import { auditEntry } from './audit.ts'
import { claimIssue } from './issued_secrets.ts'
import { tell } from './notices.ts'
import { queueLetter } from './outbox.ts'
import type { ActRun, PersonOutcome } from './people_act.ts'
import { CHUNKED_ACTS } from './people_acts.ts'
import { askerOf, sortOut } from './people_job.ts'
import { whyNoPin } from './pin_act.ts'
import type { Deps, Tables } from './ports.ts'
import { whyForbidden } from './target.ts'
import { type Card, type CardWriter, generatePasswords } from './temporary_passwords.ts'

/** Acts on one person that are those on many, with nothing to show for it. */
export type PlainAct = Exclude<keyof typeof CHUNKED_ACTS, 'new_pin'>

export const isPlainAct = (name: string): name is PlainAct =>
  name !== 'new_pin' && Object.hasOwn(CHUNKED_ACTS, name)

/** An act of the table of those on many, on one person: the same rules, in one transaction. */
export const actOnPerson = async (
  deps: Deps,
  endEverything: EndEverything,
  by: string,
  sub: string,
  name: PlainAct,
): Promise<PersonOutcome> => {
  const act = CHUNKED_ACTS[name]
  const policies = await deps.store.policies.current()
  const { outcome, ends } = await deps.store.transact(async (tables) => {
    const who = await askerOf(tables, by, name)
    if (who === null) {
      return { outcome: 'no_right' as const, ends: false }
    }
    const { accounts, refused } = await sortOut(tables, who, [sub], act)
    const run = { deps, jobId: null, who, policies, options: {} }
    const acted = accounts.length === 0 ? [] : await act.apply(run, tables, accounts, new Map())
    const [first = { outcome: 'gone' as const, ends: false }] = [...acted, ...refused]
    return { outcome: first.outcome, ends: first.ends === true }
  })
  if (ends) {
    await endEverything(sub)
  }
  return outcome
}

/**
 * How somebody's secrets stand: a form that was sent twice, or a page that was read again, finds them
 * changed and issues no other one.
 */
export const standsAs = (
  { digest }: Pick<Deps, 'digest'>,
  { sub, password, pin }: Pick<Account, 'sub' | 'password' | 'pin'>,
): string =>
  digest(
    'secrets as shown',
    JSON.stringify([sub, password?.setAt, password?.batchId, password?.sealed, pin?.sealed]),
  )

interface Asked {
  readonly by: string
  readonly sub: string
  /** As `standsAs` said when it was asked for. */
  readonly asOf: string
}

type Refused = { readonly ok: false; readonly outcome: PersonOutcome }

const refused = (outcome: PersonOutcome): Refused => ({ ok: false, outcome })

/** Whoever asks and whom it is for, as they are in this transaction. */
const stand = async (
  deps: Deps,
  tables: Tables,
  { by, sub, asOf }: Asked,
): Promise<
  { readonly ok: true; readonly who: Administrator; readonly account: Account } | Refused
> => {
  const who = await askerOf(tables, by, 'new_pin')
  if (who === null) {
    return refused('no_right')
  }
  const account = await tables.accounts.bySub(sub)
  if (account === null) {
    return refused('gone')
  }
  const why: Forbidden | 'disabled' | null =
    (await whyForbidden(tables, who, account)) ?? (account.disabledAt === null ? null : 'disabled')
  if (why !== null) {
    return refused(why)
  }
  return standsAs(deps, account) === asOf
    ? { ok: true, who, account }
    : refused('changed_meanwhile')
}

export type NewPin =
  /** `pin`: shown once and kept nowhere; null: on its way by mail. */
  { readonly ok: true; readonly pin: string | null; readonly devicesForgotten: number } | Refused

/**
 * *Generate a new PIN code*: for the administrator to tell, or mailed once. Changed at first use; the
 * one there was is nobody's to see. All that was proved or issued before is void.
 */
export const newPinFor = async (
  deps: Deps,
  endEverything: EndEverything,
  asked: Asked,
  deliver: 'show' | 'mail',
): Promise<NewPin> => {
  const policies = await deps.store.policies.current()
  const options: ActRun['options'] = { deliver: deliver === 'mail' ? 'mail' : 'paper' }
  const before = await stand(deps, deps.store, asked)
  const notNow = before.ok ? whyNoPin(before.account, { deps, policies, options }) : null
  if (!before.ok || notNow !== null) {
    return before.ok ? refused(notNow ?? 'changed_meanwhile') : before
  }
  const { userType } = before.account
  const generated = await generatePinFor(deps, before.account, policies[userType].pin.min_length)
  const result = await deps.store.transact(async (tables): Promise<NewPin> => {
    const now = await stand(deps, tables, asked)
    if (!now.ok) {
      return now
    }
    const { who, account } = now
    const why = whyNoPin(account, { deps, policies, options })
    if (why !== null) {
      return refused(why)
    }
    if (!(await claimIssue(tables, who, asked.sub, 'pin', deps.clock()))) {
      return refused('other_secret_issued')
    }
    const devicesForgotten = await givePinIn(deps, tables, account, generated, asked.by)
    if (devicesForgotten === null) {
      return refused('changed_meanwhile')
    }
    if (deliver === 'mail') {
      const { sub } = asked
      const letter = { template: 'generated_pin', sub, to: null, code: generated.pin } as const
      await queueLetter(deps, tables, account, letter)
    }
    return { ok: true, pin: deliver === 'mail' ? null : generated.pin, devicesForgotten }
  })
  if (result.ok) {
    await endEverything(asked.sub)
  }
  return result
}

export type NewTemporaryPassword =
  | { readonly ok: true; readonly card: Card; readonly batchId: string | null }
  | Refused

/** Keeps the one card for the page that shows it, and writes no file. */
const inMemory = (cards: Card[]): CardWriter => ({
  async write(card) {
    cards.push(card)
  },
  close: async () => ({ files: [] }),
  async abandon() {
    cards.length = 0
  },
})

/**
 * A temporary password in the place of what somebody has, shown once. It is a batch of one: it lapses,
 * is changed at first use, and can be taken back while nobody has used it.
 */
export const temporaryPasswordFor = async (
  deps: Deps,
  endEverything: EndEverything,
  asked: Asked,
): Promise<NewTemporaryPassword> => {
  const { by, sub } = asked
  const claimed = await deps.store.transact(async (tables) => {
    const now = await stand(deps, tables, asked)
    if (!now.ok) {
      return now
    }
    return (await claimIssue(tables, now.who, sub, 'password', deps.clock()))
      ? now
      : refused('other_secret_issued')
  })
  if (!claimed.ok) {
    return claimed
  }
  const cards: Card[] = []
  const endAll = async (subs: readonly string[]): Promise<void> => {
    for (const one of subs) {
      await endEverything(one)
    }
  }
  const selection = { identifiers: [identifierKey(claimed.account.identifier)] }
  // A role that was given meanwhile, or another password: then this one is nobody's.
  const stillMay = async (tables: Tables): Promise<boolean> => (await stand(deps, tables, asked)).ok
  const asksFor = { selection, keepPersonal: false, by, dryRun: false, stillMay }
  const generated = await generatePasswords(deps, endAll, asksFor, async () => inMemory(cards))
  const [card] = cards
  if (!generated.ok || card === undefined) {
    const nobody = !generated.ok && generated.reason === 'nobody'
    return refused(nobody ? 'no_password' : 'changed_meanwhile')
  }
  return { ok: true, card, batchId: generated.batchId }
}

/** Somebody of the school forgets one device for a person. False: there is none of this id. */
export const forgetDeviceOf = (
  deps: Deps,
  by: string,
  sub: string,
  deviceId: string,
): Promise<PersonOutcome> =>
  deps.store.transact(async (tables): Promise<PersonOutcome> => {
    const who = await askerOf(tables, by, 'forget_devices')
    const account = await tables.accounts.bySub(sub)
    if (who === null || account === null) {
      return who === null ? 'no_right' : 'gone'
    }
    const why = await whyForbidden(tables, who, account)
    const device = (await tables.devices.list(sub)).find(({ id }) => id === deviceId)
    if (why !== null || device === undefined) {
      return why ?? 'already'
    }
    await tables.devices.remove(device.id)
    await tell(deps, tables, sub, 'devices_forgotten')
    const detail = { why: 'by_school', devices: 1 }
    await tables.audit.append(auditEntry(deps, { act: 'device_forgotten', actor: by, sub, detail }))
    return 'done'
  })
