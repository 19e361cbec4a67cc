import { createHash } from 'node:crypto'
import { type Adapter, type AdapterPayload, errors, Provider } from 'oidc-provider'
import type { Clock } from '../accounts/ports.ts'
import { createSessionAdapter, KEPT_AFTER_END_MS, type OpSessions } from './oidc_sessions.ts'
import type { MergeSession } from './session_merge.ts'
import type { Sqlite } from './sqlite.ts'

export interface OpStore extends OpSessions {
  /** For the `adapter` option of the OP. */
  readonly Adapter: (model: string) => Adapter
  /** True for the first to show this `jti` of `iss`, until `expSeconds`. In place of `ReplayDetection.unique`. */
  replayUnique(iss: string, jti: string, expSeconds: number): Promise<boolean>
  /** Those of these accounts that have a session, grant, code or token. */
  holders(accountIds: readonly string[]): Promise<string[]>
  /** Removes these grants, and the codes and tokens issued under them. */
  destroyGrants(grantIds: readonly string[]): Promise<void>
  /** Removes codes, tokens and grants that an account gave one application. */
  destroyGrantsFor(accountId: string, clientId: string): Promise<void>
  /** Removes codes, tokens and grants of an account. Returns how many. */
  destroyGrantsOf(accountId: string): Promise<number>
}

interface ArtifactRow {
  readonly payload: string
  readonly consumed_at: number | null
}

/** When a row may go (ms), null: never. `expiresIn` in seconds. */
const rowEnd = (expiresIn: number | undefined, nowMs: number): number | null =>
  expiresIn === undefined || Number.isNaN(expiresIn)
    ? null
    : nowMs + expiresIn * 1000 + KEPT_AFTER_END_MS

const UPSERT = `INSERT INTO op_artifacts
    (model, id, payload, grant_id, account_id, user_code, consumed_at, expires_at)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (model, id) DO UPDATE SET
    payload = excluded.payload, grant_id = excluded.grant_id, account_id = excluded.account_id,
    user_code = excluded.user_code, expires_at = excluded.expires_at,
    consumed_at = COALESCE(op_artifacts.consumed_at, excluded.consumed_at)`

const FIND = `SELECT payload, consumed_at FROM op_artifacts
  WHERE model = ? AND id = ? AND (expires_at IS NULL OR expires_at > ?)`

const FIND_BY_USER_CODE = `SELECT payload, consumed_at FROM op_artifacts
  WHERE model = ? AND user_code = ? AND (expires_at IS NULL OR expires_at > ?)`

const CONSUME = `UPDATE op_artifacts SET consumed_at = ?
  WHERE model = ? AND id = ? AND consumed_at IS NULL`

const UNIQUE = `INSERT INTO op_artifacts (model, id, payload, expires_at) VALUES (?, ?, '{}', ?)
  ON CONFLICT (model, id) DO UPDATE SET expires_at = excluded.expires_at
  WHERE op_artifacts.expires_at <= ?`

const DESTROY_GRANT = `DELETE FROM op_artifacts
  WHERE grant_id = ? OR (model = 'Grant' AND id = ?)`

const DESTROY_GRANTS_FOR = `DELETE FROM op_artifacts
  WHERE account_id = ? AND json_extract(payload, '$.clientId') = ?`

const HOLDERS = `SELECT account_id FROM op_sessions
    WHERE account_id IN (SELECT value FROM json_each(?1))
  UNION SELECT account_id FROM op_artifacts
    WHERE account_id IN (SELECT value FROM json_each(?1))`

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** What the OP itself answers to whoever comes second. */
const alreadyUsed = (model: string): Error =>
  model === 'PushedAuthorizationRequest'
    ? new errors.InvalidRequestUri('request_uri was already used')
    : new errors.InvalidGrant(`${model} already consumed`)

