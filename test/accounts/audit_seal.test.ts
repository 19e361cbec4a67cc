import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AUDIT_KEPT_MS } from '../../accounts/audit.ts'
import { BATCH_MAX, createAuditKeys, createAuditSealer, gapsOf } from '../../accounts/audit_seal.ts'
import { openCheckpointFile } from '../../adapters/checkpoint_file.ts'
import { NOW } from '../adapters/record.ts'
import { temporaryFolder } from '../adapters/temporary.ts'
import { type Archive, KEYS, openArchive, RANDOM } from '../support/audit_chain.ts'

const CHILD = join(import.meta.dirname, 'audit_child.ts')

const open = async (folder = temporaryFolder()): Promise<Archive> => {
  const archive = await openArchive(folder)
  onTestFinished(() => archive.close())
  return archive
}

/** Nine entries in three batches, three unsealed behind them: places 1 to 12. */
const nine = async (): Promise<Archive> => {
  const archive = await open()
  for (const first of [1, 4, 7]) {
    await archive.append(first, first + 2)
    archive.now += 60_000
    await archive.seal()
  }
  await archive.append(10, 12)
  return archive
}

const kinds = (archive: Archive, options?: Parameters<Archive['verify']>[0]) =>
  archive.verify(options).found.map(({ kind, first, last }) => [kind, first, last])

