/** Where a page of people begins: behind this name, or behind this word and person. */
export interface PeopleCursor {
  readonly by: 'name' | 'word'
  readonly key: string
  readonly id: number
}

export const writeCursor = ({ by, key, id }: PeopleCursor): string =>
  Buffer.from(JSON.stringify([by, key, id])).toString('base64url')

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'))
  } catch {
    return null // Cut off or made up: it is read from an address.
  }
}

/** Null: none, or nothing that `writeCursor` would have written. */
export const readCursor = (text: string | null): PeopleCursor | null => {
  const value = text === null ? null : parsed(text)
  if (!Array.isArray(value) || value.length !== 3) {
    return null
  }
  const [by, key, id] = value as unknown[]
  return (by === 'name' || by === 'word') && typeof key === 'string' && Number.isSafeInteger(id)
    ? { by, key, id: Number(id) }
    : null
}
