import { type Kysely, sql } from 'kysely'
import { OTP_KEY_STATES, OTP_PIN_TRIES, type OtpKey } from '../accounts/otp_key.ts'
import type { CodeClaim, CodeOutcome, KeyCounts, OtpKeyStore } from '../accounts/ports.ts'
import type { OtpKeyRow, Schema } from './schema.ts'
import type { Sql } from './sql.ts'

type Db = Kysely<Schema>

const keyOf = (row: OtpKeyRow): OtpKey => ({
  serial: row.serial,
  source: row.source,
  kind: row.kind,
  algorithm: row.algorithm,
  digits: row.digits,
  periodSeconds: row.period_seconds,
  sealedSeed: row.seed_sealed,
  state: row.state,
  sub: row.sub,
  pin:
    row.pin_sealed === null
      ? null
      : { sealed: row.pin_sealed, length: row.pin_length ?? 0, setAt: row.pin_set_at ?? 0 },
  next: row.next_step,
  firstOfTwo: row.first_step === null ? null : { step: row.first_step, atMs: row.first_at ?? 0 },
  clock: { aheadMinMs: row.ahead_min_ms, aheadMaxMs: row.ahead_max_ms, atMs: row.clock_at },
  wrongPins: row.wrong_pins,
  firstUseTries: row.first_use_tries,
  firstUseTriesProved: row.first_use_tries_proved,
  assignedAt: row.assigned_at,
  firstUseBy: row.first_use_by,
  loanUntil: row.loan_until,
  inServiceAt: row.in_service_at,
  lastUsedAt: row.last_used_at,
  addedAt: row.added_at,
})

const rowOf = (key: OtpKey): OtpKeyRow => ({
  serial: key.serial,
  source: key.source,
  kind: key.kind,
  algorithm: key.algorithm,
  digits: key.digits,
  period_seconds: key.periodSeconds,
  seed_sealed: key.sealedSeed,
  state: key.state,
  sub: key.sub,
  pin_sealed: key.pin?.sealed ?? null,
  pin_length: key.pin?.length ?? null,
  pin_set_at: key.pin?.setAt ?? null,
  next_step: key.next,
  first_step: key.firstOfTwo?.step ?? null,
  first_at: key.firstOfTwo?.atMs ?? null,
  ahead_min_ms: key.clock.aheadMinMs,
  ahead_max_ms: key.clock.aheadMaxMs,
  clock_at: key.clock.atMs,
  wrong_pins: key.wrongPins,
  first_use_tries: key.firstUseTries,
  first_use_tries_proved: key.firstUseTriesProved,
  assigned_at: key.assignedAt,
  first_use_by: key.firstUseBy,
  loan_until: key.loanUntil,
  in_service_at: key.inServiceAt,
  last_used_at: key.lastUsedAt,
  added_at: key.addedAt,
})

/** No serial is empty: what is done with this one is done with none. */
const NO_SERIAL = ''

const NOTHING: CodeClaim = {
  serial: NO_SERIAL,
  sub: '',
  state: 'in_service',
  step: 0,
  as: 'good',
  clock: { aheadMinMs: 0, aheadMaxMs: 0, atMs: 0 },
  countsPin: false,
}

/** What a claim leaves in the row. A code too far out moves nothing: only two in a row say so. */
const claimed = ({ step, as, clock, countsPin }: CodeClaim, nowMs: number): Partial<OtpKeyRow> =>
  as === 'first_of_two'
    ? { first_step: step, first_at: nowMs }
    : {
        next_step: step + 1,
        first_step: null,
        first_at: null,
        ahead_min_ms: clock.aheadMinMs,
        ahead_max_ms: clock.aheadMaxMs,
        clock_at: clock.atMs,
        ...(countsPin ? { wrong_pins: sql<number>`wrong_pins + 1` as unknown as number } : {}),
      }

/**
 * Remembers a step that was typed too far out, or forgets those that are behind by now: one
 * statement, also where nothing was claimed.
 */
const note = async (db: Db, { serial, step, as }: CodeClaim): Promise<void> => {
  if (as === 'first_of_two') {
    await db
      .insertInto('otp_noted_steps')
      .values({ serial, step })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    return
  }
  await db
    .deleteFrom('otp_noted_steps')
    .where('serial', '=', serial)
    .where('step', '<=', step)
    .execute()
}

