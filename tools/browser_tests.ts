import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A browser, or a program that reads what is printed. */
const DRIVES_A_BROWSER =
  /['"](?:playwright-core|@axe-core\/playwright|pdftotext|pdftoppm|pdfinfo|zbarimg)['"]/
const RELATIVE_IMPORT = /\bfrom\s*['"](\.[^'"]+\.ts)['"]/g

/** Whether a file, or one that it imports, drives such a program. Type imports count: no harm in it. */
function drivesBrowser(file: string, seen: Set<string>): boolean {
  if (seen.has(file) || !existsSync(file)) return false
  seen.add(file)
  const text = readFileSync(file, 'utf8')
  if (DRIVES_A_BROWSER.test(text)) return true
  return [...text.matchAll(RELATIVE_IMPORT)].some(([, path = '']) =>
    drivesBrowser(join(dirname(file), path), seen),
  )
}

/** The test files under `folder` that wait for a Debian package, as paths that start there. */
export const browserTests = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => join(folder, file))
    .filter((file) => drivesBrowser(file, new Set()))
    .sort()
