/**
 * `npm test [-- FILTER…]`: everything that must hold, in one command. Ends with one line,
 * `N passed, N failed`, and exit code 1 when anything failed. Each check (format, lint, types)
 * counts as one. A filter goes to vitest and leaves the checks as they are.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { installDebianPackages, missingDebianPackages } from './debian_packages.ts'
import { type Count, leftOut, leftOutNotice, nothingMayBeLeftOut, verdict } from './left_out.ts'

/** What we read of vitest's JSON report. */
type Report = {
  numPassedTests: number
  numFailedTests: number
  numPendingTests: number
  testResults: { status: string; assertionResults: unknown[] }[]
}

const CHECKS = [
  { title: 'Format', command: ['biome', 'check', '--linter-enabled=false'], on: '.' },
  { title: 'Lint', command: ['biome', 'lint', '--error-on-warnings'], on: '.' },
  { title: 'Types', command: ['tsc', '-p'], on: '.' },
  { title: 'Types of the browser scripts', command: ['tsc', '-p'], on: 'views/browser' },
]

const ROOT = join(import.meta.dirname, '..')
const CI = process.env['CI']
const PATH = [join(ROOT, 'node_modules', '.bin'), process.env['PATH']].join(delimiter)

const say = (text: string) => process.stdout.write(`${text}\n`)
const heading = (text: string) => say(`\n── ${text} ${'─'.repeat(Math.max(0, 70 - text.length))}`)

function run(command: string, args: string[]): boolean {
  const env = { ...process.env, PATH }
  const { status, error } = spawnSync(command, args, { cwd: ROOT, env, stdio: 'inherit' })
  if (error) say(`${command}: ${error.message}`)
  return status === 0
}

const check = ({ title, command: [program = '', ...args], on }: (typeof CHECKS)[number]): Count => {
  heading(title)
  const all = program === 'biome' ? ['--max-diagnostics=none'] : []
  return run(program, [...args, ...all, on]) ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
}

/** A file that fails before its first test, or an error outside tests, is a failure as well. */
function count(report: Report, succeeded: boolean): Count {
  const brokenFiles = report.testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  ).length
  const skipped = nothingMayBeLeftOut(CI) ? report.numPendingTests : 0
  const failed = report.numFailedTests + brokenFiles + skipped
  return { passed: report.numPassedTests, failed: failed === 0 && !succeeded ? 1 : failed }
}

function tests(filters: string[], without: string[]): Count {
  const folder = mkdtempSync(join(tmpdir(), 'vestibule-tests-'))
  const output = join(folder, 'report.json')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`]
  const excluded = without.map((file) => `--exclude=${file}`)
  try {
    const succeeded = run('vitest', ['run', ...reporters, ...excluded, ...filters])
    if (!existsSync(output)) return { passed: 0, failed: 1 }
    return count(JSON.parse(readFileSync(output, 'utf8')) as Report, succeeded)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

process.chdir(ROOT)
heading('Debian packages')
const missing = installDebianPackages(missingDebianPackages())
const without = leftOut(missing, 'test')
leftOutNotice(missing, without).forEach(say)
const counts = CHECKS.filter(({ on }) => existsSync(join(on, 'tsconfig.json'))).map(check)
heading('Tests')
counts.push(tests(process.argv.slice(2), without))
const { lines, exitCode } = verdict(counts, without, CI)
lines.forEach(say)
process.exitCode = exitCode
