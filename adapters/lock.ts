/** A lock whose holders take turns in the order in which they asked. */
export interface Lock {
  acquire(): Promise<void>
  release(): void
}

export const createLock = (): Lock => {
  const waiting: (() => void)[] = []
  let held = false
  return {
    acquire() {
      if (!held) {
        held = true
        return Promise.resolve()
      }
      return new Promise((resolve) => {
        waiting.push(resolve)
      })
    },
    release() {
      const next = waiting.shift()
      if (next === undefined) {
        held = false
      } else {
        next()
      }
    },
  }
}
