import type { Adapter, AdapterPayload } from 'oidc-provider'
import type { Clock } from '../accounts/ports.ts'
import { createAuthorizationsMerge, fateOf, type MergeSession } from './session_merge.ts'
import type { Direct, Sqlite } from './sqlite.ts'

/** Two requests may each give one session a new id; either may be the one the browser keeps. */
const PARALLEL_MS = 60_000
/** Kept a little past their end: the OP itself judges expiry, with some tolerance for clocks. */
export const KEPT_AFTER_END_MS = 15_000

export interface SessionOptions {
  /**
   * Whether the present request gives this session id up for a new one (`session.oldId` of its
   * own session), rather than ending the session: the OP destroys the id in both cases.
   */
  readonly isReplaced: (id: string) => boolean
  /** Default: the incoming one. */
  readonly mergeSession?: MergeSession
}

export interface OpSessions {
  /**
   * Whether this cookie value was replaced by a newer one of a session that lives on. Whoever
   * comes with it late must not have the browser's newer cookie overwritten.
   */
  wasReplaced(id: string): Promise<boolean>
  /** Moves the end of a session to later, never to sooner. False: there is no such session. */
  touchSession(uid: string, expiresAtSeconds: number): Promise<boolean>
  listSessions(accountId: string): Promise<AdapterPayload[]>
  /** Ends one session, if it is this account's. Returns what it was. */
  endSession(accountId: string, uid: string): Promise<AdapterPayload | undefined>
  /** Ends all sessions of an account, or all but one. Returns what they were. */
  endSessions(accountId: string, exceptUid?: string): Promise<AdapterPayload[]>
}

interface SessionRow {
  readonly uid: string
  readonly payload: string
}

const FIND = `SELECT op_sessions.uid, payload FROM op_session_ids
  JOIN op_sessions ON op_sessions.uid = op_session_ids.uid
  WHERE id = ? AND ended_at IS NULL AND (expires_at IS NULL OR expires_at > ?)`
const FIND_BY_UID = `SELECT uid, payload FROM op_sessions
  WHERE uid = ? AND (expires_at IS NULL OR expires_at > ?)`
const FIND_BY_ACCOUNT = `SELECT uid, payload FROM op_sessions
  WHERE account_id = ? AND (expires_at IS NULL OR expires_at > ?)`
const WAS_REPLACED = `SELECT 1 FROM op_session_ids
  JOIN op_sessions ON op_sessions.uid = op_session_ids.uid
  WHERE id = ? AND ended_at IS NOT NULL AND (expires_at IS NULL OR expires_at > ?)`
const SAVE = `INSERT INTO op_sessions (uid, account_id, payload, expires_at) VALUES (?, ?, ?, ?)
  ON CONFLICT (uid) DO UPDATE SET account_id = excluded.account_id, payload = excluded.payload,
    expires_at = excluded.expires_at`
const ADD_ID = `INSERT INTO op_session_ids (id, uid, made_at, ended_at) VALUES (?, ?, ?, NULL)
  ON CONFLICT (id) DO NOTHING`
const END_ID = 'UPDATE op_session_ids SET ended_at = ? WHERE id = ? AND ended_at IS NULL'
const END_IDS = 'UPDATE op_session_ids SET ended_at = ? WHERE uid = ? AND ended_at IS NULL'
const END_OTHER_IDS = `UPDATE op_session_ids SET ended_at = ?
  WHERE uid = ? AND id <> ? AND made_at <= ? AND ended_at IS NULL`

const parse = (row: unknown): AdapterPayload | undefined =>
  row === undefined ? undefined : (JSON.parse((row as SessionRow).payload) as AdapterPayload)

/** Statements on one session, inside a transaction. */
const sessionRows = ({ prepare }: Direct, nowMs: number) => ({
  byUid: (uid: string): AdapterPayload | undefined => parse(prepare(FIND_BY_UID).get(uid, nowMs)),
  id: (id: string): { uid: string; ended: boolean } | undefined => {
    const row = prepare('SELECT uid, ended_at FROM op_session_ids WHERE id = ?').get(id)
    return row === undefined
      ? undefined
      : { uid: String(row['uid']), ended: row['ended_at'] !== null }
  },
  everHad: (uid: string): boolean =>
    prepare('SELECT 1 FROM op_session_ids WHERE uid = ? LIMIT 1').get(uid) !== undefined,
  save: (uid: string, payload: AdapterPayload, expiresIn: number | undefined): void => {
    const { exp, accountId } = payload
    const endSeconds = exp ?? (expiresIn === undefined ? undefined : nowMs / 1000 + expiresIn)
    const end = endSeconds === undefined ? null : endSeconds * 1000 + KEPT_AFTER_END_MS
    prepare(SAVE).run(uid, accountId ?? null, JSON.stringify(payload), end)
  },
  addId: (id: string, uid: string): void => {
    prepare(ADD_ID).run(id, uid, nowMs)
  },
  endId: (id: string): void => {
    prepare(END_ID).run(nowMs, id)
  },
  endOtherIds: (uid: string, id: string, madeBeforeMs: number): void => {
    prepare(END_OTHER_IDS).run(nowMs, uid, id, madeBeforeMs)
  },
  end: (uid: string): void => {
    prepare('DELETE FROM op_sessions WHERE uid = ?').run(uid)
    prepare(END_IDS).run(nowMs, uid)
  },
})

