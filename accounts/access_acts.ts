import { type AdministerResult, disableIn, enableIn, unblockPinIn } from './administer.ts'
import { auditEntry, idsInOrder } from './audit.ts'
import { type Erased, eraseIn } from './erase.ts'
import { oneByOne, type PeopleAct, type PersonOutcome } from './people_act.ts'
import { tellAll } from './tell_all.ts'

const NOT_ERASED: Readonly<Record<Extract<Erased, { ok: false }>['reason'], PersonOutcome>> = {
  unknown_account: 'gone',
  oneself: 'oneself',
  last_administrator: 'last_admin',
}

const REFUSED: Readonly<Record<Extract<AdministerResult, { ok: false }>['reason'], PersonOutcome>> =
  { unknown_account: 'gone', no_pin: 'no_pin', last_administrator: 'last_admin' }

const outcomeOf = (result: AdministerResult): PersonOutcome => {
  if (!result.ok) {
    return REFUSED[result.reason]
  }
  return result.changed ? 'done' : 'already'
}

/** The PIN stays; its counts go. */
export const unblockPinAct: PeopleAct = {
  onDisabled: false,
  sizes: [50, 200],
  apply: oneByOne(async ({ deps, who }, tables, account) => ({
    outcome: outcomeOf(await unblockPinIn(deps, tables, account, who.sub)),
  })),
}

/** The PIN is asked for on every browser again. */
export const forgetDevicesAct: PeopleAct = {
  onDisabled: true,
  sizes: [50, 200],
  async apply({ deps, who }, tables, accounts) {
    const nextId = idsInOrder(deps.random)
    const act = { act: 'device_forgotten', actor: who.sub } as const
    const acted: { sub: string; outcome: PersonOutcome }[] = []
    for (const { sub } of accounts) {
      const devices = await tables.devices.removeAll(sub)
      if (devices > 0) {
        const detail = { why: 'by_school', devices }
        await tables.audit.append(auditEntry(deps, { ...act, id: nextId(), sub, detail }))
      }
      acted.push({ sub, outcome: devices > 0 ? 'done' : 'already' })
    }
    const told = acted.filter(({ outcome }) => outcome === 'done').map(({ sub }) => sub)
    await tellAll(deps, tables, told, 'devices_forgotten')
    return acted
  },
}

/** Durable first (`valid_after`): sessions that outlive a crash here are void all the same. */
export const endSessionsAct: PeopleAct = {
  onDisabled: true,
  sizes: [50, 200],
  async apply({ deps, who }, tables, accounts) {
    const nextId = idsInOrder(deps.random)
    const nowMs = deps.clock()
    const act = { act: 'sessions_ended', actor: who.sub, detail: { why: 'by_school' } } as const
    for (const { sub } of accounts) {
      await tables.accounts.voidBefore(sub, nowMs)
    }
    await tables.audit.appendAll(
      accounts.map(({ sub }) => auditEntry(deps, { ...act, id: nextId(), sub })),
    )
    return accounts.map(({ sub }) => ({ sub, outcome: 'done', ends: true }))
  },
}

export const disableAct: PeopleAct = {
  onDisabled: true,
  sizes: [50, 200],
  apply: oneByOne(async ({ deps, who }, tables, account) => {
    const result = await disableIn(deps, tables, account, who.sub)
    return { outcome: outcomeOf(result), ends: result.ok }
  }),
}

/** Nobody gets their identifier, nor their `sub`, ever again. */
export const eraseAct: PeopleAct = {
  onDisabled: true,
  sizes: [20, 50],
  apply: oneByOne(async ({ deps, who }, tables, account) => {
    const erased = await eraseIn(deps, tables, account, who.sub)
    return erased.ok ? { outcome: 'done', ends: true } : { outcome: NOT_ERASED[erased.reason] }
  }),
}

export const enableAct: PeopleAct = {
  onDisabled: true,
  sizes: [50, 200],
  apply: oneByOne(async ({ deps, who }, tables, account) => ({
    outcome: outcomeOf(await enableIn(deps, tables, account, who.sub)),
  })),
}
