import { KeyFileRefusal } from './key_entry.ts'
import type { EncryptedValue } from './pskc_crypto.ts'
import type { XmlElement } from './pskc_xml.ts'

export const PSKC_NAMESPACE = 'urn:ietf:params:xml:ns:keyprov:pskc'

/** Elements of PSKC itself; a maker's own of the same name are not taken for them. */
export const children = (parent: XmlElement, name: string): XmlElement[] =>
  parent.children.filter((one) => one.name === name && one.namespace === PSKC_NAMESPACE)

const onlyOne = (found: readonly XmlElement[], name: string): XmlElement | null => {
  if (found.length > 1) {
    throw new KeyFileRefusal(`has more than one ${name}`, found[1]?.line ?? null)
  }
  return found[0] ?? null
}

/** The one element of PSKC of this name. Two would be read differently by different readers. */
export const child = (parent: XmlElement | null, name: string): XmlElement | null =>
  parent === null ? null : onlyOne(children(parent, name), name)

/** The same for what PSKC borrows: in practice the prefix is not always there (figure 7). */
export const foreignChild = (parent: XmlElement | null, name: string): XmlElement | null =>
  parent === null
    ? null
    : onlyOne(
        parent.children.filter((one) => one.name === name),
        name,
      )

export const textOf = (element: XmlElement | null): string | null =>
  element === null ? null : element.text.trim()

export const hasDescendant = (element: XmlElement, name: string): boolean =>
  element.name === name || element.children.some((one) => hasDescendant(one, name))

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/

/** Bytes from base64 that may be broken into lines, or null. */
export const fromBase64 = (text: string | null): Buffer | null => {
  const digits = (text ?? '').replaceAll(/\s/g, '')
  return digits !== '' && BASE64.test(digits) ? Buffer.from(digits, 'base64') : null
}

const bytesOf = (element: XmlElement | null, what: string): Buffer => {
  const bytes = fromBase64(textOf(element))
  if (bytes === null) {
    throw new KeyFileRefusal(`${what} is missing or not base64`, element?.line ?? null)
  }
  return bytes
}

/** The bytes of an element, which has to be there. */
export const requiredBytes = (parent: XmlElement | null, name: string): Buffer =>
  bytesOf(foreignChild(parent, name), name)

/** Reads `EncryptedValue` or `MACKey`. `mac`: the `ValueMAC` beside it. */
export const encryptedIn = (element: XmlElement, mac: XmlElement | null): EncryptedValue => ({
  algorithm: foreignChild(element, 'EncryptionMethod')?.attributes.get('Algorithm')?.trim() ?? '',
  value: requiredBytes(foreignChild(element, 'CipherData'), 'CipherValue'),
  mac: mac === null ? null : bytesOf(mac, 'ValueMAC'),
})
