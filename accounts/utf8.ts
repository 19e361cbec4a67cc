/** The text of bytes in UTF-8, a byte order mark taken off; null: they are not. */
export const utf8Text = (bytes: Uint8Array): string | null => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return null // Not UTF-8: that is the answer.
  }
}
