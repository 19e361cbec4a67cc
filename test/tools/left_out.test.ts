import { describe, expect, it } from 'vitest'
import { leftOut, leftOutNotice, verdict } from '../../tools/left_out.ts'

const TESTS = 'test'
const GREEN = [
  { passed: 1, failed: 0 },
  { passed: 40, failed: 0 },
]

describe('npm test on a machine without a browser and without root', () => {
  const missing = ['chromium', 'fonts-dejavu-core']
  const files = leftOut(missing, TESTS)

  it('leaves out the tests that drive a browser, and no other', () => {
    expect(files).toContain('test/browser/sign_in.test.ts')
    expect(files).toContain('test/pages.test.ts')
    expect(files).not.toContain('test/sign_in.test.ts')
    expect(files).not.toContain('test/tools/left_out.test.ts')
  })

  it('names the packages, the way to get them, and every file that it leaves out', () => {
    const [packages, byHand, ...named] = leftOutNotice(missing, files)
    expect(packages).toContain('chromium, fonts-dejavu-core')
    expect(byHand).toBe(
      'By hand: apt-get install --no-install-recommends chromium fonts-dejavu-core',
    )
    expect(named).toEqual(files.map((file) => `Left out: ${file}`))
  })

  it('names the files once more at the end, and passes with what ran', () => {
    expect(verdict(GREEN, files, undefined)).toEqual({
      lines: [`Left out for want of a browser: ${files.join(', ')}`, '\n41 passed, 0 failed'],
      exitCode: 0,
    })
  })

  it.each(['true', '1'])('fails with CI=%s, once for each file', (ci) => {
    const { lines, exitCode } = verdict(GREEN, files, ci)
    expect(exitCode).toBe(1)
    expect(lines).toContain(`With CI=${ci} nothing may be left out.`)
    expect(lines.at(-1)).toBe(`\n41 passed, ${files.length} failed`)
  })
})

describe('npm test where everything is there', () => {
  it('leaves nothing out', () => {
    expect(leftOut([], TESTS)).toEqual([])
    expect(leftOutNotice([], [])).toEqual(['All there.'])
  })

  it('passes with CI=true when nothing failed, and fails when one test did', () => {
    expect(verdict(GREEN, [], 'true')).toEqual({ lines: ['\n41 passed, 0 failed'], exitCode: 0 })
    const red = [...GREEN, { passed: 2, failed: 1 }]
    expect(verdict(red, [], undefined)).toEqual({ lines: ['\n43 passed, 1 failed'], exitCode: 1 })
  })
})
