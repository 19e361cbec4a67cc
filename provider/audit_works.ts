import type { Logger } from 'pino'
import { AUDIT_KEPT_MS, randomId } from '../accounts/audit.ts'
import { type AuditSealer, createAuditSealer, purgeAudit } from '../accounts/audit_seal.ts'
import { openCheckpointFile } from '../adapters/checkpoint_file.ts'
import { repeat } from './repeat.ts'
import type { Settings } from './settings.ts'
import { checkpointsPath } from './settings.ts'
import type { Core } from './wire.ts'

/** Two rounds are less than a second, which an entry waits for at most. */
const SEAL_PAUSE_MS = 400
const LEASE = 'audit'
/** Somebody else seals this long after the one who did was killed. */
const LEASE_MS = 5_000

/** Whether this process may seal: asks the database only when the answer is about to be over. */
const leaseOf = ({ deps }: Core) => {
  const holder = randomId(deps.random)
  let askedMs = Number.NEGATIVE_INFINITY
  return {
    take: async (): Promise<boolean> => {
      const nowMs = deps.clock()
      if (nowMs >= askedMs && nowMs - askedMs < LEASE_MS / 2) {
        return true
      }
      const mine = await deps.store.leases.take(LEASE, holder, nowMs, LEASE_MS)
      askedMs = mine ? nowMs : Number.NEGATIVE_INFINITY
      return mine
    },
    release: () => deps.store.leases.release(LEASE, holder),
  }
}

/** Seals the audit beside everything else, so that no sign-in waits for another one. */
export const startAuditWorks = (
  settings: Settings,
  core: Core,
  log: Logger,
  sealsHere: boolean,
) => {
  const { deps, auditKeys: keys } = core
  const seals = core.opened.auditSeals
  const lease = leaseOf(core)
  const file = openCheckpointFile(checkpointsPath(settings))
  const sealer: AuditSealer = createAuditSealer({
    seals,
    keys,
    clock: deps.clock,
    random: deps.random,
    mayI: sealsHere ? lease.take : async () => false,
    publish: file.append,
  })
  let running: Promise<void> = Promise.resolve()
  let stopping = false
  const round = (): Promise<void> => {
    running = sealer.round().catch((error: unknown) => {
      log[stopping ? 'debug' : 'error']({ err: error }, 'sealing of the audit failed')
    })
    return running
  }
  const sealing = sealsHere ? repeat(SEAL_PAUSE_MS, round) : null
  return {
    purge: async (): Promise<void> => {
      const { refused } = await purgeAudit({ seals, keys }, deps.clock() - AUDIT_KEPT_MS)
      if (refused !== null) {
        const { nth, afterSeq, lastSeq } = refused
        log.error(
          { batch: nth, after: afterSeq, last: lastSeq },
          'the audit is not purged: its oldest entries are not what was sealed; see: audit verify',
        )
      }
    },
    stop: async (): Promise<void> => {
      stopping = true
      sealing?.stop()
      await running
      await sealer.finish()
      await lease.release()
    },
  }
}
