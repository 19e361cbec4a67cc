/** Lets everybody else go first: a list that is read page by page keeps nobody waiting. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
