/**
 * Runs `act` again and again, `pauseMs` after the end of the run before: never two at once. It
 * must not reject. The waiting keeps no process alive.
 */
export const repeat = (pauseMs: number, act: () => Promise<void>): { stop(): void } => {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  const wait = (): void => {
    timer = setTimeout(run, pauseMs)
    timer.unref()
  }
  const run = async (): Promise<void> => {
    await act()
    if (!stopped) {
      wait()
    }
  }
  wait()
  return {
    stop: () => {
      stopped = true
      clearTimeout(timer)
    },
  }
}
