/** The last of those under way, by what they would spoil for one another. */
const turns = new Map<string, Promise<void>>()

/**
 * Runs what bears one name one after the other, in the order of arrival, whether or not those
 * before succeed: the OP's records are read and then written, and a double click must not take
 * back what its first half has reached.
 */
export const inTurn = async <T>(name: string, act: () => Promise<T>): Promise<T> => {
  const turn = (turns.get(name) ?? Promise.resolve()).then(act)
  const over = turn.then(
    () => {},
    () => {}, // Whoever asked for it is told below.
  )
  turns.set(name, over)
  try {
    return await turn
  } finally {
    if (turns.get(name) === over) {
      turns.delete(name)
    }
  }
}