describe('the chain of the audit', () => {
  it('proves what was sealed and counts what is not sealed yet', async () => {
    const archive = await nine()
    const { result, found } = archive.verify({ file: true })
    expect(found).toEqual([])
    expect(result).toMatchObject({
      entries: 9,
      batches: 3,
      end: { nth: 3, lastSeq: 9, total: 9 },
      unsealed: 3,
      unsealedSinceMs: NOW + 10_000,
      checkpoints: 6,
      findings: 0,
    })
  })

  it('seals what was there before it, in pieces', async () => {
    const archive = await open()
    for (let from = 1; from < 1_000; from += 500) {
      await archive.append(from, from + 499)
    }
    await archive.seal()
    const { result, found } = archive.verify()
    expect(found).toEqual([])
    expect(result).toMatchObject({ entries: 1_000, batches: 1_000 / BATCH_MAX, unsealed: 0 })
  })

  it.each([
    ['the time of an entry', `UPDATE audit_log SET at_ms = at_ms + 1 WHERE seq = 5`],
    ['the act', `UPDATE audit_log SET act = 'login_refused' WHERE seq = 5`],
    ['the outcome', `UPDATE audit_log SET outcome = 'refused' WHERE seq = 5`],
    ['the id', `UPDATE audit_log SET id = 'other' WHERE seq = 5`],
    ['the application', `UPDATE audit_log SET client_id = NULL WHERE seq = 5`],
    ['whom it concerns', `UPDATE audit_log SET sub = 'tom', actor = 'tom' WHERE seq = 5`],
    ['who did it', `UPDATE audit_log SET actor = 'cli:root' WHERE seq = 5`],
    ['that nobody did it', `UPDATE audit_log SET actor = NULL WHERE seq = 5`],
    ['the network', `UPDATE audit_log SET network = '198.51.100.0/24' WHERE seq = 5`],
    ['the browser', `UPDATE audit_log SET browser_id = NULL WHERE seq = 5`],
    ['the facts', `UPDATE audit_log SET detail = '{"nth":6}' WHERE seq = 5`],
    ['the salt', `UPDATE audit_log SET salt = 'AAAAAAAAAAAAAAAAAAAAAA' WHERE seq = 5`],
    ['the commitment', `UPDATE audit_log SET commitment = 'x' WHERE seq = 5`],
    ['the digest', `UPDATE audit_log SET digest = 'x' WHERE seq = 5`],
    [
      'the digest, by another one',
      `UPDATE audit_log SET digest = (SELECT digest FROM audit_log WHERE seq = 4) WHERE seq = 5`,
    ],
    [
      'all that proves it',
      `UPDATE audit_log SET digest = NULL, salt = NULL, commitment = NULL WHERE seq = 5`,
    ],
  ])('shows which entry was altered: %s', async (_, statement) => {
    const archive = await nine()
    archive.tamper(statement)
    const [finding, ...more] = archive.verify().found
    expect(more).toEqual([])
    expect(finding).toMatchObject({ kind: 'altered', first: 5, last: 5, batch: 2 })
    expect(Math.abs((finding?.atMs ?? 0) - NOW - 5_000)).toBeLessThanOrEqual(1)
  })

  it('shows what was emptied by somebody else than the gateway', async () => {
    const archive = await nine()
    archive.tamper(
      `UPDATE audit_log SET sub = NULL, actor = NULL, network = NULL, browser_id = NULL,
        detail = '{}', salt = NULL WHERE seq = 5`,
    )
    expect(kinds(archive)).toEqual([['emptied', 5, 5]])
    archive.tamper(`UPDATE audit_log SET erased = 'AAAA' WHERE seq = 5`)
    expect(kinds(archive)).toEqual([['emptied', 5, 5]])
  })

  it('shows which entries were removed', async () => {
    const archive = await nine()
    archive.tamper('DELETE FROM audit_log WHERE seq = 5')
    expect(kinds(archive)).toEqual([['removed', 5, 5]])
    archive.tamper('DELETE FROM audit_log WHERE seq = 1')
    expect(kinds(archive)).toEqual([
      ['removed', 1, 1],
      ['removed', 5, 5],
    ])
    archive.tamper('DELETE FROM audit_log WHERE seq BETWEEN 4 AND 6')
    expect(kinds(archive)).toEqual([
      ['removed', 1, 1],
      ['removed', 4, 6],
    ])
  })

  it('shows that an entry was removed even where its place is called a gap', async () => {
    const archive = await nine()
    archive.tamper(
      'DELETE FROM audit_log WHERE seq = 5',
      `UPDATE audit_batches SET gaps = '[[5,5]]', entries = 2 WHERE nth = 2`,
    )
    expect(kinds(archive)).toEqual([['seal_altered', 4, 6]])
  })

  it('shows entries that changed places', async () => {
    const archive = await nine()
    archive.tamper(
      'UPDATE audit_log SET seq = 100 WHERE seq = 5',
      'UPDATE audit_log SET seq = 5 WHERE seq = 8',
      'UPDATE audit_log SET seq = 8 WHERE seq = 100',
    )
    expect(kinds(archive)).toEqual([
      ['altered', 5, 5],
      ['altered', 8, 8],
    ])
  })

  it('shows an entry that slipped in', async () => {
    const archive = await nine()
    archive.tamper(
      'DELETE FROM audit_log WHERE seq = 5',
      `INSERT INTO audit_log (seq, id, at_ms, act, outcome, detail)
        VALUES (5, 'new', ${NOW + 5_000}, 'login_right', 'done', '{}')`,
    )
    expect(kinds(archive)).toEqual([['altered', 5, 5]])
  })

  it('shows links that were altered, exchanged or taken out', async () => {
    const archive = await nine()
    archive.tamper('UPDATE audit_batches SET sealed_at = sealed_at - 1 WHERE nth = 2')
    expect(kinds(archive)).toEqual([['seal_altered', 4, 6]])
    archive.tamper('DELETE FROM audit_batches WHERE nth = 2')
    expect(kinds(archive)).toEqual([
      ['seal_missing', 4, 6],
      ['checkpoint_differs', 6, 6],
    ])
    archive.tamper('DELETE FROM audit_log WHERE seq BETWEEN 4 AND 6')
    expect(kinds(archive)[0]).toEqual(['seal_missing', 4, 6])
  })

  it('shows a beginning that was cut off', async () => {
    const archive = await nine()
    archive.tamper(
      'DELETE FROM audit_log WHERE seq <= 3',
      'DELETE FROM audit_batches WHERE nth = 1',
      'DELETE FROM audit_checkpoints WHERE batch = 1',
    )
    expect(kinds(archive)).toEqual([['beginning', 1, 3]])
    archive.tamper(
      `INSERT INTO audit_anchor (one, nth, last_seq, total, mac, anchor_mac)
        VALUES (1, 1, 3, 3, 'x', 'x')`,
    )
    expect(kinds(archive)[0]).toEqual(['beginning', 3, 3])
  })

  it('shows an end that was cut off, its seals left behind or only some of them taken', async () => {
    const archive = await nine()
    archive.tamper('DELETE FROM audit_log WHERE seq >= 8')
    expect(kinds(archive)).toEqual([['removed', 8, 9]])
    const other = await nine()
    other.tamper('DELETE FROM audit_batches WHERE nth = 3')
    expect(kinds(other)).toEqual([
      ['cut_off', 7, 7],
      ['cut_off', 8, 8],
      ['cut_off', 9, 9],
      ['checkpoint_ahead', 7, 9],
    ])
  })

  it('shows by the file of checkpoints an end that was cut off with all its seals', async () => {
    const archive = await nine()
    archive.tamper(
      'DELETE FROM audit_log WHERE seq >= 7',
      'DELETE FROM audit_batches WHERE nth >= 3',
      'DELETE FROM audit_checkpoints WHERE batch >= 3',
    )
    expect(kinds(archive)).toEqual([])
    const { found } = archive.verify({ file: true })
    expect(found).toMatchObject([{ kind: 'checkpoint_ahead', first: 7, last: 9, line: 3 }])
  })

  it('shows by that file an end that was cut off and sealed anew', async () => {
    const archive = await nine()
    archive.tamper(
      'DELETE FROM audit_log WHERE seq >= 7',
      'DELETE FROM audit_batches WHERE nth >= 3',
      'DELETE FROM audit_checkpoints WHERE batch >= 3',
    )
    await archive.append(20, 30)
    await archive.seal()
    const { found } = archive.verify({ file: true })
    expect(found).toMatchObject([{ kind: 'checkpoint_differs', last: 9, line: 3 }])
  })

  it('tells lines of that file that are forged, and passes over torn ones', async () => {
    const archive = await nine()
    const text = readFileSync(archive.checkpoints, 'utf8')
    writeFileSync(archive.checkpoints, text.replace('"entries":6', '"entries":5'))
    expect(archive.verify({ file: true }).found).toMatchObject([
      { kind: 'checkpoint_forged', line: 2 },
    ])
    writeFileSync(archive.checkpoints, `${text}{"v":1,"at":"20`)
    expect(archive.verify({ file: true }).result).toMatchObject({ findings: 0, unreadable: 1 })
    archive.now += 60_000
    await archive.seal()
    expect(readFileSync(archive.checkpoints, 'utf8')).toContain('"20\n{"v":1')
    expect(archive.verify({ file: true }).result).toMatchObject({ findings: 0, checkpoints: 9 })
  })

  it('is somebody else’s under other keys', async () => {
    const archive = await nine()
    const { found } = archive.verify({ keys: createAuditKeys(Buffer.alloc(32, 8)) })
    expect(found.filter(({ kind }) => kind === 'altered')).toHaveLength(9)
  })

  it('remembers places that no entry ever had', async () => {
    expect(gapsOf(3, [4, 6, 7, 10])).toEqual([
      [5, 5],
      [8, 9],
    ])
    const archive = await open()
    await archive.append(1, 6)
    archive.tamper('DELETE FROM audit_log WHERE seq IN (1, 2, 4)')
    await archive.seal()
    expect(kinds(archive)).toEqual([])
    archive.tamper(
      `INSERT INTO audit_log (seq, id, at_ms, act, outcome, detail)
        VALUES (4, 'new', ${NOW}, 'login_right', 'done', '{}')`,
    )
    expect(kinds(archive)).toEqual([['slipped_in', 4, 4]])
  })
})

