import { browserTests } from './browser_tests.ts'

export interface Count {
  readonly passed: number
  readonly failed: number
}

/** The test files under `folder` that cannot run while these packages are missing. */
export const leftOut = (missing: readonly string[], folder: string): string[] =>
  missing.length === 0 ? [] : browserTests(folder)

/** What is said before the tests: the packages, how to get them, and each file that waits for them. */
export const leftOutNotice = (missing: readonly string[], files: readonly string[]): string[] =>
  missing.length === 0
    ? ['All there.']
    : [
        `Missing, and not installed from here (that takes root or sudo): ${missing.join(', ')}`,
        `By hand: apt-get install --no-install-recommends ${missing.join(' ')}`,
        ...files.map((file) => `Left out: ${file}`),
      ]

/** Whether `CI` says that nothing may be left out. */
export const nothingMayBeLeftOut = (ci: string | undefined): boolean =>
  ['true', '1'].includes(ci ?? '')

/** The last lines, and the exit code. What was left out fails where nothing may be. */
export function verdict(
  counts: readonly Count[],
  files: readonly string[],
  ci: string | undefined,
): { lines: string[]; exitCode: 0 | 1 } {
  const forbidden = nothingMayBeLeftOut(ci) ? files.length : 0
  const passed = counts.reduce((sum, one) => sum + one.passed, 0)
  const failed = counts.reduce((sum, one) => sum + one.failed, forbidden)
  const lines = [
    ...(files.length > 0 ? [`Left out for want of a browser: ${files.join(', ')}`] : []),
    ...(forbidden > 0 ? [`With CI=${ci} nothing may be left out.`] : []),
    `\n${passed} passed, ${failed} failed`,
  ]
  return { lines, exitCode: failed === 0 ? 0 : 1 }
}
