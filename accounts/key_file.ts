import type { OpenedKeyFile } from './key_entry.ts'
import { openOathCsv } from './oath_csv.ts'
import { openPskc } from './pskc.ts'
import { utf8Text } from './utf8.ts'

/** A key of PSKC takes some 500 to 1,500 bytes; whoever reads a file refuses a larger one unread. */
export const KEY_FILE_BYTES_MAX = 10_000_000

const refused = (message: string): OpenedKeyFile => ({
  ok: false,
  problem: { line: null, message },
})

/** Opens a file of OTP keys; what stands in it tells whether it is PSKC or CSV. */
export const openKeyFile = (bytes: Uint8Array): OpenedKeyFile => {
  if (bytes.byteLength > KEY_FILE_BYTES_MAX) {
    return refused(`has more than ${KEY_FILE_BYTES_MAX / 1_000_000} MB`)
  }
  const text = utf8Text(bytes)
  if (text === null || text.includes('\0')) {
    return refused('is not text in UTF-8: save it as that')
  }
  const begin = text.trimStart()
  if (begin === '') {
    return refused('is empty')
  }
  // Blank lines before an XML declaration are an error of XML; before CSV they are nothing.
  return begin.startsWith('<') ? openPskc(text) : openOathCsv(text)
}

const AES_KEY_BYTES = [16, 24, 32]

/** A pre-shared key in hexadecimal or else base64, of an AES key's length; null: it is neither. */
export const keyFromText = (typed: string): Buffer | null => {
  const digits = typed.replaceAll(/\s/g, '')
  const isHex = /^(?:[0-9a-f]{2})+$/i.test(digits) && AES_KEY_BYTES.includes(digits.length / 2)
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(digits)
  const bytes = Buffer.from(digits, isHex ? 'hex' : 'base64')
  return (isHex || isBase64) && AES_KEY_BYTES.includes(bytes.length) ? bytes : null
}
