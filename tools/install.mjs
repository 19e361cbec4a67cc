/**
 * Installs what a command needs and nothing else: `node tools/install.mjs [--dev]`.
 *
 * Runs before every npm script on whatever Node the machine has (20 or later), before any package
 * is there, so it is plain JavaScript on Node's own modules. The second run costs one read of two
 * lock files. Everything it says goes to stderr: stdout belongs to the command that follows.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { missingPackages } from './missing_packages.mjs'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MODULES = join(ROOT, 'node_modules')
const OWN_NODE = join(MODULES, '.bin', 'node')
const LOCK_FILE = join(ROOT, '.install.lock')
const LOCK_POLL_MS = 200
const NODE_MAJOR = 24

/** The `packages` of a lock file, or none where there is no such file or it is cut short. */
function packagesOf(lockFile) {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')).packages ?? {}
  } catch {
    return {} // Absent or half-written: the same as nothing installed.
  }
}

function hasOwnNode() {
  return process.platform === 'linux' && ['x64', 'arm64'].includes(process.arch)
}

/** What the lock file wants and node_modules does not have, by path; Node itself included. */
function missing({ dev }) {
  const paths = missingPackages({
    wanted: packagesOf(join(ROOT, 'package-lock.json')),
    present: packagesOf(join(MODULES, '.package-lock.json')),
    dev,
    isThere: (path) => existsSync(join(ROOT, path, 'package.json')),
  })
  return hasOwnNode() && !existsSync(OWN_NODE) ? [...paths, 'node_modules/.bin/node'] : paths
}

function npm(...args) {
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  // The Node that runs npm, not ours: ours lies in the folder that is about to be replaced.
  const { npm_execpath: script, npm_node_execpath: node = process.execPath } = process.env
  const [command, first] = script?.endsWith('.js') ? [node, [script]] : ['npm', []]
  // npm's stdout joins our stderr.
  return spawnSync(command, [...first, ...args, ...options], { cwd: ROOT, stdio: ['ignore', 2, 2] })
}

function isRunning(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/** True for exactly one process at a time. One that died holding the folder is let go. */
function tryHold() {
  try {
    writeFileSync(LOCK_FILE, `${process.pid}`, { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  const holder = Number(existsSync(LOCK_FILE) ? readFileSync(LOCK_FILE, 'utf8') : 0)
  if (holder > 0 && !isRunning(holder)) rmSync(LOCK_FILE, { force: true })
  return false
}

/** Waits until no other install runs in this folder, then holds it until the process ends. */
function holdFolder() {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  while (!tryHold()) Atomics.wait(clock, 0, 0, LOCK_POLL_MS)
  process.on('exit', () => rmSync(LOCK_FILE, { force: true }))
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))
}

function install({ dev }) {
  const started = performance.now()
  const bare = !existsSync(MODULES)
  process.stderr.write(`Installing packages into node_modules${dev ? '' : ' (without tests)'} …\n`)
  const omit = dev ? [] : ['--omit=dev']
  // On top of an earlier install only what is missing is added, so that a gateway which runs
  // from this folder keeps its packages; `npm ci` would empty it first.
  if (!bare) npm('install', '--no-save', ...omit)
  if (missing({ dev }).length > 0) npm('ci', ...omit)
  const left = missing({ dev })
  if (left.length > 0) {
    process.stderr.write(`Not installed: ${left.join(', ')}\nnpm's message above says why.\n`)
    process.exit(1)
  }
  process.stderr.write(`Installed in ${((performance.now() - started) / 1000).toFixed(1)} s.\n`)
}

const dev = process.argv.includes('--dev')
if (missing({ dev }).length > 0) {
  holdFolder()
  const devPresent = existsSync(join(MODULES, 'vitest'))
  if (missing({ dev }).length > 0) install({ dev: dev || devPresent })
}
if (!hasOwnNode() && Number(process.versions.node.split('.')[0]) < NODE_MAJOR) {
  process.stderr.write(`Node ${NODE_MAJOR} is needed here, and this is ${process.version}.\n`)
  process.exit(1)
}