const claim = async (db: Db, wanted: CodeClaim, nowMs: number): Promise<boolean> => {
  const { serial, sub, state, step } = wanted
  const { numUpdatedRows } = await db
    .updateTable('otp_keys')
    .set(claimed(wanted, nowMs))
    .where('serial', '=', serial)
    .where(sql`coalesce(sub, '')`, '=', sub)
    .where('state', '=', state)
    .where('next_step', '<=', step)
    .where(({ or, eb }) =>
      or([eb('state', '<>', 'in_service'), eb('wrong_pins', '<', OTP_PIN_TRIES)]),
    )
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('otp_noted_steps')
            .select('step')
            .where('serial', '=', serial)
            .where('step', '=', step),
        ),
      ),
    )
    .executeTakeFirst()
  const isClaimed = numUpdatedRows === 1n
  await note(db, isClaimed ? wanted : NOTHING)
  return isClaimed
}

const SETTLED: Record<CodeOutcome, (nowMs: number) => Record<string, unknown>> = {
  right: (nowMs) => ({ wrong_pins: 0, last_used_at: nowMs }),
  wrong_pin: () => ({ wrong_pins: sql`wrong_pins` }),
  // Unless a success beside it has cleared the count meanwhile.
  unjudged: () => ({
    wrong_pins: sql`CASE WHEN wrong_pins > 0 THEN wrong_pins - 1 ELSE 0 END`,
  }),
  wrong_first_use: () => ({ first_use_tries: sql`first_use_tries + 1` }),
  wrong_first_use_proved: () => ({
    first_use_tries_proved: sql`first_use_tries_proved + 1`,
  }),
}

/** OTP keys in SQL. */
export const createOtpKeyStore = ({ db, atomically }: Sql): OtpKeyStore => ({
  async find(serial) {
    const row = await db
      .selectFrom('otp_keys')
      .selectAll()
      .where('serial', '=', serial)
      .executeTakeFirst()
    return row === undefined ? null : keyOf(row)
  },
  async ofPerson(sub) {
    const rows = await db
      .selectFrom('otp_keys')
      .selectAll()
      .where('sub', '=', sub)
      .orderBy('assigned_at')
      .orderBy('serial')
      .execute()
    return rows.map(keyOf)
  },
  async add(key) {
    const { numInsertedOrUpdatedRows } = await db
      .insertInto('otp_keys')
      .values(rowOf(key))
      .onConflict((conflict) => conflict.column('serial').doNothing())
      .executeTakeFirst()
    return numInsertedOrUpdatedRows === 1n
  },
  async save(key) {
    const { serial, ...columns } = rowOf(key)
    await db.updateTable('otp_keys').set(columns).where('serial', '=', serial).execute()
  },
  claim: (wanted, nowMs) => atomically((tx) => claim(tx, wanted ?? NOTHING, nowMs)),
  async settle(sub, serials, outcome, nowMs) {
    const rows = await db
      .updateTable('otp_keys')
      .set(SETTLED[outcome](nowMs))
      .where('serial', 'in', serials.length === 0 ? [NO_SERIAL] : serials)
      .where('sub', '=', sub)
      .returningAll()
      .execute()
    return rows.map(keyOf)
  },
  async remove(serial) {
    await db.deleteFrom('otp_keys').where('serial', '=', serial).execute()
  },
  async count() {
    const rows = await db
      .selectFrom('otp_keys')
      .select(['state', ({ fn }) => fn.countAll<number>().as('keys')])
      .groupBy('state')
      .execute()
    const { lent } = await db
      .selectFrom('otp_keys')
      .select(({ fn }) => fn.countAll<number>().as('lent'))
      .where('loan_until', 'is not', null)
      .executeTakeFirstOrThrow()
    const none = OTP_KEY_STATES.map((state) => [state, 0])
    const counted = rows.map(({ state, keys }) => [state, Number(keys)])
    return Object.fromEntries([...none, ...counted, ['lent', Number(lent)]]) as KeyCounts
  },
  async list({ state, sub, lent = false }, after, limit) {
    const rows = await db
      .selectFrom('otp_keys')
      .selectAll()
      .$if(state !== undefined, (query) => query.where('state', '=', state ?? 'in_stock'))
      .$if(sub !== undefined, (query) => query.where('sub', '=', sub ?? ''))
      .$if(lent, (query) => query.where('loan_until', 'is not', null))
      .$if(after !== null, (query) => query.where('serial', '>', after ?? ''))
      .orderBy('serial')
      .limit(limit)
      .execute()
    return rows.map(keyOf)
  },
  async overdue(nowMs, limit) {
    const rows = await db
      .selectFrom('otp_keys')
      .selectAll()
      .where(({ or, and, eb }) =>
        or([
          eb('loan_until', '<=', nowMs),
          and([eb('state', '=', 'assigned'), eb('first_use_by', '<=', nowMs)]),
        ]),
      )
      .limit(limit)
      .execute()
    return rows.map(keyOf)
  },
})
