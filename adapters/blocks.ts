/** Of few sizes: a statement of each is kept compiled. */
const SIZES = [50, 10, 1] as const

/** Does something with many rows, some at a time. */
export const inBlocks = async <T>(
  rows: readonly T[],
  act: (some: readonly T[]) => Promise<unknown>,
): Promise<void> => {
  for (let from = 0; from < rows.length; ) {
    const size = SIZES.find((one) => one <= rows.length - from) ?? 1
    await act(rows.slice(from, from + size))
    from += size
  }
}
