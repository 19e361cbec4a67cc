import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { passwordOwner } from '../../accounts/sign_in.ts'
import { finishBatches, forgetBatches } from '../../accounts/temporary_passwords.ts'
import type { Premises } from '../../bench/premises.ts'
import type { Core } from '../../provider/wire.ts'
import {
  accountOf,
  auditOf,
  importPeople,
  peopleFile,
  temporaryPremises,
  withCore,
} from './premises.ts'

const OWN = 'Tilleul-Papier-27'
const LANE = { known: true, key: 'test' }
/** More than two transactions bring into force. */
const PEOPLE = 230
const LOOKED_AT = [0, 57, 99, 100, 150, 199, 200, 229]
const HOUR_MS = 3_600_000

const school = async (): Promise<Premises> => {
  const premises = await temporaryPremises()
  await importPeople(premises, peopleFile(PEOPLE, 'personal_password', OWN))
  return premises
}

/** Runs the child up to where it stops, and kills it there. Returns the batch. */
const killedAt = async (premises: Premises, stopAt: string, batch = ''): Promise<string> => {
  const command = ['test/processes/password_child.ts', premises.config, premises.folder, stopAt]
  const { child, output } = premises.run([...command, batch])
  let ended = false
  void child.ended.then(() => {
    ended = true
  })
  while (!output().includes('stopped') && !ended) await nextTurn()
  child.kill()
  await child.ended
  const [, id = ''] = /stopped (\w+)/.exec(output()) ?? []
  expect(id, output()).not.toBe('')
  return id
}

/** Runs it to its end. */
const ran = async (premises: Premises): Promise<string> => {
  const command = ['test/processes/password_child.ts', premises.config, premises.folder, '']
  const { child, output } = premises.run(command)
  await child.ended
  const [, id = ''] = /done (\w+)/.exec(output()) ?? []
  expect(id, output()).not.toBe('')
  return id
}

const cardsOf = ({ folder }: Premises): ReadonlyMap<string, string> =>
  new Map(
    readFileSync(join(folder, 'cards.txt'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  )

const stateOf = async ({ deps }: Core, id: string) =>
  (await deps.store.passwordBatches.list(10)).find((one) => one.id === id)?.state

const isRight = async (core: Core, identifier: string, password: string): Promise<boolean> => {
  const { sub, password: kept } = await accountOf(core, identifier)
  const owner = passwordOwner(sub)
  return (await core.deps.hasher.verify(password, kept?.sealed ?? null, owner, LANE)).right
}

/** How many people have a password of this batch. */
const inForce = async ({ deps }: Core, id: string): Promise<number> => {
  const all = await deps.store.people.page({}, null, 1000)
  return all.filter(({ password }) => password?.batchId === id).length
}

const expectOwn = async (core: Core): Promise<void> => {
  for (const nth of LOOKED_AT) {
    expect(await isRight(core, `person.${nth}`, OWN), `person.${nth}`).toBe(true)
  }
}

/** Each has their card, the audit and the notice, once. */
const expectCards = async (core: Core, cards: ReadonlyMap<string, string>): Promise<void> => {
  expect(cards.size).toBe(PEOPLE)
  for (const nth of LOOKED_AT) {
    const identifier = `person.${nth}`
    expect(await isRight(core, identifier, cards.get(identifier) ?? ''), identifier).toBe(true)
  }
  const replaced = await auditOf(core, { act: 'password_replaced' })
  expect(new Set(replaced.map(({ sub }) => sub)).size).toBe(PEOPLE)
  expect(replaced).toHaveLength(PEOPLE)
}

describe('whoever generates passwords and is killed', () => {
  for (const where of [`card ${PEOPLE / 2}`, 'close', 'transaction 1']) {
    it(`before its files are complete (${where}) has changed nobody’s password`, async () => {
      const premises = await school()
      const id = await killedAt(premises, where)
      await withCore(premises, async (core) => {
        const { deps, endEverythingOf } = core
        expect(await finishBatches(deps, endEverythingOf)).toBe(0)
        expect(await stateOf(core, id)).toBe('prepared')
        await expectOwn(core)
        expect(await inForce(core, id)).toBe(0)
        expect(await auditOf(core, { act: 'passwords_generated' })).toEqual([])
        await forgetBatches({ ...deps, clock: () => Date.now() + HOUR_MS + 1 })
        expect(await stateOf(core, id)).toBeUndefined()
      })
    })
  }

  it('while they come into force leaves that to whoever comes next, and nothing half done', async () => {
    const premises = await school()
    const id = await killedAt(premises, 'transaction 3')
    await withCore(premises, async (core) => {
      const { deps, endEverythingOf } = core
      expect(await stateOf(core, id)).toBe('entering')
      const some = await inForce(core, id)
      expect(some).toBeGreaterThan(0)
      expect(some).toBeLessThan(PEOPLE)
      expect(await auditOf(core, { act: 'password_replaced' })).toHaveLength(some)
      expect(await finishBatches(deps, endEverythingOf)).toBe(1)
      expect(await stateOf(core, id)).toBe('in_force')
      await expectCards(core, cardsOf(premises))
    })
  })

  it('and so does whoever takes them back', async () => {
    const premises = await school()
    const id = await ran(premises)
    await withCore(premises, (core) => expectCards(core, cardsOf(premises)))
    await killedAt(premises, 'transaction 3', id)
    await withCore(premises, async (core) => {
      const { deps, endEverythingOf } = core
      expect(await stateOf(core, id)).toBe('leaving')
      const some = await inForce(core, id)
      expect(some).toBeGreaterThan(0)
      expect(some).toBeLessThan(PEOPLE)
      expect(await deps.store.passwordBatches.use(id, Date.now())).toBe(false)
      expect(await finishBatches(deps, endEverythingOf)).toBe(1)
      expect(await stateOf(core, id)).toBe('taken_back')
      expect(await inForce(core, id)).toBe(0)
      await expectOwn(core)
      expect(await auditOf(core, { act: 'password_given_back' })).toHaveLength(PEOPLE)
    })
  })
})
