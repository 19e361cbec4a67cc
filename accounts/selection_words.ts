import type { Selection } from './ports.ts'

const identifierCount = (count: number): string =>
  count === 1 ? '1 identifier' : `${count} identifiers`

/** Whom a selection is for, in words for lists and the audit: `student, class 6e A`. */
export const selectionWords = ({
  userType,
  establishment,
  className,
  identifiers,
}: Selection): string => {
  const words = [
    userType ?? [],
    establishment === undefined ? [] : `establishment ${establishment}`,
    className === undefined ? [] : `class ${className}`,
    identifiers === undefined ? [] : identifierCount(identifiers.length),
  ].flat()
  return words.length === 0 ? 'all' : words.join(', ')
}