type SessionRows = ReturnType<typeof sessionRows>

/**
 * Sessions of the OP: one row a session, whose cookie values come and go. Requests in parallel
 * add to it, and none that comes late brings back what has ended.
 */
export const createSessionAdapter = (
  sqlite: Sqlite,
  clock: Clock,
  { isReplaced, mergeSession = (_stored, incoming) => incoming }: SessionOptions,
) => {
  const authorizations = createAuthorizationsMerge()

  /** A session that is not stored: new, or ended, and then this writer comes too late. */
  const create = (
    rows: SessionRows,
    id: string,
    incoming: AdapterPayload,
    expiresIn: number | undefined,
  ): void => {
    const uid = incoming.uid ?? id
    if (!rows.everHad(uid)) {
      rows.save(uid, incoming, expiresIn)
      rows.addId(id, uid)
    }
  }

  const write = (
    direct: Direct,
    id: string,
    incoming: AdapterPayload,
    expiresIn: number | undefined,
  ): void => {
    const nowMs = clock()
    const rows = sessionRows(direct, nowMs)
    const uid = incoming.uid ?? id
    const stored = rows.byUid(uid)
    if (stored === undefined) {
      create(rows, id, incoming, expiresIn)
      return
    }
    const ended = rows.id(id)?.ended === true
    const fate = fateOf(stored, incoming, ended, mergeSession, authorizations)
    if (fate.kind !== 'ignored') {
      rows.save(uid, fate.payload, expiresIn)
    }
    if (fate.kind === 'written') {
      rows.addId(id, uid)
      rows.endOtherIds(uid, id, fate.otherAccount ? nowMs : nowMs - PARALLEL_MS)
    }
  }

  const remembered = (payload: AdapterPayload | undefined): AdapterPayload | undefined => {
    if (payload !== undefined) {
      authorizations.remember(payload)
    }
    return payload
  }

  const adapter: Adapter = {
    upsert: (id, payload, expiresIn) =>
      sqlite.write((direct) => write(direct, id, payload, expiresIn)),
    find: (id) =>
      sqlite.read(({ prepare }) => {
        const payload = parse(prepare(FIND).get(id, clock()))
        // The cookie is set again from `jti`; a session may be known by two ids for a moment.
        return payload === undefined ? undefined : remembered({ ...payload, jti: id })
      }),
    findByUid: (uid) =>
      sqlite.read((direct) => remembered(sessionRows(direct, clock()).byUid(uid))),
    findByUserCode: async () => undefined,
    consume: async () => {},
    destroy: (id) =>
      sqlite.write((direct) => {
        const rows = sessionRows(direct, clock())
        const known = rows.id(id)
        if (isReplaced(id)) {
          rows.endId(id)
        } else if (known !== undefined) {
          rows.end(known.uid)
        }
      }),
    revokeByGrantId: async () => {},
  }

  const of = ({ prepare }: Direct, accountId: string): AdapterPayload[] =>
    prepare(FIND_BY_ACCOUNT)
      .all(accountId, clock())
      .map(parse)
      .filter((payload) => payload !== undefined)

  const end = (
    accountId: string,
    isMeant: (uid: string | undefined) => boolean,
  ): Promise<AdapterPayload[]> =>
    sqlite.write((direct) => {
      const ended = of(direct, accountId).filter(({ uid }) => isMeant(uid))
      for (const { uid } of ended) {
        sessionRows(direct, clock()).end(uid ?? '')
      }
      return ended
    })

  const sessions: OpSessions = {
    wasReplaced: (id) =>
      sqlite.read(({ prepare }) => prepare(WAS_REPLACED).get(id, clock()) !== undefined),
    touchSession: (uid, expiresAtSeconds) =>
      sqlite.write((direct) => {
        const rows = sessionRows(direct, clock())
        const payload = rows.byUid(uid)
        if (payload !== undefined && (payload.exp ?? 0) < expiresAtSeconds) {
          rows.save(uid, { ...payload, exp: expiresAtSeconds }, undefined)
        }
        return payload !== undefined
      }),
    listSessions: (accountId) => sqlite.read((direct) => of(direct, accountId)),
    endSession: async (accountId, uid) => (await end(accountId, (one) => one === uid))[0],
    endSessions: (accountId, exceptUid) => end(accountId, (one) => one !== exceptUid),
  }

  return { adapter, ...sessions }
}
