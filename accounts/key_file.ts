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