describe('an audit that forgets', () => {
  it('says nothing more of somebody who was erased, and is whole still', async () => {
    const archive = await nine()
    const { audit } = archive.opened.store
    await audit.append({ ...ENTRY_ON_LEA, actor: 'admin' })
    await audit.append({ ...ENTRY_ON_LEA, id: 'of lea on tom', actor: 'lea', sub: 'tom' })
    await archive.seal()
    await audit.forgetPerson('lea')
    const rows = await audit.list({}, 100)
    expect(rows.filter(({ sub }) => sub === 'lea')).toEqual([])
    expect(rows.find(({ id }) => id === 'on lea')).toMatchObject({
      actor: 'admin',
      sub: null,
      network: null,
      browserId: null,
      detail: {},
    })
    // An opaque name stays with what was done to others.
    expect(rows.filter(({ actor }) => actor === 'lea').map(({ id }) => id)).toEqual([
      'of lea on tom',
    ])
    const { result, found } = archive.verify({ file: true })
    expect(found).toEqual([])
    expect(result).toMatchObject({ erased: 13, entries: 14 })
    archive.tamper(`UPDATE audit_log SET sub = 'tom', actor = 'tom' WHERE seq = 5`)
    expect(kinds(archive)).toEqual([['emptied', 5, 5]])
    archive.tamper(`UPDATE audit_log SET actor = 'other' WHERE id = 'on lea'`)
    expect(kinds(archive)).toEqual([
      ['emptied', 5, 5],
      ['altered', 13, 13],
    ])
  })

  it('seals what was erased before it was sealed', async () => {
    const archive = await open()
    await archive.append(1, 3)
    await archive.opened.store.audit.forgetPerson('lea')
    await archive.seal()
    const { result } = archive.verify()
    expect(result).toMatchObject({ findings: 0, entries: 3, erased: 0 })
  })

  it('forgets whole batches after twelve months, and what was not sealed never', async () => {
    const archive = await nine()
    const { audit } = archive.opened.store
    expect(await archive.purge(NOW + AUDIT_KEPT_MS + 2_999)).toEqual({ dropped: 0, refused: null })
    expect(await archive.purge(NOW + AUDIT_KEPT_MS + 6_000)).toEqual({ dropped: 6, refused: null })
    expect(await audit.list({}, 100)).toHaveLength(6)
    expect(archive.verify({ file: true })).toMatchObject({
      found: [],
      result: { entries: 3, purged: 6, unsealed: 3, end: { total: 9 } },
    })
    expect(await archive.purge(NOW + 2 * AUDIT_KEPT_MS)).toEqual({ dropped: 3, refused: null })
    expect(await audit.list({}, 100)).toHaveLength(3)
    await archive.seal()
    expect(archive.verify({ file: true })).toMatchObject({
      found: [],
      result: { entries: 3, purged: 9, unsealed: 0, end: { nth: 4, total: 12 } },
    })
  })

  it('shows what is cut off behind a purge, and an anchor that is not ours', async () => {
    const archive = await nine()
    await archive.purge(NOW + AUDIT_KEPT_MS + 3_000)
    archive.tamper('DELETE FROM audit_log WHERE seq = 4')
    expect(kinds(archive)).toEqual([['removed', 4, 4]])
    archive.tamper(
      'DELETE FROM audit_log WHERE seq <= 6',
      'DELETE FROM audit_batches WHERE nth = 2',
    )
    expect(kinds(archive)[0]).toEqual(['seal_missing', 4, 6])
    archive.tamper(`UPDATE audit_anchor SET nth = 2, last_seq = 6,
      mac = (SELECT mac FROM audit_checkpoints WHERE batch = 2)`)
    expect(kinds(archive)[0]).toEqual(['beginning', 6, 6])
  })

  it('keeps what is not as it was sealed: nobody has the gateway destroy its own proof', async () => {
    const archive = await nine()
    archive.tamper('UPDATE audit_batches SET newest_ms = 1 WHERE nth = 1')
    expect(await archive.purge(NOW)).toMatchObject({ dropped: 0, refused: { nth: 1 } })
    expect(await archive.opened.store.audit.list({}, 100)).toHaveLength(12)
  })
})