/** The OP destroys an id in two cases. In one, the running request gives its session another. */
const isReplaced = (id: string): boolean => {
  const session = Provider.ctx?.oidc?.session
  return session !== undefined && 'oldId' in session && session.oldId === id
}

const payloadOf = (row: unknown): AdapterPayload | undefined => {
  if (row === undefined) {
    return undefined
  }
  const { payload, consumed_at: consumed } = row as ArtifactRow
  const parsed = JSON.parse(payload) as AdapterPayload
  return consumed === null ? parsed : { ...parsed, consumed }
}

const createArtifactAdapter = (sqlite: Sqlite, clock: Clock, model: string): Adapter => ({
  upsert: (id, payload, expiresIn) =>
    sqlite.write((direct) => {
      direct
        .prepare(UPSERT)
        .run(
          model,
          id,
          JSON.stringify(payload),
          text(payload.grantId),
          text(payload.accountId),
          text(payload.userCode),
          typeof payload.consumed === 'number' ? payload.consumed : null,
          rowEnd(expiresIn, clock()),
        )
    }),
  find: (id) => sqlite.read((direct) => payloadOf(direct.prepare(FIND).get(model, id, clock()))),
  findByUserCode: (code) =>
    sqlite.read((direct) => payloadOf(direct.prepare(FIND_BY_USER_CODE).get(model, code, clock()))),
  findByUid: async () => undefined, // Sessions alone have one.
  // RFC 6749 §4.1.2: a code is used once. The OP has looked before, and so have parallel requests.
  consume: (id) =>
    sqlite.write((direct) => {
      const nowSeconds = Math.floor(clock() / 1000)
      if (direct.prepare(CONSUME).run(nowSeconds, model, id).changes !== 1) {
        throw alreadyUsed(model)
      }
    }),
  destroy: (id) =>
    sqlite.write((direct) => {
      direct.prepare('DELETE FROM op_artifacts WHERE model = ? AND id = ?').run(model, id)
    }),
  // The OP asks it of each model in turn; all of a grant go together.
  revokeByGrantId: (grantId) =>
    sqlite.write((direct) => {
      direct.prepare('DELETE FROM op_artifacts WHERE grant_id = ?').run(grantId)
    }),
})

/** What the OP keeps, in SQLite. */
export const createOpStore = (
  sqlite: Sqlite,
  clock: Clock,
  mergeSession?: MergeSession,
): OpStore => {
  const { adapter, ...sessions } = createSessionAdapter(sqlite, clock, {
    isReplaced,
    ...(mergeSession === undefined ? {} : { mergeSession }),
  })
  return {
    ...sessions,
    Adapter: (model) =>
      model === 'Session' ? adapter : createArtifactAdapter(sqlite, clock, model),
    replayUnique: (iss, jti, expSeconds) =>
      sqlite.write((direct) => {
        const id = createHash('sha256')
          .update(JSON.stringify([iss, jti]))
          .digest('base64url')
        const end = expSeconds * 1000 + KEPT_AFTER_END_MS
        const { changes } = direct.prepare(UNIQUE).run('ReplayDetection', id, end, clock())
        return changes === 1
      }),
    holders: (accountIds) =>
      sqlite.read(({ prepare }) => {
        const rows = prepare(HOLDERS).all(JSON.stringify(accountIds))
        return rows.map(({ account_id: accountId }) => String(accountId))
      }),
    destroyGrants: (grantIds) =>
      sqlite.write(({ prepare }) => {
        for (const grantId of grantIds) {
          prepare(DESTROY_GRANT).run(grantId, grantId)
        }
      }),
    destroyGrantsFor: (accountId, clientId) =>
      sqlite.write((direct) => {
        direct.prepare(DESTROY_GRANTS_FOR).run(accountId, clientId)
      }),
    destroyGrantsOf: (accountId) =>
      sqlite.write((direct) =>
        Number(
          direct.prepare('DELETE FROM op_artifacts WHERE account_id = ?').run(accountId).changes,
        ),
      ),
  }
}
