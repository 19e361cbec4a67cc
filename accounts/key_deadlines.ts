import { type AuditAct, auditEntry } from './audit.ts'
import { tell } from './notices.ts'
import {
  type Changed,
  closeActivation,
  endLoan,
  type OtpKey,
  type OtpKeyState,
  stateNow,
} from './otp_key.ts'
import type { Deps, NoticeCode, Tables } from './ports.ts'

/** Keys that one transaction writes down: few ms, so that nobody waits for it. */
const KEYS_AT_ONCE = 50

interface End {
  readonly change: (key: OtpKey, nowMs: number) => Changed
  readonly act: AuditAct
  readonly why: string
  /** What the holder is told; null: they knew it from the start. */
  readonly tells: NoticeCode | null
}

/** What time alone has made of a key, by the state that holds now. */
const ENDS: Partial<Record<OtpKeyState, End>> = {
  in_stock: { change: endLoan, act: 'key_loan_ended', why: 'loan_over', tells: null },
  activation_closed: {
    change: closeActivation,
    act: 'key_activation_closed',
    why: 'deadline',
    tells: 'key_activation_closed',
  },
}

/**
 * Writes down what a deadline or the end of a loan has made of a key, with its audit entry and
 * notice. Returns the key as it is then, which is the one given where nothing was due.
 */
export const writeDownDeadline = async (
  deps: Deps,
  tables: Tables,
  key: OtpKey,
): Promise<OtpKey> => {
  const nowMs = deps.clock()
  const state = stateNow(key, nowMs)
  const end = state === key.state ? undefined : ENDS[state]
  const changed = end?.change(key, nowMs)
  if (end === undefined || changed?.ok !== true) {
    return key
  }
  const { serial, sub } = key
  await tables.otpKeys.save(changed.key)
  await tables.audit.append(
    auditEntry(deps, { act: end.act, actor: null, sub, detail: { key: serial, why: end.why } }),
  )
  if (end.tells !== null && sub !== null) {
    await tell(deps, tables, sub, end.tells, { params: { key: serial } })
  }
  return changed.key
}

/** How many of a batch of overdue keys were written down. */
const writeDownBatch = (deps: Deps): Promise<number> =>
  deps.store.transact(async (tables) => {
    let written = 0
    for (const key of await tables.otpKeys.overdue(deps.clock(), KEYS_AT_ONCE)) {
      written += (await writeDownDeadline(deps, tables, key)) === key ? 0 : 1
    }
    return written
  })

/**
 * Writes down every deadline and end of a loan that has passed; to be called every minute or so,
 * by any number of processes. Nothing waits for it: `stateNow` holds from the moment itself.
 * Returns how many keys it was for.
 */
export const writeDownDeadlines = async (deps: Deps): Promise<number> => {
  let all = 0
  // Looked at outside a transaction first: mostly there is nothing to write.
  while ((await deps.store.otpKeys.overdue(deps.clock(), 1)).length > 0) {
    const written = await writeDownBatch(deps)
    all += written
    if (written < KEYS_AT_ONCE) {
      break
    }
  }
  return all
}
