import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/**
 * Debian packages that the browser tests, the screenshots and the tests of what is printed need,
 * each known by one file.
 */
const PACKAGES = {
  chromium: '/usr/bin/chromium',
  'fonts-dejavu-core': '/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf',
  'poppler-utils': '/usr/bin/pdftotext',
  'zbar-tools': '/usr/bin/zbarimg',
}

const APT_LOCK_WAIT_S = 120

/** Names of the packages of the table above that this machine does not have. */
export const missingDebianPackages = (): string[] =>
  Object.entries(PACKAGES)
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name)

const succeeds = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0

/** The words in front of apt-get that let us install, or undefined where we may not. */
function rights(): string[] | undefined {
  if (!succeeds('apt-get', '--version')) return undefined
  if (process.getuid?.() === 0) return []
  return succeeds('sudo', '-n', 'true') ? ['sudo', '-n'] : undefined
}

/**
 * Installs the missing packages where this user may (root, or sudo that asks no password).
 * Returns the names that are still missing, never asks anything.
 */
export function installDebianPackages(names: string[]): string[] {
  const before = rights()
  if (names.length === 0 || before === undefined) return names
  const apt = (...args: string[]) => {
    const lock = `DPkg::Lock::Timeout=${APT_LOCK_WAIT_S}`
    const words = [...before, 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-o', lock]
    const [command = 'env', ...rest] = [...words, ...args]
    return spawnSync(command, rest, { stdio: ['ignore', 'inherit', 'inherit'] })
  }
  apt('update') // A mirror that fails here may still serve what the next line asks for.
  apt('install', '-y', '--no-install-recommends', ...names)
  return missingDebianPackages()
}
