import { identifierKey } from './account.ts'
import { type PersonLine, shown } from './person_row.ts'
import { type Why, why } from './why.ts'

/** Whom a file names, by external id and identifier: tells duplicates, and who left. */
export interface NamedPeople {
  /** The line of each; 0: named on rejected lines only. */
  readonly externalIds: Map<string, number>
  readonly identifiers: Map<string, number>
  /** First line of which nobody can tell whom it is about. */
  unreadable: number | null
  /** Somebody is within the scope in which leavers are looked for. */
  inScope: boolean
}

export const nobodyNamed = (): NamedPeople => ({
  externalIds: new Map(),
  identifiers: new Map(),
  unreadable: null,
  inScope: false,
})

/** Why a line says again what an earlier good one said, or null. */
export const duplicateOf = (
  named: NamedPeople,
  { externalId, identifier }: PersonLine,
): Why | null => {
  const sameId = externalId === null ? 0 : (named.externalIds.get(externalId) ?? 0)
  if (sameId > 0) {
    const value = shown(externalId ?? '')
    return why('on_line', { column: 'external_id', value, other_line: sameId })
  }
  const sameName = named.identifiers.get(identifierKey(identifier)) ?? 0
  const value = shown(identifier)
  return sameName > 0 ? why('on_line', { column: 'identifier', value, other_line: sameName }) : null
}

/** Adds what was named in a transaction, now that it holds. */
export const addNamed = (named: NamedPeople, more: NamedPeople): void => {
  named.inScope ||= more.inScope
  named.unreadable ??= more.unreadable
  for (const [lines, added] of [
    [named.externalIds, more.externalIds],
    [named.identifiers, more.identifiers],
  ] as const) {
    for (const [key, line] of added) {
      lines.set(key, lines.get(key) || line)
    }
  }
}

/** `line`: 0 for a rejected one, which makes nobody a duplicate but whose person has not left. */
export const nameLine = (
  named: NamedPeople,
  { externalId, identifier }: { externalId: string | null; identifier: string },
  line: number,
): void => {
  for (const [lines, key] of [
    [named.externalIds, externalId ?? ''],
    [named.identifiers, identifierKey(identifier)],
  ] as const) {
    if (key !== '' && !lines.get(key)) {
      lines.set(key, line)
    }
  }
}