const ENTRY_ON_LEA = {
  id: 'on lea',
  atMs: NOW + 20_000,
  act: 'pin_generated',
  outcome: 'done',
  actor: 'admin',
  sub: 'lea',
  clientId: null,
  network: '192.0.2.0/24',
  browserId: 'b1',
  detail: { name: 'Léa' },
} as const

describe('the sealer', () => {
  const sealerOf = (archive: Archive, mayI: () => Promise<boolean> = async () => true) =>
    createAuditSealer({
      seals: archive.opened.auditSeals,
      keys: KEYS,
      clock: () => archive.now,
      random: RANDOM,
      mayI,
      publish: openCheckpointFile(archive.checkpoints).append,
    })

  it('seals in the round after the one that saw an entry, with at most one checkpoint a minute', async () => {
    const archive = await open()
    const sealer = sealerOf(archive)
    await archive.append(1, 3)
    await sealer.round()
    expect(archive.verify().result).toMatchObject({ entries: 0, unsealed: 3 })
    await sealer.round()
    expect(archive.verify().result).toMatchObject({ entries: 3, unsealed: 0, checkpoints: 1 })
    await archive.append(4, 6)
    await sealer.round()
    await sealer.round()
    expect(archive.verify().result).toMatchObject({ entries: 6, checkpoints: 1 })
    archive.now += 60_000
    await sealer.round()
    expect(archive.verify({ file: true }).result).toMatchObject({ checkpoints: 4, findings: 0 })
  })

  it('asks nobody and writes nothing while there is nothing to seal', async () => {
    const archive = await open()
    let asked = 0
    const sealer = sealerOf(archive, async () => {
      asked += 1
      return true
    })
    await archive.append(1, 1)
    for (let nth = 0; nth < 3; nth += 1) {
      await sealer.round()
    }
    const once = asked
    for (let nth = 0; nth < 10; nth += 1) {
      await sealer.round()
    }
    expect(asked).toBe(once)
  })

  it('leaves it to who holds the lease, and makes one chain whoever it is', async () => {
    const archive = await open()
    const beside = await open(archive.folder)
    await archive.append(1, 5)
    const idle = sealerOf(beside, async () => false)
    await idle.round()
    await idle.round()
    await idle.finish()
    expect(archive.verify().result.entries).toBe(0)
    // Even two who both believe that it is theirs.
    const one = sealerOf(archive)
    const two = sealerOf(beside)
    for (let nth = 0; nth < 5; nth += 1) {
      await archive.append(10 * nth + 10, 10 * nth + 19)
      await Promise.all([one.round(), two.round()])
    }
    await Promise.all([one.finish(), two.finish()])
    const { result, found } = archive.verify({ file: true })
    expect(found).toEqual([])
    expect(result).toMatchObject({ entries: 55, unsealed: 0 })
  })

  it('goes on with the chain after a restart', async () => {
    const folder = temporaryFolder()
    const before = await openArchive(folder)
    await before.append(1, 5)
    await before.seal()
    await before.close()
    const archive = await open(folder)
    await archive.append(6, 8)
    await archive.seal()
    expect(archive.verify({ file: true })).toMatchObject({
      found: [],
      result: { entries: 8, batches: 2 },
    })
  })

  it('brings the checkpoint to its file that a crash left out', async () => {
    const archive = await open()
    await archive.append(1, 5)
    const dying = createAuditSealer({
      seals: archive.opened.auditSeals,
      keys: KEYS,
      clock: () => archive.now,
      random: RANDOM,
      mayI: async () => true,
      publish: () => Promise.reject(new Error('killed')),
    })
    await expect(dying.finish()).rejects.toThrow('killed')
    expect(archive.verify().result).toMatchObject({ entries: 5, checkpoints: 1 })
    expect(existsSync(archive.checkpoints)).toBe(false)
    for (const nth of [1, 2]) {
      await sealerOf(archive).round()
      const lines = readFileSync(archive.checkpoints, 'utf8').trim().split('\n')
      expect(lines, `start ${nth}`).toHaveLength(1)
    }
    expect(archive.verify({ file: true }).result).toMatchObject({ checkpoints: 2, findings: 0 })
  })

  it('leaves a whole chain when it is killed at any moment', async () => {
    const folder = temporaryFolder()
    for (let nth = 0; nth < 4; nth += 1) {
      const child = spawn(process.execPath, [CHILD, folder, String(nth)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const lines = createInterface({ input: child.stdout })
      for (let said = 0; said < 3 + 4 * nth; said += 1) {
        await once(lines, 'line')
      }
      child.kill('SIGKILL')
      await once(child, 'close')
      const archive = await openArchive(folder)
      expect(archive.verify({ file: true })).toMatchObject({ found: [] })
      await archive.close()
    }
    const archive = await open(folder)
    await archive.seal()
    const { result, found } = archive.verify({ file: true })
    expect(found).toEqual([])
    expect(result.unsealed).toBe(0)
    expect(result.batches).toBeGreaterThan(10)
  })
})
