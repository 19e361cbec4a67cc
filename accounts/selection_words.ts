import type { Selection } from './ports.ts'

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
    identifiers === undefined ? [] : `${identifiers.length} identifiers`,
  ].flat()
  return words.length === 0 ? 'all' : words.join(', ')
}
