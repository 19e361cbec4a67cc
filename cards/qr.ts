import { encode } from 'uqr'

/** ISO/IEC 18004 §5.3.8: four light modules all around. */
const QUIET_ZONE = 4

export interface QrCode {
  /** Modules of one side, quiet zone included. */
  readonly size: number
  /** Fills the dark modules of each row, one unit a module, y downwards: operators of PDF. */
  readonly operators: string
}

export const qrCode = (text: string): QrCode => {
  const { size, data } = encode(text, { ecc: 'M', border: QUIET_ZONE })
  const rows = data.map((row, y) => {
    const dark = row.map((module) => (module ? '1' : '0')).join('')
    return [...dark.matchAll(/1+/g)]
      .map(({ index, 0: { length } }) => `${index} ${y} ${length} 1 re`)
      .join(' ')
  })
  return { size, operators: `${rows.join(' ')} f` }
}
