import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createAuditSealer } from '../../accounts/audit_seal.ts'
import { openCheckpointFile } from '../../adapters/checkpoint_file.ts'
import { DATABASE_FILE } from '../../adapters/open.ts'
import { entryOf, RANDOM } from '../support/audit_chain.ts'
import { type Office, openOffice } from './office.ts'

let office: Office
beforeEach(async () => {
  office = await openOffice()
})
afterEach(() => office.close())

const checkpoints = (): string => join(office.folder, 'data', 'audit_checkpoints.jsonl')

const seal = (): Promise<void> =>
  createAuditSealer({
    seals: office.core.opened.auditSeals,
    keys: office.core.auditKeys,
    clock: () => office.now(),
    random: RANDOM,
    mayI: async () => true,
    publish: openCheckpointFile(checkpoints()).append,
  }).finish()

const append = (from: number, to: number): Promise<void> =>
  office.core.deps.store.audit.appendAll(
    Array.from({ length: to - from + 1 }, (_, index) => entryOf(from + index)),
  )

const tamper = (...statements: string[]): void => {
  const raw = new DatabaseSync(join(office.folder, 'data', DATABASE_FILE))
  for (const statement of statements) {
    raw.exec(statement)
  }
  raw.close()
}

describe('audit verify', () => {
  it('says what is proved, how far, and what is not sealed yet', async () => {
    await append(1, 8)
    await seal()
    await append(9, 10)
    const { code, stdout, stderr } = await office.vestibule('audit', 'verify')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toContain('sealed entries checked: 8, up to entry 8')
    expect(stdout).toMatch(/not sealed yet: 2, since 20\d\d-\d\d-\d\dT[\d:]{8}Z/)
    expect(stdout).toContain('checkpoints checked: 2')
    expect(stdout).toContain('nothing was tampered with')
  })

  it('names what was altered and removed, with place and time, and exits with 1', async () => {
    await append(1, 8)
    await seal()
    tamper(
      "UPDATE audit_log SET act = 'login_refused' WHERE seq = 3",
      'DELETE FROM audit_log WHERE seq = 6',
    )
    const { code, stdout, stderr } = await office.vestibule('audit', 'verify')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^entry 3: is not what was sealed.*\(20\d\d-.*Z\)\nentry 6: was removed/)
    expect(stdout).toContain('2 findings')
    const machines = await office.vestibule('audit', 'verify', '--json')
    expect(machines.code).toBe(1)
    expect(JSON.parse(machines.stdout)).toMatchObject({
      findings: 2,
      found: [
        { kind: 'altered', first: 3 },
        { kind: 'removed', first: 6 },
      ],
    })
  })

  it('finds an end that was cut off with its seals by a copy of the checkpoints', async () => {
    await append(1, 4)
    await seal()
    office.later(60_000)
    await append(5, 8)
    await seal()
    const copy = office.file('copy.jsonl', readFileSync(checkpoints()))
    tamper(
      'DELETE FROM audit_log WHERE seq > 4',
      'DELETE FROM audit_batches WHERE nth > 1',
      'DELETE FROM audit_checkpoints WHERE batch > 1',
    )
    office.file('data/audit_checkpoints.jsonl', `${readFileSync(copy, 'utf8').split('\n')[0]}\n`)
    expect((await office.vestibule('audit', 'verify')).code).toBe(0)
    const { code, stderr } = await office.vestibule('audit', 'verify', '--checkpoints', copy)
    expect(code).toBe(1)
    expect(stderr).toMatch(/^entries 5 to 8: was cut off.*line 2 of the checkpoints/)
  })

  it('says that a cut off end does not show where there is no file of checkpoints', async () => {
    const { code, stdout } = await office.vestibule('audit', 'verify')
    expect(code).toBe(0)
    expect(stdout).toContain('no file of checkpoints')
    const missing = await office.vestibule('audit', 'verify', '--checkpoints', 'nowhere.jsonl')
    expect([missing.code, missing.stderr]).toEqual([2, expect.stringContaining('There is no file')])
  })
})
