import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AUDIT_KEPT_MS } from '../../accounts/audit.ts'
import {
  type AuditKeys,
  createAuditKeys,
  createAuditSealer,
  erasedMark,
  purgeAudit,
} from '../../accounts/audit_seal.ts'
import { type Finding, verifyAudit } from '../../accounts/audit_verify.ts'
import type { AuditEntry, Random } from '../../accounts/ports.ts'
import { openChainReader } from '../../adapters/chain_reader.ts'
import { openCheckpointFile, readCheckpointFile } from '../../adapters/checkpoint_file.ts'
import { DATABASE_FILE, type OpenedStore, openStore } from '../../adapters/open.ts'
import { NOW } from '../adapters/record.ts'

/** Without the gateway around it. */
export const RANDOM: Random = { bytes: (size) => randomBytes(size), below: () => 0 }

export const KEYS: AuditKeys = createAuditKeys(Buffer.alloc(32, 7))

export const entryOf = (nth: number, more: Partial<AuditEntry> = {}): AuditEntry => ({
  id: `entry ${nth}`,
  atMs: NOW + nth * 1_000,
  act: 'login_right',
  outcome: 'done',
  actor: 'lea',
  sub: 'lea',
  clientId: 'ent',
  network: '192.0.2.0/24',
  browserId: 'b1',
  detail: { nth },
  ...more,
})

/** An audit on a real database file, with its sealer. */
export interface Archive {
  readonly opened: OpenedStore
  readonly folder: string
  readonly checkpoints: string
  now: number
  append(from: number, to: number, more?: Partial<AuditEntry>): Promise<void>
  /** Seals all there is, with a checkpoint. */
  seal(): Promise<void>
  /** What somebody does who can write to the file, and has no key. */
  tamper(...statements: string[]): void
  verify(options?: { file?: boolean; keys?: AuditKeys }): {
    result: ReturnType<typeof verifyAudit>
    found: Finding[]
  }
  /** As the gateway does after 12 months. */
  purge(nowMs: number): ReturnType<typeof purgeAudit>
  close(): Promise<void>
}

export const openArchive = async (folder: string): Promise<Archive> => {
  const checkpoints = join(folder, 'audit_checkpoints.jsonl')
  const opened = await openStore({
    dataFolder: folder,
    clock: () => NOW,
    markErased: (seq, commitment) => erasedMark(KEYS, seq, commitment),
  })
  const seals = opened.auditSeals
  const archive: Archive = {
    opened,
    folder,
    checkpoints,
    now: NOW,
    append: (from, to, more) =>
      opened.store.audit.appendAll(
        Array.from({ length: to - from + 1 }, (_, index) => entryOf(from + index, more)),
      ),
    seal: () =>
      createAuditSealer({
        seals,
        keys: KEYS,
        clock: () => archive.now,
        random: RANDOM,
        mayI: async () => true,
        publish: openCheckpointFile(checkpoints).append,
      }).finish(),
    tamper: (...statements) => {
      const raw = new DatabaseSync(join(folder, DATABASE_FILE))
      for (const statement of statements) {
        raw.exec(statement)
      }
      raw.close()
    },
    verify: ({ file = false, keys = KEYS } = {}) => {
      const chain = openChainReader(folder)
      const found: Finding[] = []
      const result = verifyAudit({
        chain,
        keys,
        lines: (file ? readCheckpointFile(checkpoints) : null) ?? [],
        found: (finding) => found.push(finding),
        progress: () => {},
      })
      chain.close()
      return { result, found }
    },
    purge: (nowMs) => purgeAudit({ seals, keys: KEYS }, nowMs - AUDIT_KEPT_MS),
    close: () => opened.close(),
  }
  return archive
}
